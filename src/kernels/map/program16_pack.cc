// What a program's steps are made of: constants, the order of gates, and the
// places of values.
#include <hwy/detect_compiler_arch.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <utility>

#include "src/kernels/common/nearest.h"
#include "src/kernels/map/program16.h"

namespace litesmith {
namespace {

// Places that are taken and given back.
class Places {
 public:
  int Take() {
    if (free_.empty()) return count_++;
    const int place = free_.back();
    free_.pop_back();
    return place;
  }
  void Give(int place) { free_.push_back(place); }
  int count() const { return count_; }

 private:
  std::vector<int> free_;
  int count_ = 0;
};

// Whether all sums of products fit 32 bits, and what becomes of them too.
bool SumsFit(const Dense16Spec& spec) {
  for (int o = 0; o < spec.outputs; ++o) {
    int64_t sum = 0;
    for (int i = 0; i < spec.depth; ++i)
      sum += std::abs(int{spec.weights[int64_t{o} * spec.depth + i]});
    sum *= 32768;
    const auto at = static_cast<size_t>(o);
    if (!spec.bias.empty()) {
      if (std::abs(spec.bias[at]) >= int64_t{1} << 31) return false;
      sum += std::abs(spec.bias[at]);
    }
    if (sum >= int64_t{1} << 31 ||
        static_cast<double>(sum) * spec.requantizer.reals[at] > 0x1p30) {
      return false;
    }
  }
  return true;
}

// MulAdd16's factors, which the loop takes as they are.
int32_t Factor(int32_t w) { return HWY_ARCH_X86 ? w & 0xFFFF : w; }

Program16Step::Binary PackBinary(const PackedBinary& p, int lanes) {
  Program16Step::Binary to{};
  for (int i = 0; i < 2; ++i) {
    const ScaledTerm& t = p.terms[i];
    to.terms[i] = {Factor(t.high), Factor(t.low), t.half, t.bits,
                   t.subtract ? 1 : 0};
  }
  const PackedRequantizer& r = p.requantizer;
  to.multiplier = r.multiplier.as<int32_t>()[0];
  to.subtract = r.subtract.as<int32_t>()[0];
  to.lo = r.lo, to.hi = r.hi;
  to.factor = Factor(-1);
  to.add = r.add.as<uint64_t>()[0];
  to.sign = r.sign.as<uint64_t>()[0];
  // Odd lanes are behind the even ones.
  to.shift[0] = r.shift.as<uint64_t>()[0];
  to.shift[1] = r.shift.as<uint64_t>()[lanes / 2];
  to.odd = ~uint64_t{0} << 32;
  return to;
}

Program16Step::Sigmoid PackSigmoid(const Sigmoid16& f) {
  Program16Step::Sigmoid to{};
  to.table = f.table->data();
  to.is_wide = f.multiplier > 32767;
  to.multiplier = to.is_wide ? f.multiplier : Factor(f.multiplier);
  to.half = f.shift > 0 ? 1 << (f.shift - 1) : 0;
  to.shift = f.shift;
  to.bits = f.is_tanh ? 8 : 9;
  to.last = 255;
  to.rest = ((1 << to.bits) - 1) << 16;
  to.one = 1 << to.bits;
  const int32_t at_zero = 1 << (to.bits + 15);
  to.add = (1 << (16 + to.bits)) - at_zero;
  to.down = f.is_tanh ? 8 : 10;
  to.back = (f.is_tanh ? 0 : at_zero) + (1 << (to.down - 1));
  return to;
}

template <typename T, typename From>
PackedBuffer Padded(std::span<const From> values, int64_t padded) {
  PackedBuffer to(static_cast<size_t>(padded) * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i)
    to.as<T>()[i] = static_cast<T>(values[i]);
  return to;
}

}  // namespace

int Program16::Append(Program16Step step) {
  step.to = values_++;
  kept_of_.push_back(-1);
  steps_.push_back(std::move(step));
  return values_ - 1;
}

int Program16::AddLoad(const Program16Rows& from) {
  if (lanes_ == 0) return -1;
  return Append({.kind = Program16Step::Kind::kLoad, .rows = from});
}

int Program16::AddBinary(const ScaledBinarySpec& spec, int a, int b) {
  const auto packed = PackScaledBinary(spec);
  if (packed == nullptr || packed->requantizer.form == RequantForm::kLeft)
    return -1;
  return Append({.kind = spec.product ? Program16Step::Kind::kProduct
                                      : Program16Step::Kind::kSum,
                 .a = a,
                 .b = b,
                 .binary = PackBinary(*packed, lanes_)});
}

int Program16::AddSigmoid(const Sigmoid16& f, int x) {
  if (!HasSigmoid16()) return -1;
  return Append({.kind = Program16Step::Kind::kSigmoid,
                 .a = x,
                 .sigmoid = PackSigmoid(f)});
}

const int16_t* Program16::Packed(const Dense16Spec& spec) {
  PackedBuffer& packed = weights_[spec.weights];
  if (packed.get() != nullptr) return packed.as<int16_t>();
  const int words = (spec.depth + 1) / 2;
  packed = PackedBuffer(static_cast<size_t>(VectorsOf(spec.outputs)) *
                        static_cast<size_t>(words) *
                        static_cast<size_t>(lanes_) * sizeof(int32_t));
  for (int o = 0; o < spec.outputs; ++o) {
    for (int i = 0; i < spec.depth; ++i) {
      const int64_t word =
          (int64_t{o / lanes_} * words + i / 2) * lanes_ + o % lanes_;
      packed.as<int16_t>()[2 * word + i % 2] =
          spec.weights[int64_t{o} * spec.depth + i];
    }
  }
  return packed.as<int16_t>();
}

int Program16::AddDense(const Dense16Spec& spec, const Program16Rows& row) {
  const Requantizer& r = spec.requantizer;
  if (lanes_ == 0 || r.method != RequantMethod::kF64 || r.zero_point != 0 ||
      !SumsFit(spec)) {
    return -1;
  }
  width_ = spec.outputs;
  const int64_t padded = VectorsOf(width_) * lanes_;
  Program16Step::Dense p{};
  p.row = row;
  p.pairs = spec.depth / 2;
  p.odd = spec.depth % 2;
  p.weights = Packed(spec);
  if (!spec.bias.empty()) {
    constants_.push_back(
        Padded<int32_t>(std::span<const int64_t>(spec.bias), padded));
    p.bias = constants_.back().as<int32_t>();
  }
  const std::span<const double> reals = r.reals;
  constants_.push_back(Padded<double>(reals, padded));
  p.reals = constants_.back().as<double>();
  p.lo = r.lo, p.hi = r.hi;
  p.is_nearest = std::all_of(reals.begin(), reals.end(), RoundsToNearest);
  return Append({.kind = Program16Step::Kind::kDense, .dense = p});
}

int Program16::AddDense(const Dense16Spec& spec, int value) {
  int& kept = kept_of_[static_cast<size_t>(value)];
  const bool keep = kept < 0;
  if (keep) {
    kept = kept_++;
    steps_.push_back({.kind = Program16Step::Kind::kKeep,
                      .a = value,
                      .b = kept,
                      .rows = {}});
    stages_.push_back(steps_.size());
  }
  return AddDense(spec, {.array = -1, .first = kept, .stride = 0});
}

void Program16::AddStore(int value, const Program16Rows& to) {
  steps_.push_back(
      {.kind = Program16Step::Kind::kStore, .a = value, .rows = to});
}

void Program16::Finish() {
  stages_.push_back(steps_.size());
  JoinGates();
  PlaceValues();
  only_dense_ = stages_.size() == 1;
  for (size_t i = 0; i < steps_.size(); ++i) {
    only_dense_ &= steps_[i].kind == (i % 2 == 0 ? Program16Step::Kind::kDense
                                                 : Program16Step::Kind::kStore);
  }
}

// Nothing but the sum reads the dense layer, nothing but the sigmoid the sum,
// and all are of one stage: they go where the sum is.
void Program16::JoinGates() {
  using Kind = Program16Step::Kind;
  std::vector<int> uses(static_cast<size_t>(values_), 0);
  std::vector<size_t> by(uses.size(), 0);  // which computes it
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Program16Step& step = steps_[i];
    if (step.a >= 0) ++uses[static_cast<size_t>(step.a)];
    if (step.reads_b()) ++uses[static_cast<size_t>(step.b)];
    if (step.to >= 0) by[static_cast<size_t>(step.to)] = i;
  }
  const auto stage = [&](size_t i) {
    return std::upper_bound(stages_.begin(), stages_.end(), i);
  };
  // Where what `of` alone reads is computed, in its stage.
  const auto found = [&](int value, Kind kind, size_t of, size_t* at) {
    *at = by[static_cast<size_t>(value)];
    return uses[static_cast<size_t>(value)] == 1 && steps_[*at].kind == kind &&
           stage(*at) == stage(of);
  };
  std::vector<Program16Step> joined;
  std::vector<std::pair<size_t, size_t>> gate(steps_.size());  // of the sum
  std::vector<char> moved(steps_.size(), 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    size_t sum = 0, dense = 0;
    if (steps_[i].kind != Kind::kSigmoid ||
        !found(steps_[i].a, Kind::kSum, i, &sum)) {
      continue;
    }
    Program16Step& of = steps_[sum];
    if (of.a == of.b) continue;
    if (found(of.a, Kind::kDense, sum, &dense)) {
      std::swap(of.a, of.b);
      std::swap(of.binary.terms[0], of.binary.terms[1]);
    } else if (!found(of.b, Kind::kDense, sum, &dense)) {
      continue;
    }
    gate[sum] = {dense, i};
    moved[dense] = moved[i] = 1;
  }
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (moved[i] != 0) continue;
    const auto [dense, sigmoid] = gate[i];
    if (sigmoid == 0) {
      joined.push_back(steps_[i]);
      continue;
    }
    Program16Step& first = joined.emplace_back(steps_[dense]);
    first.kind = Kind::kGate;
    first.a = steps_[i].a;
    first.to = steps_[sigmoid].to;
    for (const size_t part : {i, sigmoid}) {
      Program16Step& next = joined.emplace_back(steps_[part]);
      next.kind = Kind::kPart;
      next.a = next.b = next.to = -1;
    }
  }
  steps_ = std::move(joined);
}

// Values take places, which are used again.
void Program16::PlaceValues() {
  const auto size = static_cast<size_t>(values_);
  const int vector = lanes_ * static_cast<int>(sizeof(int32_t));
  std::vector<size_t> last_use(size, 0);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Program16Step& step = steps_[i];
    for (const int value : {step.a, step.reads_b() ? step.b : -1, step.to})
      if (value >= 0) last_use[static_cast<size_t>(value)] = i;
  }
  Places places;
  std::vector<int> place_of(size, -1);
  int last = -1;  // the value that the stage computed last
  size_t stage = 0;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (i == stages_[stage]) ++stage, last = -1;
    Program16Step& step = steps_[i];
    const int a = step.a, b = step.reads_b() ? step.b : -1, to = step.to;
    step.a_is_last = a >= 0 && a == last;
    step.b_is_last = b >= 0 && b == last;
    if (a >= 0) step.a = place_of[static_cast<size_t>(a)] * vector;
    if (b >= 0) step.b = place_of[static_cast<size_t>(b)] * vector;
    if (to >= 0) {
      place_of[static_cast<size_t>(to)] = places.Take();
      step.to = place_of[static_cast<size_t>(to)] * vector;
      last = to;
    }
    for (const int value : {a, a == b ? -1 : b, to}) {
      if (value >= 0 && last_use[static_cast<size_t>(value)] == i)
        places.Give(place_of[static_cast<size_t>(value)]);
    }
  }
  places_ = places.count();
}

size_t Program16::workspace_bytes() const {
  const int64_t vectors = stages_.size() > 1 ? VectorsOf(width_) : 1;
  return static_cast<size_t>(vectors * lanes_) *
         (static_cast<size_t>(places_) * sizeof(int32_t) +
          static_cast<size_t>(kept_) * sizeof(int16_t));
}

}  // namespace litesmith
