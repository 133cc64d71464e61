// From an untrained model to a pruned, quantized .tflite file and its accuracy.
//
//   quickstart [SPEC [FILE.tflite]]     SPEC: digits (default), mnist:DIR
#include <cstdio>

#include "litesmith.h"

int main(int argc, char** argv) try {
  using namespace litesmith;
  const DataSplits data = LoadData(argc > 1 ? argv[1] : "digits");
  const DatasetPtr train = data.train.Open();
  const std::string file = argc > 2 ? argv[2] : "quickstart.tflite";

  TrainOptions training;
  training.epochs = 3;
  const Graph model = LoadModel("mnist-cnn", training.seed);
  const Graph trained = Train(model, *train, training, nullptr).graph;

  const RecipeTable recipes;
  const OptimizeResult pruned = Optimize(
      trained, recipes, recipes.Find("prune_pqat"), *train, training, nullptr);
  SaveModel(pruned.graph, file + ".h5");

  const Scheme& scheme = FindScheme("uint8");
  SaveModel(Convert(pruned.graph, scheme, Ranges()), file);
  const Score score = EvaluateFile(file, *data.test.Open(), {});
  std::printf("%s: %.2f %% of %lld test samples\n", file.c_str(),
              100 * score.value, static_cast<long long>(score.samples));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "quickstart: %s\n", error.what());
  return 1;
}
