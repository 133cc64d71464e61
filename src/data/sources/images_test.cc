// Folders of pictures: pixels, classes, halves, sizes, the cache, and errors.
#include "src/data/sources/images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/base/warning.h"
#include "src/data/batch.h"
#include "src/data/sources/files_test.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

namespace fs = std::filesystem;

Error ErrorOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorKind::kInterrupted, "");
}

void ExpectSays(const Error& error, ErrorKind kind,
                std::initializer_list<std::string> words) {
  EXPECT_EQ(error.kind(), kind) << error.what();
  for (const std::string& word : words)
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
        << error.what();
}

// What is warned of while it lives.
class Warnings {
 public:
  Warnings()
      : before_(SetWarningSink([this](std::string_view text) {
          text_ += std::string(text) + "\n";
        })) {}
  ~Warnings() { SetWarningSink(before_); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  WarningSink before_;
};

DataContext NoCache() {
  DataContext context;
  context.cache = "none";
  return context;
}

DataSplits Load(const std::string& spec, DataContext context = NoCache()) {
  return LoadData(spec, context);
}

// Pictures of two classes, `n` of each.
void AddPictures(const TestFolder& folder, const std::string& at, int n,
                 int width = 12, int height = 8) {
  for (int i = 0; i < n; ++i) {
    folder.Add(at + "cat/" + std::to_string(i) + ".jpg",
               ToJpeg(TestPicture(width, height, 3, i)));
    folder.Add(at + "dog/" + std::to_string(i) + ".PNG",
               ToPng(TestPicture(width, height, 3, 100 + i)));
  }
}

std::vector<std::byte> Sample(const Dataset& data, int64_t i) {
  BatchReader reader(data, 1);
  const std::byte* at = reader.Read(i, 1).at(0, 0);
  return {at, at + data.inputs()[0].bytes()};
}

// Where libjpeg's own defaults are one call after another.
std::vector<uint8_t> ByLibjpeg(const std::vector<std::byte>& bytes,
                               J_COLOR_SPACE space) {
  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()),
               bytes.size());
  jpeg_read_header(&info, TRUE);
  info.out_color_space = space;
  jpeg_start_decompress(&info);
  const size_t row = info.output_width * info.output_components;
  std::vector<uint8_t> pixels(row * info.output_height);
  while (info.output_scanline < info.output_height) {
    unsigned char* to = pixels.data() + info.output_scanline * row;
    jpeg_read_scanlines(&info, &to, 1);
  }
  jpeg_destroy_decompress(&info);
  return pixels;
}

TEST(DecodePicture, GivesThePixelsOfLibjpeg) {
  for (const bool progressive : {false, true}) {
    for (const int channels : {1, 3}) {
      const auto bytes =
          ToJpeg(TestPicture(37, 23, channels, 5), 80, progressive);
      const Picture gray = DecodePicture(bytes, 1, "x");
      EXPECT_EQ(gray.pixels, ByLibjpeg(bytes, JCS_GRAYSCALE));
      const Picture color = DecodePicture(bytes, 3, "x");
      EXPECT_EQ(color.pixels, ByLibjpeg(bytes, JCS_RGB));
      EXPECT_EQ(DecodePicture(bytes, 0, "x").channels, channels);
      EXPECT_EQ(PictureHeader(bytes, "x").width, 37);
      EXPECT_TRUE(PictureHeader(bytes, "x").pixels.empty());
    }
  }
}

TEST(DecodePicture, GivesThePixelsOfPng) {
  for (const int channels : {1, 3}) {
    const Picture picture = TestPicture(37, 23, channels, 5);
    EXPECT_EQ(DecodePicture(ToPng(picture), 0, "x").pixels, picture.pixels);
    EXPECT_EQ(DecodePicture(ToPng(picture), 4 - channels, "x").pixels,
              WithChannels(picture, 4 - channels).pixels);
  }
}

// A cut file, wherever it is cut, is no picture.
TEST(DecodePicture, NamesDamagedFiles) {
  for (const auto& bytes :
       {ToJpeg(TestPicture(20, 20, 3, 1)), ToPng(TestPicture(20, 20, 3, 1))}) {
    for (size_t size = 0; size < bytes.size() - 2; ++size) {
      const Error error = ErrorOf(
          [&] { DecodePicture(std::span(bytes).first(size), 3, "d/x.jpg"); });
      ExpectSays(error, ErrorKind::kCorrupt, {"d/x.jpg: "});
    }
  }
  const std::string gif = "GIF89a not a picture";
  ExpectSays(
      ErrorOf([&] { DecodePicture(std::as_bytes(std::span(gif)), 0, "x"); }),
      ErrorKind::kUnsupported, {"GIF", "JPEG or PNG is wanted"});
}

TEST(Resized, MeansAndEdges) {
  const Picture small{2, 2, 1, {0, 100, 100, 200}};
  // Half pixel centers: the corners are the pixels themselves.
  EXPECT_EQ(Resized(small, 4, 4, Resize::kBilinear).pixels,
            (std::vector<uint8_t>{0, 25, 75, 100, 25, 50, 100, 125, 75, 100,
                                  150, 175, 100, 125, 175, 200}));
  EXPECT_EQ(Resized(small, 1, 1, Resize::kArea).pixels,
            std::vector<uint8_t>{100});
  const Picture wide{4, 2, 1, {9, 1, 2, 9, 9, 3, 4, 9}};
  EXPECT_EQ(Resized(wide, 2, 2, Resize::kCrop).pixels,
            (std::vector<uint8_t>{1, 2, 3, 4}));
  const Picture fit = Resized(wide, 4, 4, Resize::kFit);
  EXPECT_EQ(fit.pixels, (std::vector<uint8_t>{0, 0, 0, 0, 9, 1, 2, 9, 9, 3, 4,
                                              9, 0, 0, 0, 0}));
}

TEST(Images, AreSplitBySeedOverAllClasses) {
  const TestFolder folder;
  AddPictures(folder, "", 10);
  const DataSplits data = Load("images:" + folder.path() + ",split=0.3");
  EXPECT_EQ(data.train.size, 14);
  EXPECT_EQ(data.test.size, 6);
  std::set<std::string> seen;
  for (const DataHalf* half : {&data.train, &data.test}) {
    const DatasetPtr open = half->Open();
    EXPECT_EQ(open->classes(), 2);
    EXPECT_EQ(open->inputs()[0].shape, (Shape{8, 12, 3}));
    int cats = 0;
    for (int64_t i = 0; i < open->size(); ++i) {
      const std::string path = open->Origin(i);
      EXPECT_TRUE(seen.insert(path).second);
      const bool cat = path.find("cat/") != std::string::npos;
      EXPECT_EQ(LabelOf(*open, i), cat ? 0 : 1);
      cats += cat;
      EXPECT_EQ(Sample(*open, i), [&] {
        const Picture picture = DecodePicture(ReadFile(path), 3, path);
        const auto bytes = std::as_bytes(std::span(picture.pixels));
        return std::vector<std::byte>(bytes.begin(), bytes.end());
      }());
    }
    EXPECT_EQ(2 * cats, open->size());
  }
  // Another seed, other halves; the same seed, the same.
  const auto first = [&](const std::string& seed) {
    return Load("images:" + folder.path() + ",seed=" + seed)
        .test.Open()
        ->Origin(0);
  };
  EXPECT_EQ(first("1"), data.test.Open()->Origin(0));
  EXPECT_NE(first("1") + first("2"), first("3") + first("4"));
}

TEST(Images, TakeHalvesAndLabels) {
  const TestFolder folder;
  AddPictures(folder, "train/", 3);
  AddPictures(folder, "test/", 1);
  folder.Add("labels.txt", "dog\nbird\ncat\n");
  Warnings warnings;
  const DataSplits data = Load("images:" + folder.path());
  EXPECT_NE(warnings.text().find("bird"), std::string::npos);
  EXPECT_EQ(data.train.size, 6);
  EXPECT_EQ(data.test.size, 2);
  const DatasetPtr test = data.test.Open();
  EXPECT_EQ(test->classes(), 3);
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(LabelOf(*test, i),
              test->Origin(i).find("cat/") != std::string::npos ? 2 : 0);
  }
  folder.Add("labels.txt", "cat\nmouse\n");
  ExpectSays(ErrorOf([&] { Load("images:" + folder.path()); }),
             ErrorKind::kInvalidArgument, {"labels.txt", "\"dog\"", "mouse"});
}

TEST(Images, TakeTheModelsForm) {
  const TestFolder folder;
  AddPictures(folder, "", 3, 20, 10);
  DataContext context = NoCache();
  context.has_input = true;
  context.input = {6, 7, 1};
  context.takes_bytes = true;
  const DatasetPtr data = Load("images:" + folder.path(), context).test.Open();
  EXPECT_EQ(data->inputs()[0].shape, (Shape{6, 7, 1}));
  EXPECT_EQ(data->inputs()[0].real, Affine());
  const DatasetPtr given =
      Load("images:" + folder.path() + ",resize=5x4,color=bgr,scale=1/2,mean=1",
           context)
          .test.Open();
  EXPECT_EQ(given->inputs()[0].shape, (Shape{4, 5, 3}));
  EXPECT_EQ(given->inputs()[0].real, (Affine{{0.5}, {-1}}));
  const DatasetPtr rgb =
      Load("images:" + folder.path() + ",resize=5x4,color=rgb").test.Open();
  EXPECT_EQ(Sample(*given, 0)[0], Sample(*rgb, 0)[2]);
}

TEST(Images, SayWhatIsWrong) {
  const TestFolder folder;
  const std::string spec = "images:" + folder.path();
  ExpectSays(ErrorOf([&] { Load("images:/no/such"); }), ErrorKind::kNotFound,
             {"/no/such"});
  ExpectSays(ErrorOf([&] { Load(spec); }), ErrorKind::kNotFound,
             {folder.path(), ".jpg"});
  folder.Add("a/0.txt", "text");
  ExpectSays(ErrorOf([&] { Load(spec); }), ErrorKind::kNotFound, {".png"});
  AddPictures(folder, "", 4);
  for (const std::string option :
       {"resize=0", "resize=axb", "method=cubic", "color=cmyk", "split=2",
        "seed=-1", "scale=x", "mean=1:2", "std=0", "labels=2", "frob=1"}) {
    ExpectSays(ErrorOf([&] { Load(spec + "," + option).train.Open(); }),
               ErrorKind::kInvalidArgument,
               {option.substr(0, option.find('='))});
  }
  folder.Add("cat/big.jpg", ToJpeg(TestPicture(30, 8, 3, 1)));
  ExpectSays(ErrorOf([&] { Load(spec + ",split=0").train.Open(); }),
             ErrorKind::kInvalidArgument, {".jpg", "resize="});
}

TEST(Images, NameBrokenFilesOrCountThem) {
  const TestFolder folder;
  AddPictures(folder, "", 4);
  folder.Add("cat/bad.jpg", "\xFF\xD8 no more");
  const std::string spec = "images:" + folder.path() + ",split=0,resize=8";
  ExpectSays(ErrorOf([&] { Load(spec).train.Open(); }), ErrorKind::kCorrupt,
             {"cat/bad.jpg"});
  DataContext context = NoCache();
  context.skip_bad = true;
  Warnings warnings;
  const DatasetPtr data = Load(spec, context).train.Open();
  EXPECT_EQ(data->size(), 8);
  EXPECT_NE(warnings.text().find("1 of 9 samples"), std::string::npos)
      << warnings.text();
  EXPECT_NE(warnings.text().find("cat/bad.jpg"), std::string::npos);
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(LabelOf(*data, i),
              data->Origin(i).find("cat/") != std::string::npos ? 0 : 1);
  }
}

TEST(Images, ReadNothingOutsideOfTheFolder) {
  const TestFolder outside;
  outside.Add("secret.jpg", ToJpeg(TestPicture(12, 8, 3, 1)));
  const TestFolder folder;
  AddPictures(folder, "", 3);
  fs::create_symlink(outside / "secret.jpg", folder / "cat/link.jpg");
  const std::string spec = "images:" + folder.path();
  ExpectSays(ErrorOf([&] { Load(spec); }), ErrorKind::kInvalidArgument,
             {"cat/link.jpg", "secret.jpg"});
  DataContext context = NoCache();
  context.skip_bad = true;
  Warnings warnings;
  EXPECT_EQ(Load(spec + ",split=0", context).train.size, 6);
  EXPECT_NE(warnings.text().find("cat/link.jpg"), std::string::npos);
  fs::remove(folder / "cat/link.jpg");
  // One that stays inside is a file.
  fs::create_symlink(folder / "cat/0.jpg", folder / "cat/again.jpg");
  EXPECT_EQ(Load(spec + ",split=0").train.size, 7);
  fs::create_directory_symlink(outside.path(), folder / "bird");
  ExpectSays(ErrorOf([&] { Load(spec); }), ErrorKind::kInvalidArgument,
             {"/bird"});
}

TEST(Images, AreKeptInTheCacheByContent) {
  const TestFolder folder;
  const TestFolder cache;
  AddPictures(folder, "", 4);
  DataContext context;
  context.cache = cache.path();
  const std::string spec = "images:" + folder.path() + ",split=0,resize=8";
  const auto read = [&] {
    const DatasetPtr data = Load(spec, context).train.Open();
    std::map<std::string, std::vector<std::byte>> samples;
    for (int64_t i = 0; i < data->size(); ++i)
      samples[data->Origin(i)] = Sample(*data, i);
    return samples;
  };
  const auto files = [&] {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(cache.path()))
      count += entry.path().extension() == ".samples";
    return count;
  };
  const auto first = read();
  EXPECT_EQ(read(), first);
  EXPECT_EQ(files(), 1);
  // Another content of the same name is another set of samples.
  folder.Add("cat/0.jpg", ToJpeg(TestPicture(12, 8, 3, 77)));
  const auto second = read();
  EXPECT_NE(second.at(folder / "cat/0.jpg"), first.at(folder / "cat/0.jpg"));
  EXPECT_EQ(second.at(folder / "cat/1.jpg"), first.at(folder / "cat/1.jpg"));
  EXPECT_EQ(files(), 2);
  // A damaged cache is no damage to the samples.
  for (const auto& entry : fs::directory_iterator(cache.path())) {
    if (entry.path().extension() != ".samples") continue;
    std::vector<std::byte> bytes = ReadFile(entry.path().string());
    for (size_t i = 64 + 8 * 8; i < bytes.size(); i += 3)
      bytes[i] ^= std::byte{1};
    WriteFile(entry.path().string(), bytes);
  }
  EXPECT_EQ(read(), second);
  // What does not fit is not kept.
  context.cache_bytes = 64 + 8 * 8 + 3 * 8 * 8 * 3;
  EXPECT_EQ(read(), second);
}

}  // namespace
}  // namespace litesmith
