// Loader: a ring of three batches between the reading thread and the caller.
#include "src/data/loader.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "src/base/check.h"

namespace litesmith {

Loader::Loader(const Dataset& data, std::vector<int32_t> order, int batch,
               Draw draw)
    : order_(std::move(order)), batch_(batch), draw_(draw) {
  draw_.random = true;
  LS_CHECK(batch >= 1);
  batches_ = (static_cast<int64_t>(order_.size()) + batch_ - 1) / batch_;
  const bool ahead = !BatchReader::IsInMemory(data);
  for (int64_t r = 0; r < (ahead ? kReaders : 1); ++r)
    readers_.emplace_back(data, batch);
  read_batches_.resize(readers_.size());
  if (!ahead) return;
  try {
    thread_ = std::thread([this] { ReadAhead(); });
  } catch (const std::system_error&) {
    // Without a thread every batch is read when it is asked for.
  }
}

Loader::~Loader() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> guard(lock_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const Batch* Loader::Read(int64_t batch) {
  const int64_t first = batch * batch_;
  const int64_t count =
      std::min(batch_, static_cast<int64_t>(order_.size()) - first);
  BatchReader& reader = readers_[static_cast<size_t>(batch) % readers_.size()];
  return &reader.Read(
      std::span<const int32_t>(order_).subspan(static_cast<size_t>(first),
                                               static_cast<size_t>(count)),
      draw_);
}

void Loader::ReadAhead() {
  for (int64_t batch = 0; batch < batches_; ++batch) {
    {
      // The last one that was given is in use.
      std::unique_lock<std::mutex> lock(lock_);
      changed_.wait(lock,
                    [&] { return stop_ || batch < given_ + kReaders - 1; });
      if (stop_) return;
    }
    const Batch* result = nullptr;
    std::exception_ptr error;
    try {
      result = Read(batch);
    } catch (...) {
      error = std::current_exception();
    }
    {
      const std::lock_guard<std::mutex> guard(lock_);
      read_batches_[static_cast<size_t>(batch) % readers_.size()] = result;
      error_ = error;
      if (error == nullptr) ++read_;
    }
    changed_.notify_all();
    if (error != nullptr) return;
  }
}

const Batch* Loader::Next() {
  if (given_ == batches_) return nullptr;
  if (!thread_.joinable()) return Read(given_++);
  std::unique_lock<std::mutex> lock(lock_);
  changed_.wait(lock, [&] { return read_ > given_ || error_ != nullptr; });
  if (read_ <= given_) std::rethrow_exception(error_);
  const Batch* result =
      read_batches_[static_cast<size_t>(given_++) % readers_.size()];
  lock.unlock();
  changed_.notify_all();
  return result;
}

}  // namespace litesmith
