// HTML by hand: two tables, and bars of signal to noise.
#include "src/study/compare_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "src/base/names.h"
#include "src/measure/metrics.h"
#include "src/study/report/html.h"

namespace litesmith {
namespace {

constexpr char kHead[] = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Litesmith: two files compared</title>
<style>
:root { color-scheme: light dark; --line: #8885; --bar: #3a7bd5; --bad: #c0392b; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td:first-child { overflow-wrap: anywhere; min-width: 8rem; }
td.n, th.n { text-align: right; white-space: nowrap; }
.bar { background: var(--bar); height: .6rem; min-width: 1px; border-radius: 2px; }
.low .bar { background: var(--bad); }
p.answer { font-size: 1.1rem; }
</style></head><body>
<h1>Two files compared</h1>
)";

std::string Row(const std::string& what, const std::string& a,
                const std::string& b) {
  return fmt::format(
      "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n", what,
      Html(a), Html(b));
}

std::string Files(const Comparison& c) {
  const auto both = [&](const char* what, const auto& text) {
    return Row(what, text(c.a), text(c.b));
  };
  std::string html =
      "<div class=\"wide\"><table>\n<thead><tr><th></th><th "
      "scope=\"col\">A</th>"
      "<th scope=\"col\">B</th></tr></thead><tbody>\n";
  html += both("file", [](const ComparedFile& f) { return f.path; });
  html += both("what it is", [](const ComparedFile& f) { return f.numbers; });
  for (const ComparedOutput& output : c.outputs) {
    const Metric& metric = FindMetric(output.metric);
    html += Row(Html(ValueName(output, &output == &c.outputs[0])),
                ValueText(metric, output.a.value),
                ValueText(metric, output.b.value));
  }
  if (c.timed_samples > 0) {
    html += both("latency, median", [](const ComparedFile& f) {
      return fmt::format("{:.2f} us", f.time.latency_us_p50);
    });
  }
  html += both("bytes", [](const ComparedFile& f) {
    return fmt::format("{}", f.file_bytes);
  });
  html += both("bytes, gzipped", [](const ComparedFile& f) {
    return fmt::format("{}", f.gzip_bytes);
  });
  html += both("arena bytes", [](const ComparedFile& f) {
    return fmt::format("{}", f.arena_bytes);
  });
  return html + "</tbody></table></div>\n";
}

// How often both answer alike, and whether the difference is chance.
std::string AnswersHtml(const ComparedOutput& output, bool first) {
  std::string html;
  if (output.agreement) {
    html += fmt::format("Both give the same class for {:.2f} % of the samples.",
                        100 * *output.agreement);
  }
  if (output.counts)
    html += (html.empty() ? "" : " ") + Html(ChanceText(output)) + ".";
  if (html.empty()) return html;
  if (!first) html = fmt::format("<b>{}</b>: {}", Html(output.name), html);
  html = fmt::format("<p class=\"answer\">{}</p>\n", html);
  if (output.different.empty()) return html;
  return html + fmt::format("<p>The first of other classes: {}.</p>\n",
                            fmt::join(output.different, ", "));
}

// 60 dB and more is a full bar.
std::string TensorRow(const TensorNoise& tensor) {
  constexpr double kFull = 60;
  constexpr double kLow = 15;
  const double db = tensor.sqnr_db();
  const double share = std::clamp(std::isnan(db) ? 0.0 : db / kFull, 0.0, 1.0);
  return fmt::format(
      "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td "
      "class=\"n\">{}</td>"
      "<td style=\"min-width:6rem\"><div class=\"bar\" "
      "style=\"width:{:.1f}%\"></div></td>"
      "<td class=\"n\">{:.4g}</td><td class=\"n\">{:.3g}</td></tr>\n",
      db < kLow ? " class=\"low\"" : "", Html(tensor.name), Html(tensor.op),
      tensor.constant ? "weights" : "activation", Name(tensor.dtype),
      NoiseText(tensor), 100 * share, tensor.largest, tensor.added);
}

std::string Tensors(const Comparison& c) {
  std::string html = fmt::format(
      "<h2>Tensor by tensor</h2>\n<p>B against A on {}; {} of {} operators of "
      "B "
      "have a counterpart in A. Signal to noise is 10 log<sub>10</sub> of the "
      "squares of A over the squares of the differences; what an operator adds "
      "is the noise, relative to the signal, that none of its inputs "
      "had.</p>\n",
      Counted(c.tensor_samples, "sample"), c.matched_ops, c.ops);
  if (const TensorNoise* most = MostAdded(c.tensors)) {
    html += fmt::format(
        "<p class=\"answer\">The difference starts at <b>{}</b> ({}).</p>\n",
        Html(most->name), Html(most->op));
  } else {
    html += "<p class=\"answer\">No activation differs.</p>\n";
  }
  html +=
      "<div class=\"wide\"><table><thead><tr><th scope=\"col\">tensor of B</th>"
      "<th scope=\"col\">operator</th><th scope=\"col\">kind</th>"
      "<th scope=\"col\">type</th><th scope=\"col\" class=\"n\">signal to "
      "noise</th><th></th><th scope=\"col\" class=\"n\">largest "
      "difference</th><th scope=\"col\" class=\"n\">adds</th></tr></thead>"
      "<tbody>\n";
  for (const TensorNoise* tensor : WorstFirst(c.tensors))
    html += TensorRow(*tensor);
  return html + "</tbody></table></div>\n";
}

}  // namespace

std::string NoiseText(const TensorNoise& tensor) {
  if (tensor.same()) return "exact";
  return fmt::format("{:.1f} dB", tensor.sqnr_db());
}

std::vector<const TensorNoise*> WorstFirst(
    std::span<const TensorNoise> tensors) {
  std::vector<const TensorNoise*> sorted;
  for (const TensorNoise& tensor : tensors) sorted.push_back(&tensor);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const TensorNoise* a, const TensorNoise* b) {
                     if ((a->not_finite > 0) != (b->not_finite > 0))
                       return a->not_finite > 0;
                     return a->sqnr_db() < b->sqnr_db();
                   });
  return sorted;
}

std::string ValueName(const ComparedOutput& output, bool first) {
  const std::string metric = ShownName(output.metric);
  return first ? metric : output.name + " " + metric;
}

std::string ChanceText(const ComparedOutput& output) {
  if (!output.counts) return "";
  const PairedCounts& counts = *output.counts;
  const McNemar& test = *output.mcnemar;
  std::string text =
      fmt::format("A alone is right on {}, B alone on {}; ",
                  Counted(counts.only_a, "sample"), counts.only_b);
  if (counts.only_a + counts.only_b == 0)
    return text + "they are right on the same ones";
  constexpr double kLevel = 0.05;
  return text +
         fmt::format(
             "McNemar's test: p {:.3g} (chi-square {:.2f}, p {:.3g}), so the "
             "difference {}",
             test.exact_p, test.chi_square, test.chi_square_p,
             test.exact_p < kLevel ? "is more than chance" : "may be chance");
}

std::string ComparePage(const Comparison& c, const std::string& data) {
  std::string html = kHead;
  html += fmt::format("<p>On {} of <code>{}</code>.</p>\n",
                      Counted(c.samples, "test sample"), Html(data));
  html += Files(c);
  for (const ComparedOutput& output : c.outputs)
    html += AnswersHtml(output, &output == &c.outputs[0]);
  if (!c.tensors.empty()) html += Tensors(c);
  return html + "</body></html>\n";
}

}  // namespace litesmith
