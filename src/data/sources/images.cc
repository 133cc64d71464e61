// Pictures: their form, and their decoder.
#include "src/data/sources/images.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "src/base/error.h"
#include "src/base/file.h"
#include "src/base/warning.h"

namespace litesmith {
namespace {

constexpr const char* kEndings[] = {".jpg", ".jpeg", ".png"};
constexpr const char* kMethods[] = {"bilinear", "area", "crop", "fit"};
constexpr const char* kColors[] = {"auto", "gray", "rgb", "bgr"};

class Decoder : public FileDecoder {
 public:
  explicit Decoder(const PictureForm& form) : form_(form) {
    field_ = {"image",
              {form.height, form.width, form.channels},
              DType::kUInt8,
              {{1.0 / 255}, {0}}};
  }

  const Field& field() const override { return field_; }
  void Decode(std::span<const std::byte> bytes, const std::string& where,
              int64_t, std::byte* out) const override {
    Picture picture = DecodePicture(bytes, form_.channels, where);
    if (picture.width != form_.width || picture.height != form_.height) {
      if (!form_.resized) {
        Fail(ErrorKind::kInvalidArgument,
             "{}: {} x {} pixels, the first picture has {} x {}; one size is "
             "wanted, to which resize=WIDTHxHEIGHT brings all",
             where, picture.width, picture.height, form_.width, form_.height);
      }
      picture = Resized(picture, form_.width, form_.height, form_.method);
    }
    std::memcpy(out, picture.pixels.data(), picture.pixels.size());
    if (!form_.bgr) return;
    for (size_t i = 0; i < picture.pixels.size(); i += 3)
      std::swap(out[i], out[i + 2]);
  }
  std::string Key() const override {
    return fmt::format("picture {}x{}x{} {} {}", form_.width, form_.height,
                       form_.channels, kMethods[static_cast<int>(form_.method)],
                       form_.bgr);
  }

 private:
  PictureForm form_;
  Field field_;
};

// The first picture that can be read; others are named later.
Picture FirstHeader(const FolderFiles& files, bool skip_bad) {
  for (const auto* half : {&files.train, &files.test}) {
    for (const LabelledFile& file : *half) {
      try {
        return PictureHeader(ReadFile(file.path), file.path);
      } catch (const Error&) {
        if (!skip_bad) throw;
      }
    }
  }
  Fail(ErrorKind::kCorrupt, "no picture can be read");
}

}  // namespace

PictureForm FormOf(const SpecOptions& options, const DataContext& context,
                   const Picture& first) {
  PictureForm form;
  const std::string color = options.Choice("color", kColors);
  const std::string method = options.Choice("method", kMethods);
  for (size_t i = 0; i < std::size(kMethods); ++i) {
    if (method == kMethods[i]) form.method = static_cast<Resize>(i);
  }
  const Shape& input = context.input;
  // [height, width, channels] or [height, width].
  const bool picture =
      context.has_input && input.IsStatic() &&
      (input.rank() == 2 ||
       (input.rank() == 3 && (input[2] == 1 || input[2] == 3)));
  form.channels = first.channels;
  if (picture) form.channels = input.rank() == 2 ? 1 : input[2];
  if (color != "auto") form.channels = color == "gray" ? 1 : 3;
  form.bgr = color == "bgr";
  form.width = first.width;
  form.height = first.height;
  form.resized = options.Has("resize");
  if (form.resized) {
    std::tie(form.width, form.height) = options.Size("resize");
  } else if (picture && !options.Has("crop")) {
    form.resized = true;
    form.height = input[0];
    form.width = input[1];
  }
  if (!form.resized && options.Has("method")) {
    Warn("method={} has no effect: no size is given (resize=N)", method);
  }
  return form;
}

std::shared_ptr<const FileDecoder> PictureDecoder(const PictureForm& form) {
  return std::make_shared<const Decoder>(form);
}

DataSplits LoadImages(const DataRequest& request) {
  FolderFiles files = FindFiles(request.argument, request.options, kEndings,
                                "picture", request.context.skip_bad);
  const PictureForm form = FormOf(request.options, request.context,
                                  FirstHeader(files, request.context.skip_bad));
  return FileSplits("images", std::move(files), request.argument,
                    PictureDecoder(form), request.context);
}

}  // namespace litesmith
