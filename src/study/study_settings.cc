// Settings as study.json, compared, and named.
#include "src/study/study_settings.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/study/fields_json.h"
#include "src/study/run_directory.h"

namespace litesmith {
namespace {

using Json = nlohmann::ordered_json;

// "digits", "mnist", "my_net": the last part of a path or a SPEC, as letters,
// digits, - and _.
std::string Slug(const std::string& text) {
  std::string slug = std::filesystem::path(text).stem().string();
  if (slug.empty()) slug = text;
  std::replace_if(
      slug.begin(), slug.end(),
      [](unsigned char c) {
        return std::isalnum(c) == 0 && c != '-' && c != '_';
      },
      '-');
  return slug;
}

// Every field as text, by name.
class SettingTexts {
 public:
  template <typename T>
  void operator()(const char* name, const T& value) {
    texts_[name] = fmt::format("{}", value);
  }
  template <typename T>
  void operator()(const char* name, const T& value, NoEffect) {
    (*this)(name, value);
  }
  const std::string& of(const std::string& name) { return texts_[name]; }

 private:
  std::map<std::string, std::string> texts_;
};

SettingTexts TextsOf(const StudySettings& settings) {
  SettingTexts texts;
  VisitFields(settings, texts);
  return texts;
}

// Puts a name together of the fields in which two settings differ.
struct Namer {
  SettingTexts& mine;
  SettingTexts& other;
  std::string name;

  template <typename T>
  void operator()(const char* field, const T&) {
    const std::string& value = mine.of(field);
    if (value == other.of(field)) return;
    std::string label = field;
    std::string text = value;
    const size_t digest = label.rfind("_digest");
    if (digest != std::string::npos) {
      label.resize(digest);
      text = Slug(mine.of(label)) + "-" + value.substr(0, 6);
    }
    std::replace(label.begin(), label.end(), '_', '-');
    name += fmt::format("{}{}-{}", name.empty() ? "" : "-", label, text);
  }
  template <typename T>
  void operator()(const char*, const T&, NoEffect) {}
};

}  // namespace

std::optional<StudySettings> ReadSettings(const std::string& path) {
  if (!FileExists(path)) return std::nullopt;
  const std::vector<std::byte> bytes = ReadFile(path, int64_t{1} << 20);
  try {
    const Json json = Json::parse(
        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    json.at("seed");
    return FieldsFromJson<StudySettings>(json);
  } catch (const Json::exception& error) {
    Fail(ErrorKind::kCorrupt,
         "{}: {}; it holds the settings of the results beside it: without the "
         "file the next study takes their place",
         path, error.what());
  }
}

void WriteSettings(const StudySettings& settings, const std::string& path) {
  WriteFile(path, FieldsToJson(settings).dump(2) + "\n");
}

std::string SettingsName(const StudySettings& settings,
                         const StudySettings& first) {
  SettingTexts mine = TextsOf(settings);
  SettingTexts other = TextsOf(first);
  Namer namer{mine, other, ""};
  VisitFields(settings, namer);
  return namer.name;
}

std::string SettingsFolder(const std::string& directory,
                           const StudySettings& settings) {
  const auto first = ReadSettings(directory + "/" + kSettingsFile);
  if (!first) return "";
  const std::string name = SettingsName(settings, *first);
  if (name.empty()) return "";
  const auto taken = ReadSettings(directory + "/" + name + "/" + kSettingsFile);
  if (!taken || FieldsText(*taken) == FieldsText(settings)) return name;
  // Named when the directory had other first settings.
  return name + "-" + DigestOf(FieldsText(settings));
}

}  // namespace litesmith
