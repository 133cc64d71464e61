// Folders of sounds.
#ifndef LITESMITH_DATA_SOURCES_WAV_H_
#define LITESMITH_DATA_SOURCES_WAV_H_

#include <cstdint>
#include <memory>
#include <string>

#include "src/data/features/features.h"
#include "src/data/sources.h"
#include "src/data/sources/file_dataset.h"

namespace litesmith {

// How sounds become samples.
struct SoundForm {
  int rate = 16000;
  int64_t length = 0;  // samples at that rate that an input is made of
  int64_t stride = 0;  // from one window to the next; 0: one window a file
  const FrontEnd* features = nullptr;
};

// By options, by what the model takes where they are silent, and else by the
// file at `path`, a sound. `longest` is that of all files in seconds.
SoundForm SoundFormOf(const SpecOptions& options, const DataContext& context,
                      const std::string& path, double longest);

// A sound's file as samples.
std::shared_ptr<const FileDecoder> SoundDecoder(const SoundForm& form);

// WAV files by class (folder.h): PCM of 8 to 32 bits or floats, channels mixed
// to one, brought to one rate, cut or padded with silence to `length`, or cut
// into windows of `window`; halves are split by file. Throws Error.
DataSplits LoadWav(const DataRequest& request);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_WAV_H_
