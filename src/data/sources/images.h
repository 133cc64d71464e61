// Folders of pictures.
#ifndef LITESMITH_DATA_SOURCES_IMAGES_H_
#define LITESMITH_DATA_SOURCES_IMAGES_H_

#include <memory>
#include <string>

#include "src/data/decode/picture.h"
#include "src/data/sources.h"
#include "src/data/sources/file_dataset.h"

namespace litesmith {

// How pictures become samples [height, width, channels] of bytes.
struct PictureForm {
  int width = 0;
  int height = 0;
  int channels = 3;
  bool bgr = false;
  Resize method = Resize::kBilinear;
  bool resized = false;  // else another size is an error
};

// The form by options, by what the model takes where they are silent, and else
// by this one's header.
PictureForm FormOf(const SpecOptions& options, const DataContext& context,
                   const Picture& first);

// A picture's file as a sample.
std::shared_ptr<const FileDecoder> PictureDecoder(const PictureForm& form);

// JPEG and PNG files by class (folder.h), brought to one size: that of
// `resize`, else that of the model's input, else all must have one. Bytes that
// stand for 0 to 1. Throws Error.
DataSplits LoadImages(const DataRequest& request);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SOURCES_IMAGES_H_
