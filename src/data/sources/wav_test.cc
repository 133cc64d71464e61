// Sounds: every kind of sample, rates, windows, front ends, and errors.
#include "src/data/sources/wav.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "src/base/error.h"
#include "src/data/batch.h"
#include "src/data/decode/sound.h"
#include "src/data/sources/files_test.h"
#include "src/data/values.h"

namespace litesmith {
namespace {

std::string Little(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i)
    text += static_cast<char>(value >> (8 * i) & 255);
  return text;
}

// A file of these samples of -1 to 1 on each channel.
std::string Wav(const std::vector<double>& sound, int rate, int bits,
                bool floats = false, int channels = 1,
                bool extensible = false) {
  std::string data;
  for (const double x : sound) {
    for (int c = 0; c < channels; ++c) {
      if (floats && bits == 32) {
        const auto value = static_cast<float>(x);
        data.append(reinterpret_cast<const char*>(&value), 4);
      } else if (floats) {
        data.append(reinterpret_cast<const char*>(&x), 8);
      } else {
        const double top = std::ldexp(1.0, bits - 1);
        const auto value = static_cast<int64_t>(
            std::clamp(std::round(x * top), -top, top - 1));
        data += Little(static_cast<uint64_t>(bits == 8 ? value + 128 : value),
                       bits / 8);
      }
    }
  }
  const int block = channels * bits / 8;
  const int tag = floats ? 3 : 1;
  std::string format = Little(extensible ? 0xFFFE : tag, 2) +
                       Little(channels, 2) + Little(rate, 4) +
                       Little(int64_t{rate} * block, 4) + Little(block, 2) +
                       Little(bits, 2);
  if (extensible)
    format += Little(22, 2) + Little(bits, 2) + Little(0, 4) + Little(tag, 2) +
              std::string(14, '\0');
  // An odd chunk in front, which is padded.
  std::string body = "WAVELIST" + Little(3, 4) + "abc" + std::string(1, '\0') +
                     "fmt " + Little(format.size(), 4) + format + "data" +
                     Little(data.size(), 4) + data;
  return "RIFF" + Little(body.size(), 4) + body;
}

std::vector<double> Tone(double hertz, int rate, int samples) {
  std::vector<double> sound;
  for (int i = 0; i < samples; ++i)
    sound.push_back(0.5 * std::sin(2 * std::numbers::pi * hertz * i / rate));
  return sound;
}

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(DecodeSound, TakesEveryKindOfSample) {
  const std::vector<double> sound = Tone(440, 8000, 100);
  struct Kind {
    int bits;
    bool floats;
    double error;
  };
  for (const Kind& kind :
       {Kind{8, false, 1.0 / 255}, Kind{16, false, 2e-5}, Kind{24, false, 1e-7},
        Kind{32, false, 1e-7}, Kind{32, true, 1e-7}, Kind{64, true, 1e-7}}) {
    for (const int channels : {1, 2}) {
      for (const bool extensible : {false, true}) {
        const std::string file =
            Wav(sound, 8000, kind.bits, kind.floats, channels, extensible);
        int rate = 0;
        const std::vector<float> got = DecodeSound(Bytes(file), "x", &rate);
        EXPECT_EQ(rate, 8000);
        ASSERT_EQ(got.size(), sound.size());
        for (size_t i = 0; i < got.size(); ++i)
          EXPECT_NEAR(got[i], sound[i], kind.error) << kind.bits;
      }
    }
  }
}

TEST(DecodeSound, NamesDamagedFiles) {
  const std::string file = Wav(Tone(440, 8000, 20), 8000, 16);
  for (size_t size = 0; size < file.size(); ++size) {
    const std::string cut = file.substr(0, size);
    int rate = 0;
    ExpectFails([&] { DecodeSound(Bytes(cut), "d/x.wav", &rate); },
                ErrorKind::kCorrupt, {"d/x.wav: "});
  }
  int rate = 0;
  std::string compressed = file;
  compressed[file.find("fmt ") + 8] = 2;
  ExpectFails([&] { DecodeSound(Bytes(compressed), "x", &rate); },
              ErrorKind::kUnsupported, {"format 2", "PCM"});
}

TEST(Resampled, KeepsTonesAndTheirLength) {
  for (const auto& [from, to] : std::vector<std::pair<int, int>>{
           {8000, 16000}, {44100, 16000}, {48000, 16000}, {16000, 16001}}) {
    const std::vector<double> sound = Tone(1000, from, from / 4);
    const std::vector<float> got =
        Resampled({sound.begin(), sound.end()}, from, to);
    EXPECT_NEAR(static_cast<double>(got.size()), to / 4, 1);
    for (size_t i = 200; i + 200 < got.size(); ++i) {
      EXPECT_NEAR(got[i],
                  0.5 * std::sin(2 * std::numbers::pi * 1000 *
                                 static_cast<double>(i) / to),
                  2e-3)
          << from << " to " << to << " at " << i;
    }
  }
}

void AddSounds(const TestFolder& folder, int n, int rate, int samples) {
  for (int i = 0; i < n; ++i) {
    folder.Add("high/" + std::to_string(i) + ".wav",
               Wav(Tone(2000 + 10 * i, rate, samples), rate, 16));
    folder.Add("low/" + std::to_string(i) + ".wav",
               Wav(Tone(200 + 10 * i, rate, samples), rate, 16));
  }
}

DataContext NoCache() {
  DataContext context;
  context.cache = "none";
  return context;
}

TEST(WavSource, PadsCutsAndWindows) {
  const TestFolder folder;
  AddSounds(folder, 5, 8000, 4000);
  const std::string spec = "wav:" + folder.path();
  const auto load = [&](const std::string& options,
                        DataContext context = NoCache()) {
    return LoadData(spec + options, context);
  };
  const DatasetPtr whole = load("").train.Open();
  EXPECT_EQ(whole->size(), 8);
  EXPECT_EQ(whole->inputs()[0].shape, Shape{4000});
  EXPECT_EQ(whole->class_names()[0], "high");
  const DatasetPtr padded = load(",length=0.75s").train.Open();
  EXPECT_EQ(padded->inputs()[0].shape, Shape{6000});
  EXPECT_EQ(RealValues(*padded, 0, 0)[5000], 0.0f);
  EXPECT_EQ(RealValues(*padded, 0, 0)[777], RealValues(*whole, 0, 0)[777]);
  const DataSplits windows = load(",window=1000,stride=500");
  EXPECT_EQ(windows.train.size, 8 * 7);
  EXPECT_EQ(windows.test.size, 2 * 7);
  const DatasetPtr open = windows.train.Open();
  for (int64_t i = 0; i < open->size(); ++i) {
    EXPECT_EQ(LabelOf(*open, i),
              open->Origin(i).find("low/") != std::string::npos ? 1 : 0);
  }
  EXPECT_EQ(load(",rate=16000").train.Open()->inputs()[0].shape, Shape{8000});
  const DatasetPtr mfcc = load(",features=mfcc").train.Open();
  EXPECT_EQ(mfcc->inputs()[0].shape, (Shape{49, 10}));
  const DatasetPtr micro = load(",features=micro").test.Open();
  EXPECT_EQ(micro->inputs()[0].shape, (Shape{98, 40}));
  // The model's input says which, too.
  DataContext context = NoCache();
  context.has_input = true;
  context.input = {49, 10, 1};
  EXPECT_EQ(load("", context).train.Open()->inputs()[0].shape, (Shape{49, 10}));
  context.input = {3000, 1};
  EXPECT_EQ(load("", context).train.Open()->inputs()[0].shape, Shape{3000});
}

TEST(WavSource, SaysWhatIsWrong) {
  const TestFolder folder;
  AddSounds(folder, 2, 8000, 1000);
  const std::string spec = "wav:" + folder.path();
  for (const std::string option :
       {"length=0", "length=1.5", "length=xs", "window=-1s", "rate=9",
        "features=mfc", "stride=3", "features=mfcc,rate=8000",
        "features=mfcc,length=100", "window=10,length=10", "resize=9"}) {
    ExpectFails([&] { LoadData(spec + "," + option, NoCache()).train.Open(); },
                ErrorKind::kInvalidArgument,
                {option.substr(option.rfind(',') + 1, 4)});
  }
  folder.Add("low/cut.wav", Wav(Tone(9, 8000, 50), 8000, 16).substr(0, 90));
  ExpectFails([&] { LoadData(spec, NoCache()); }, ErrorKind::kCorrupt,
              {"low/cut.wav", "cut off"});
  DataContext context = NoCache();
  context.skip_bad = true;
  EXPECT_EQ(LoadData(spec + ",split=0", context).train.Open()->size(), 4);
}

// A second of a tone: only the bands around it are loud. The numbers of both
// front ends are compared with their references in tests/oracle.
TEST(FrontEnds, HearATone) {
  const std::vector<double> tone = Tone(1000, 16000, 16000);
  const std::vector<float> clip(tone.begin(), tone.end());
  std::vector<uint16_t> micro(98 * 40);
  std::vector<int16_t> pcm;
  for (const float x : clip) pcm.push_back(ToPcm(x));
  ComputeMicro(pcm, micro.data());
  const auto loudest =
      std::max_element(micro.begin(), micro.begin() + 40) - micro.begin();
  EXPECT_GT(loudest, 10);
  EXPECT_LT(loudest, 16);
  EXPECT_GT(micro[static_cast<size_t>(loudest)], 500);
  std::vector<float> mfcc(49 * 10);
  ComputeMfcc(clip, mfcc.data());
  // Frames are alike, as the tone is.
  for (size_t i = 10; i < mfcc.size(); ++i)
    EXPECT_NEAR(mfcc[i], mfcc[i % 10], 0.5) << i;
  std::vector<float> louder(clip);
  for (float& x : louder) x *= 2;
  std::vector<float> same(49 * 10);
  ComputeMfcc(louder, same.data());
  for (size_t i = 0; i < mfcc.size(); ++i) EXPECT_NEAR(mfcc[i], same[i], 1e-4);
}

}  // namespace
}  // namespace litesmith
