// Walks the folder. What is found is sorted by name first: the order of a
// directory is the file system's.
#include "src/data/sources/folder.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/base/near_file.h"
#include "src/base/rng.h"
#include "src/base/warning.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

// Streams of the seed: one a class and half.
constexpr uint64_t kSplitStream = 1;
constexpr uint64_t kOrderStream = uint64_t{1} << 40;

std::string LowerEnding(const fs::path& path) {
  std::string ending = path.extension().string();
  for (char& c : ending)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return ending;
}

class Walk {
 public:
  Walk(const std::string& folder, std::span<const char* const> endings,
       const std::string& what, bool skip_bad)
      : folder_(folder), endings_(endings), what_(what), skip_bad_(skip_bad) {
    std::error_code code;
    if (!fs::exists(folder, code)) {
      Fail(ErrorKind::kNotFound,
           "there is no folder {}; one of {}s, a folder in it for each class, "
           "is wanted{}",
           folder, what, DidYouMeanFile(folder));
    }
    if (!fs::is_directory(folder, code)) {
      Fail(ErrorKind::kInvalidArgument,
           "{} is a file; a folder of {}s is wanted", folder, what);
    }
    root_ = fs::canonical(folder, code);
    if (code) {
      Fail(ErrorKind::kIo, "cannot read the folder {}: {}", folder,
           code.message());
    }
  }

  // Names in a folder that do not begin with '.', sorted; folders of links that
  // stay inside are folders.
  std::vector<fs::path> List(const fs::path& folder, bool folders) const {
    std::vector<fs::path> found;
    std::error_code code;
    fs::directory_iterator at(folder, code);
    for (; !code && at != fs::directory_iterator(); at.increment(code)) {
      const fs::path& path = at->path();
      if (path.filename().string().starts_with('.')) continue;
      if (fs::is_symlink(path) && !Stays(path)) continue;
      std::error_code gone;
      if (fs::is_directory(path, gone) == folders) found.push_back(path);
    }
    if (code) {
      Fail(ErrorKind::kIo, "cannot read the folder {}: {}", folder.string(),
           code.message());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  // The files of our endings at any depth.
  void Collect(const fs::path& folder, int depth,
               std::vector<std::string>* files) {
    constexpr int kDeepest = 16;
    for (const fs::path& path : List(folder, false)) {
      const std::string ending = LowerEnding(path);
      const bool ours =
          std::any_of(endings_.begin(), endings_.end(),
                      [&](const char* each) { return ending == each; });
      if (ours) {
        files->push_back(path.string());
      } else if (path.filename() != "labels.txt") {
        if (others_++ == 0) other_ = path.string();
      }
    }
    if (depth == kDeepest) return;
    for (const fs::path& path : List(folder, true)) {
      // A link to a folder could be its own parent.
      if (fs::is_symlink(path)) {
        Warn("{} is a link to a folder and is left out", path.string());
        continue;
      }
      Collect(path, depth + 1, files);
    }
  }

  void ForgetOthers() { others_ = 0; }

  void WarnOfOthers() const {
    if (others_ == 0) return;
    Warn("{} of {} left out: {} is wanted by the name ({})",
         Counted(others_, "file"), folder_, JoinEndings(), other_);
  }

  std::string JoinEndings() const {
    return JoinNames(
        std::vector<std::string>(endings_.begin(), endings_.end()));
  }

 private:
  // Whether a link ends inside the folder.
  bool Stays(const fs::path& path) const {
    std::error_code code;
    const fs::path target = fs::canonical(path, code);
    const bool inside = !code && std::mismatch(root_.begin(), root_.end(),
                                               target.begin(), target.end())
                                         .first == root_.end();
    if (inside) return true;
    const std::string text =
        code ? fmt::format("{} is a link to nothing", path.string())
             : fmt::format("{} is a link to {}, outside of {}", path.string(),
                           target.string(), folder_);
    if (!skip_bad_) {
      Fail(ErrorKind::kInvalidArgument,
           "{}: nothing is read there; a copy in its place would do, or "
           "--skip-bad to leave it out",
           text);
    }
    Warn("{}; it is left out", text);
    return false;
  }

  std::string folder_;
  std::span<const char* const> endings_;
  std::string what_;
  bool skip_bad_;
  fs::path root_;
  int64_t others_ = 0;
  std::string other_;
};

// The names in labels.txt, if there is one.
std::vector<std::string> ReadLabels(const std::string& folder) {
  const std::string path = (fs::path(folder) / "labels.txt").string();
  std::vector<std::string> names;
  if (!FileExists(path)) return names;
  std::error_code code;
  const fs::path real = fs::canonical(path, code);
  if (code || real.parent_path() != fs::canonical(folder, code)) {
    Fail(ErrorKind::kInvalidArgument, "{} is a link out of the folder", path);
  }
  const std::vector<std::byte> bytes = ReadFile(path, int64_t{1} << 20);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  text += '\n';
  std::set<std::string> seen;
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != std::string::npos;
       begin = end + 1, end = text.find('\n', begin)) {
    std::string line = text.substr(begin, end - begin);
    while (!line.empty() &&
           std::isspace(static_cast<unsigned char>(line.back())))
      line.pop_back();
    if (line.empty()) continue;
    if (!seen.insert(line).second) {
      Fail(ErrorKind::kInvalidArgument, "{}: \"{}\" is there twice", path,
           line);
    }
    names.push_back(std::move(line));
  }
  return names;
}

using Classes = std::map<std::string, std::vector<std::string>>;

// The files below each class of a folder.
Classes CollectClasses(const fs::path& folder, Walk* walk) {
  Classes classes;
  for (const fs::path& path : walk->List(folder, true)) {
    std::vector<std::string> files;
    walk->Collect(path, 0, &files);
    const std::string name = path.filename().string();
    if (files.empty()) {
      Warn("{} holds no file that ends in {}: it is no class", path.string(),
           walk->JoinEndings());
      continue;
    }
    classes.emplace(name, std::move(files));
  }
  return classes;
}

// Numbers as names, of which "10" comes before "2".
void WarnOfNumbers(const std::vector<std::string>& names) {
  const bool numbers =
      std::all_of(names.begin(), names.end(), [](const std::string& name) {
        return name.size() < 10 &&
               std::all_of(name.begin(), name.end(),
                           [](char c) { return c >= '0' && c <= '9'; });
      });
  if (!numbers) return;
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::stoul(names[i]) == i) continue;
    Warn(
        "the folder {} is class {}: classes are numbered in the order of their "
        "names' letters, as Keras does; a labels.txt with a name a line would "
        "say another order",
        names[i], i);
    return;
  }
}

// The order of the classes: that of labels.txt, else of their names.
std::vector<std::string> Order(const std::string& folder,
                               const std::set<std::string>& found) {
  std::vector<std::string> names = ReadLabels(folder);
  if (names.empty()) {
    names.assign(found.begin(), found.end());
    WarnOfNumbers(names);
    return names;
  }
  const std::string path = (fs::path(folder) / "labels.txt").string();
  for (const std::string& name : found) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      Fail(ErrorKind::kInvalidArgument,
           "{}: the folder \"{}\" has no line in it, which has one for: {}",
           path, name, JoinNames(names));
    }
  }
  for (const std::string& name : names) {
    if (!found.contains(name))
      Warn("{} names the class {}, which has no file", path, name);
  }
  return names;
}

// The test share of a class's files goes to `test`.
void Split(std::vector<std::string> files, int label, double share,
           uint64_t seed, FolderFiles* to) {
  Rng rng(seed, kSplitStream + static_cast<uint64_t>(label + 1));
  rng.Shuffle(std::span<std::string>(files));
  auto test = static_cast<size_t>(
      std::llround(share * static_cast<double>(files.size())));
  // One of each at least, where there are two.
  if (share > 0 && share < 1 && files.size() > 1)
    test = std::clamp<size_t>(test, 1, files.size() - 1);
  for (size_t i = 0; i < files.size(); ++i)
    (i < test ? to->test : to->train).push_back({std::move(files[i]), label});
}

fs::path HalfFolder(const std::string& folder,
                    std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::error_code code;
    if (fs::is_directory(fs::path(folder) / name, code))
      return fs::path(folder) / name;
  }
  return {};
}

void AddHalf(const Classes& classes, const std::vector<std::string>& order,
             std::vector<LabelledFile>* half) {
  for (size_t label = 0; label < order.size(); ++label) {
    const auto found = classes.find(order[label]);
    if (found == classes.end()) continue;
    for (const std::string& path : found->second)
      half->push_back({path, static_cast<int>(label)});
  }
}

std::set<std::string> NamesIn(std::initializer_list<const Classes*> halves) {
  std::set<std::string> names;
  for (const Classes* half : halves) {
    for (const auto& [name, files] : *half) names.insert(name);
  }
  return names;
}

}  // namespace

FolderFiles FindFiles(const std::string& folder, const SpecOptions& options,
                      std::span<const char* const> endings,
                      const std::string& what, bool skip_bad) {
  const double share = options.Number("split", 0.2, 0, 1);
  const auto seed = static_cast<uint64_t>(
      options.Whole("seed", 1, 0, std::numeric_limits<int64_t>::max()));
  Walk walk(folder, endings, what, skip_bad);
  FolderFiles found;
  const fs::path train = HalfFolder(folder, {"train", "training"});
  const fs::path test =
      HalfFolder(folder, {"test", "testing", "validation", "val", "valid"});
  if (!train.empty() || !test.empty()) {
    if (options.Has("split") && !train.empty() && !test.empty()) {
      Warn("split={} has no effect: {} and {} are the halves",
           options.Text("split", ""), train.string(), test.string());
    }
    Classes halves[2];
    if (!train.empty()) halves[0] = CollectClasses(train, &walk);
    if (!test.empty()) halves[1] = CollectClasses(test, &walk);
    found.classes = Order(folder, NamesIn({&halves[0], &halves[1]}));
    AddHalf(halves[0], found.classes, &found.train);
    AddHalf(halves[1], found.classes, &found.test);
    if (test.empty()) {  // then a part of train is
      found.train.clear();
      for (size_t label = 0; label < found.classes.size(); ++label) {
        Split(halves[0][found.classes[label]], static_cast<int>(label), share,
              seed, &found);
      }
    }
  } else {
    Classes classes = CollectClasses(folder, &walk);
    if (classes.empty()) {
      std::vector<std::string> files;
      walk.ForgetOthers();  // they are met again
      walk.Collect(folder, 0, &files);
      Split(std::move(files), -1, share, seed, &found);
    } else {
      found.classes = Order(folder, NamesIn({&classes}));
      for (size_t label = 0; label < found.classes.size(); ++label) {
        Split(classes[found.classes[label]], static_cast<int>(label), share,
              seed, &found);
      }
    }
  }
  walk.WarnOfOthers();
  if (found.train.empty() && found.test.empty()) {
    Fail(ErrorKind::kNotFound,
         "{} holds no {}: files that end in {} are wanted, in a folder for "
         "each class",
         folder, what, walk.JoinEndings());
  }
  for (std::vector<LabelledFile>* half : {&found.train, &found.test}) {
    Rng rng(seed, kOrderStream + (half == &found.train ? 0 : 1));
    rng.Shuffle(std::span<LabelledFile>(*half));
  }
  return found;
}

}  // namespace litesmith
