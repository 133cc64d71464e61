// The batches of one epoch, read ahead on a thread of its own where reading
// costs something. What cannot be read is thrown where a batch is asked for,
// never inside a training step.
#ifndef LITESMITH_DATA_LOADER_H_
#define LITESMITH_DATA_LOADER_H_

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "src/data/batch.h"
#include "src/data/dataset.h"

namespace litesmith {

class Loader {
 public:
  // Batches of `batch` samples in this order; the last one has what is left.
  // `data` must outlive the loader.
  Loader(const Dataset& data, std::vector<int32_t> order, int batch, Draw draw);
  // Stops reading.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // The next batch, good until the next call; null after the last. Throws what
  // reading one of its samples threw.
  const Batch* Next();

 private:
  // One in use and two ahead: a slow sample holds nobody up at once.
  static constexpr int64_t kReaders = 3;

  const Batch* Read(int64_t batch);
  void ReadAhead();

  std::vector<int32_t> order_;
  int64_t batch_;
  Draw draw_;
  int64_t batches_;
  std::vector<BatchReader> readers_;
  std::vector<const Batch*> read_batches_;  // by reader

  std::mutex lock_;
  std::condition_variable changed_;
  int64_t given_ = 0;
  int64_t read_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;  // of batch read_
  std::thread thread_;        // not running where nothing costs
};

}  // namespace litesmith

#endif  // LITESMITH_DATA_LOADER_H_
