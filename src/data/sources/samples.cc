// By their endings.
#include "src/data/sources/samples.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/names.h"
#include "src/data/decode/sound.h"
#include "src/data/described.h"
#include "src/data/sources/images.h"
#include "src/data/sources/wav.h"

namespace litesmith {
namespace {

constexpr const char* kPictures[] = {".jpg", ".jpeg", ".png"};
constexpr const char* kSounds[] = {".wav", ".wave"};
constexpr const char* kPictureOptions[] = {"resize", "method", "color",
                                           "scale",  "mean",   "std"};
constexpr const char* kSoundOptions[] = {"rate",  "length", "features",
                                         "scale", "mean",   "std"};

bool EndsIn(std::string path, std::span<const char* const> endings) {
  for (char& c : path)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(endings.begin(), endings.end(), [&](const char* ending) {
    return path.ends_with(ending);
  });
}

}  // namespace

bool IsSampleFile(const std::string& path) {
  return EndsIn(path, kPictures) || EndsIn(path, kSounds);
}

DatasetPtr SamplesOf(const std::vector<std::string>& paths,
                     const std::string& options, const DataContext& context) {
  const bool picture = EndsIn(paths[0], kPictures);
  for (const std::string& path : paths) {
    if (EndsIn(path, picture ? std::span<const char* const>(kPictures)
                             : std::span<const char* const>(kSounds)))
      continue;
    Fail(ErrorKind::kInvalidArgument,
         "{}: pictures (.jpg, .jpeg, .png) or sounds (.wav) are wanted, all of "
         "one kind",
         path);
  }
  const char* kind = picture ? "images" : "wav";
  const DataSpec spec =
      ParseSpec(options.empty() ? kind : fmt::format("{},{}", kind, options));
  const auto known = picture ? std::span<const char* const>(kPictureOptions)
                             : std::span<const char* const>(kSoundOptions);
  for (const auto& [name, value] : spec.options.values()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    Fail(ErrorKind::kInvalidArgument, "--as {}: {}", options,
         UnknownName("option", name,
                     std::vector<std::string>(known.begin(), known.end())));
  }
  std::shared_ptr<const FileDecoder> decoder;
  if (picture) {
    decoder = PictureDecoder(FormOf(
        spec.options, context, PictureHeader(ReadFile(paths[0]), paths[0])));
  } else {
    const SoundHeader header = ReadSoundHeader(paths[0]);
    decoder = SoundDecoder(
        SoundFormOf(spec.options, context, paths[0],
                    static_cast<double>(header.samples) / header.rate));
  }
  FolderFiles files;
  for (const std::string& path : paths) files.train.push_back({path, -1});
  DataContext uncached = context;
  uncached.cache = "none";
  DataSplits splits = FileSplits(kind, std::move(files), paths[0],
                                 std::move(decoder), uncached);
  return Described(std::move(splits), spec.options, context).train.Open();
}

}  // namespace litesmith
