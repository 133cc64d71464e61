// What the report draws of a recipe's model and of each written file, beyond
// the row of the table: kept beside the notes, since data and float models may
// be gone when a report is made.
#ifndef LITESMITH_STUDY_DETAILS_H_
#define LITESMITH_STUDY_DETAILS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/fields.h"
#include "src/graph/graph.h"
#include "src/measure/memory.h"
#include "src/train/trainer.h"

namespace litesmith {

// One weight tensor of a model.
struct WeightDetails {
  std::string tensor;
  std::string layer;
  std::string op;     // "CONV_2D"
  std::string shape;  // "[12,3,3,1]"
  int64_t macs = 0;   // of the layer, for one sample
  int64_t values = 0;
  int64_t zeros = 0;
  int64_t distinct = 0;
  double entropy = 0;  // bits for each value, if each is coded by its frequency
  double low = 0;
  double high = 0;
  std::vector<int64_t> histogram;  // of equal bins from low to high
};

template <FieldsOf<WeightDetails> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("tensor", d.tensor);
  visit("layer", d.layer);
  visit("op", d.op);
  visit("shape", d.shape);
  visit("macs", d.macs);
  visit("values", d.values);
  visit("zeros", d.zeros);
  visit("distinct", d.distinct);
  visit("entropy", d.entropy);
  visit("low", d.low);
  visit("high", d.high);
  visit("histogram", d.histogram);
}

// One epoch of a recipe's training; numbers that there are not are negative.
struct EpochDetails {
  int64_t stage = 0;
  double loss = 0;
  double accuracy = -1;
  double validation_loss = -1;
  double validation_accuracy = -1;
  double learning_rate = 0;
  double sparsity = 0;
  double seconds = 0;
};

template <FieldsOf<EpochDetails> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("stage", d.stage);
  visit("loss", d.loss);
  visit("accuracy", d.accuracy);
  visit("validation_loss", d.validation_loss);
  visit("validation_accuracy", d.validation_accuracy);
  visit("learning_rate", d.learning_rate);
  visit("sparsity", d.sparsity);
  visit("seconds", d.seconds);
}

// Of a recipe's model.
struct ModelDetails {
  std::vector<WeightDetails> weights;
  std::vector<EpochDetails> epochs;
};

template <FieldsOf<ModelDetails> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("weights", d.weights);
  visit("epochs", d.epochs);
}

// A value of the file beside the float model's, on some samples.
struct TensorNoiseDetails {
  std::string tensor;
  bool exact = false;  // nothing differs
  double sqnr_db = 0;
  double worst = 0;  // largest difference
};

template <FieldsOf<TensorNoiseDetails> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("tensor", d.tensor);
  visit("exact", d.exact);
  visit("sqnr_db", d.sqnr_db);
  visit("worst", d.worst);
}

// A sample of the test set that the file is most wrong about.
struct WrongSample {
  int64_t sample = 0;
  // Classes; -1 where the task is another one, of which the words speak.
  int64_t label = 0;
  int64_t answer = 0;
  double margin = 0;    // by how much: measure/worst.h
  std::string picture;  // a PNG in base64, if the samples are images
  std::string wanted;
  std::string given;
  std::string origin;  // the file or place that it is from
};

template <FieldsOf<WrongSample> Wrong, typename Visit>
void VisitFields(Wrong& w, Visit&& visit) {
  visit("sample", w.sample);
  visit("label", w.label);
  visit("answer", w.answer);
  visit("margin", w.margin);
  visit("picture", w.picture);
  visit("wanted", w.wanted);
  visit("given", w.given);
  visit("origin", w.origin);
}

// Where one output of a file is wrong.
struct Mistakes {
  int64_t classes = 0;
  // Of labels (rows) and answers: [classes * classes]; empty if there are none.
  std::vector<int64_t> confusion;
  std::vector<WrongSample> wrong;
  std::vector<std::string> names;  // of the classes, if they have names
};

template <FieldsOf<Mistakes> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("classes", d.classes);
  visit("confusion", d.confusion);
  visit("wrong", d.wrong);
  visit("names", d.names);
}

// Of a written file.
struct CellDetails {
  MemoryPlan memory;
  std::vector<TensorNoiseDetails> noise;  // worst first
  Mistakes mistakes;                      // of the first output
  std::vector<Mistakes> further;          // of the row's `outputs`
};

template <FieldsOf<CellDetails> Details, typename Visit>
void VisitFields(Details& d, Visit&& visit) {
  visit("memory", d.memory);
  visit("noise", d.noise);
  VisitFields(d.mistakes, visit);
  visit("further", d.further);
}

// Weights of a model without training ops, and how its training went.
ModelDetails DescribeModel(const Graph& plain,
                           const std::vector<EpochResult>& epochs);

// Where they lie beside the notes of results.h.
std::string ModelDetailsFile(const std::string& folder,
                             const std::string& recipe);
std::string CellDetailsFile(const std::string& folder,
                            const std::string& recipe,
                            const std::string& method);

// `digest` is of the file that they speak of.
void WriteDetails(const std::string& path, const std::string& digest,
                  const ModelDetails& details);
void WriteDetails(const std::string& path, const std::string& digest,
                  const CellDetails& details);
// Nothing if there are none of this file, or none that can be read.
std::optional<ModelDetails> ReadModelDetails(const std::string& path,
                                             const std::string& digest);
std::optional<CellDetails> ReadCellDetails(const std::string& path,
                                           const std::string& digest);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_DETAILS_H_
