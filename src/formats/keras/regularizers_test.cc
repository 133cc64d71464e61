// Regularizers as Kerases write them.
#include "src/formats/keras/regularizers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace litesmith {
namespace {

Regularizer Read(const char* json) {
  return ReadRegularizer(ParseJson(json, "value")).value();
}

TEST(KerasRegularizersTest, AllSpellingsAreRead) {
  EXPECT_EQ(Read(R"("l2")"), (Regularizer{0, 0.01f}));
  EXPECT_EQ(Read(R"("L1")"), (Regularizer{0.01f, 0}));
  EXPECT_EQ(Read(R"("l1_l2")"), (Regularizer{0.01f, 0.01f}));
  EXPECT_EQ(Read(R"({"class_name": "L2", "config": {"l2": 0.5}})"),
            (Regularizer{0, 0.5f}));
  // Keras 2 before it had one of each.
  EXPECT_EQ(Read(R"({"class_name": "L1L2", "config": {"l1": 0.0, "l2": 2}})"),
            (Regularizer{0, 2}));
  EXPECT_EQ(Read(R"({"module": "keras.regularizers", "class_name": "L1L2",
                     "config": {"l1": 1, "l2": null}, "registered_name": null
                    })"),
            (Regularizer{1, 0}));
}

TEST(KerasRegularizersTest, OthersAreNone) {
  for (const char* json :
       {R"({"class_name": "OrthogonalRegularizer", "config": {}})", R"("mine")",
        "7", "[]", R"({"config": {"l2": 1}})"})
    EXPECT_FALSE(ReadRegularizer(ParseJson(json, "value")).has_value()) << json;
}

TEST(KerasRegularizersTest, KeysAreThoseOfConfigs) {
  EXPECT_EQ(RegularizerKey("kernel"), "kernel_regularizer");
  EXPECT_EQ(RegularizerKey("recurrent_kernel"), "recurrent_regularizer");
  EXPECT_EQ(RegularizerKey("depthwise_kernel"), "depthwise_regularizer");
  EXPECT_EQ(RegularizerKey("beta"), "beta_regularizer");
}

}  // namespace
}  // namespace litesmith
