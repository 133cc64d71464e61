// litesmith report: the page of a run directory, also of an unfinished one.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/cli/json.h"
#include "src/cli/options.h"
#include "src/cli/verb.h"
#include "src/study/report/contents.h"
#include "src/study/report/page.h"
#include "src/study/study.h"

namespace litesmith {
namespace {

struct ReportFlags {
  std::string directory;
  std::string out;
  bool json = false;
};

void PerformReport(const ReportFlags& options) {
  const std::string out =
      options.out.empty() ? options.directory + "/" + kReportFile : options.out;
  std::vector<StudyRow> rows = ReadStudy(options.directory);
  UseOutput(out);
  FileDigests digests;
  const size_t count = rows.size();
  const std::string page =
      ReportPage(ReadContents(options.directory, std::move(rows), &digests),
                 options.directory);
  WriteFile(out, page);
  if (options.json) {
    PrintJson({{"path", out}, {"results", count}, {"bytes", page.size()}});
    return;
  }
  PrintLine(fmt::format("{}: {} results, {} bytes", out, count, page.size()));
}

}  // namespace

void AddReport(CLI::App* app) {
  const auto options = std::make_shared<ReportFlags>();
  CLI::App* verb = app->add_subcommand(
      "report",
      "Write the page of a study's folder: which file to take, the table, "
      "plots,\n"
      "trees, curves, layers, mistakes and memory, as one HTML file that opens "
      "from\n"
      "disk and asks nothing of the web. A study writes it at its end; this "
      "does it\n"
      "for a folder that is unfinished, or was made by another build.");
  verb->add_option("directory", options->directory,
                   "A folder that `litesmith study` wrote")
      ->type_name("DIR")
      ->required();
  verb->add_option("-o,--out", options->out,
                   "The page to write; DIR/report.html if not given")
      ->type_name("FILE.html");
  AddJson(verb, &options->json);
  verb->callback([options] { PerformReport(*options); });
}

}  // namespace litesmith
