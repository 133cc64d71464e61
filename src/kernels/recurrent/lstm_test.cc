// The float LSTM against its formulas in double, in every form; the integers of
// both runtimes near it.
#include "src/kernels/recurrent/lstm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "src/kernels/common/random_values_test.h"

namespace litesmith::kernels {
namespace {

constexpr uint32_t kSeed = 20261126;

double Sigma(double v) { return 1 / (1 + std::exp(-v)); }
double Clip(double v, double limit) {
  return limit > 0 ? std::clamp(v, -limit, limit) : v;
}

// An LSTM's numbers, and the formulas of lstm.h.
struct Model {
  LstmSize size;
  bool peephole = false, norm = false;
  float cell_clip = 0, projection_clip = 0;
  PerGate<std::vector<float>> w, r, p, n, b;
  std::vector<float> projection, projection_bias;

  Model(LstmSize s, std::mt19937& rng) : size(s) {
    for (size_t g = 0; g < kLstmGates; ++g) {
      w[g] = Reals(rng, s.cells * s.inputs);
      r[g] = Reals(rng, s.cells * s.outputs);
      p[g] = Reals(rng, s.cells);
      n[g] = Reals(rng, s.cells);
      b[g] = Reals(rng, s.cells);
    }
    projection = Reals(rng, s.outputs * s.cells);
    projection_bias = Reals(rng, s.outputs);
  }
  bool projects() const { return size.outputs != size.cells; }

  std::vector<double> Gate(LstmGate g, const float* x,
                           const std::vector<double>& h,
                           const std::vector<double>& c) const {
    std::vector<double> v;
    for (size_t k = 0; k < c.size(); ++k) {
      double sum = norm ? 0 : double{b[g][k]};
      for (int i = 0; i < size.inputs; ++i)
        sum += double{w[g][k * static_cast<size_t>(size.inputs) +
                           static_cast<size_t>(i)]} *
               double{x[i]};
      for (size_t i = 0; i < h.size(); ++i)
        sum += double{r[g][k * h.size() + i]} * h[i];
      if (peephole && g != kCellGate) sum += double{p[g][k]} * c[k];
      v.push_back(sum);
    }
    if (!norm) return v;
    double mean = 0;
    double variance = 0;
    for (const double e : v) mean += e / static_cast<double>(v.size());
    for (const double e : v)
      variance += (e - mean) * (e - mean) / static_cast<double>(v.size());
    for (size_t k = 0; k < v.size(); ++k)
      v[k] = (v[k] - mean) / std::sqrt(variance + 1e-8) * double{n[g][k]} +
             double{b[g][k]};
    return v;
  }

  void Step(const float* x, std::vector<double>* h,
            std::vector<double>* c) const {
    const auto f = Gate(kForgetGate, x, *h, *c);
    const auto i = Gate(kInputGate, x, *h, *c);
    const auto g = Gate(kCellGate, x, *h, *c);
    for (size_t k = 0; k < c->size(); ++k) {
      const double in = size.cifg ? 1 - Sigma(f[k]) : Sigma(i[k]);
      (*c)[k] = Clip(Sigma(f[k]) * (*c)[k] + in * std::tanh(g[k]), cell_clip);
    }
    const auto o = Gate(kOutputGate, x, *h, *c);
    std::vector<double> hidden;
    for (size_t k = 0; k < c->size(); ++k)
      hidden.push_back(Sigma(o[k]) * std::tanh((*c)[k]));
    if (!projects()) {
      *h = hidden;
      return;
    }
    for (size_t k = 0; k < h->size(); ++k) {
      double sum = double{projection_bias[k]};
      for (size_t j = 0; j < hidden.size(); ++j)
        sum += double{projection[k * hidden.size() + j]} * hidden[j];
      (*h)[k] = Clip(sum, projection_clip);
    }
  }

  LstmF32 Floats(bool fast) const {
    LstmF32 lstm;
    lstm.size = size;
    std::vector<Product> of_x, of_h;
    for (size_t g = size.cifg ? kForgetGate : kInputGate; g < kLstmGates; ++g) {
      of_x.push_back({w[g].data(), norm ? nullptr : b[g].data(), size.cells});
      of_h.push_back({r[g].data(), nullptr, size.cells});
      if (peephole && g != kCellGate) lstm.peephole[g] = p[g];
      if (norm) lstm.norm_weight[g] = n[g], lstm.norm_bias[g] = b[g];
    }
    ProductsSpec spec;
    spec.depth = size.inputs;
    lstm.products.input = Products(spec, of_x, fast);
    spec.depth = size.outputs;
    lstm.products.recurrent = Products(spec, of_h, fast);
    spec.depth = size.cells;
    const Product out[] = {
        {projection.data(), projection_bias.data(), size.outputs}};
    lstm.products.projects = projects();
    if (projects()) lstm.products.projection = Products(spec, out, fast);
    lstm.cell_clip = cell_clip;
    lstm.projection_clip = projection_clip;
    lstm.fast = fast;
    return lstm;
  }
};

void ExpectFormulas(const Model& model, std::mt19937& rng) {
  const LstmSize& s = model.size;
  const auto x = Reals(rng, int64_t{s.batch} * s.steps * s.inputs);
  for (const bool fast : {false, true}) {
    const LstmF32 lstm = model.Floats(fast);
    PackedBuffer workspace(WorkspaceBytes(lstm));
    // From states that are not zero, as a second call has them.
    auto h = Reals(rng, int64_t{s.batch} * s.outputs);
    auto c = Reals(rng, int64_t{s.batch} * s.cells);
    const auto h0 = h;
    const auto c0 = c;
    std::vector<float> y(static_cast<size_t>(s.batch * s.steps * s.outputs));
    Run(lstm, x.data(), h.data(), c.data(), y.data(), workspace.get());
    for (int b = 0; b < s.batch; ++b) {
      const auto first_h = h0.begin() + b * s.outputs;
      const auto first_c = c0.begin() + b * s.cells;
      std::vector<double> hs(first_h, first_h + s.outputs);
      std::vector<double> cs(first_c, first_c + s.cells);
      for (int t = 0; t < s.steps; ++t) {
        model.Step(x.data() + s.Row(b, t) * s.inputs, &hs, &cs);
        for (int k = 0; k < s.outputs; ++k) {
          ASSERT_NEAR(y[static_cast<size_t>(s.Row(b, t) * s.outputs + k)],
                      hs[static_cast<size_t>(k)], 1e-4)
              << "sample " << b << ", step " << t << ", fast " << fast;
        }
      }
      for (int k = 0; k < s.outputs; ++k)
        ASSERT_NEAR(h[static_cast<size_t>(b * s.outputs + k)],
                    hs[static_cast<size_t>(k)], 1e-4);
      for (int k = 0; k < s.cells; ++k)
        ASSERT_NEAR(c[static_cast<size_t>(b * s.cells + k)],
                    cs[static_cast<size_t>(k)], 1e-4);
    }
  }
}

TEST(LstmTest, FloatsAreTheFormulas) {
  std::mt19937 rng(kSeed);
  // Every form, as the bits of a number.
  for (unsigned form = 0; form < 64; ++form) {
    LstmSize size;
    size.batch = 2;
    size.steps = form % 7 == 0 ? 20 : 3;  // more than are multiplied at once
    size.inputs = 5;
    size.cells = 6;
    size.outputs = (form & 1) != 0 ? 4 : 6;
    size.cifg = (form & 2) != 0;
    size.time_major = (form & 4) != 0;
    Model model(size, rng);
    model.peephole = (form & 8) != 0;
    model.norm = (form & 16) != 0;
    if ((form & 32) != 0) model.cell_clip = model.projection_clip = 0.4f;
    SCOPED_TRACE(form);
    ExpectFormulas(model, rng);
  }
}

std::vector<int8_t> Bytes(const std::vector<float>& values, float scale) {
  std::vector<int8_t> q;
  for (const float v : values)
    q.push_back(static_cast<int8_t>(std::lround(v / scale)));
  return q;
}

// Weights and activations of +-1 in steps of 1/127, as both runtimes compute
// them: a few of these steps from the floats.
TEST(LstmTest, IntegersAreNearTheFormulas) {
  std::mt19937 rng(kSeed);
  constexpr float kStep = 1.0f / 127;
  constexpr float kCell = 0x1p-12f;
  LstmSize size;
  size.steps = 8, size.inputs = 5, size.cells = size.outputs = 6;
  const Model model(size, rng);
  PerGate<std::vector<int8_t>> w, r;
  PerGate<std::vector<int32_t>> b;
  std::vector<Product> of_x, of_h;
  for (size_t g = 0; g < kLstmGates; ++g) {
    w[g] = Bytes(model.w[g], kStep);
    r[g] = Bytes(model.r[g], kStep);
    for (const float v : model.b[g])
      b[g].push_back(static_cast<int32_t>(std::lround(v / kStep / kStep)));
    of_x.push_back({w[g].data(), b[g].data(), size.cells});
    of_h.push_back({r[g].data(), nullptr, size.cells});
  }
  ProductsSpec spec;
  spec.kind = LayerKind::kS8S8;
  const FixedMultiplier gate =
      QuantizeMultiplier(double{kStep} * double{kStep} / 0x1p-12);
  const FixedMultiplier hidden = QuantizeMultiplier(0x1p-30 / double{kStep});
  LstmS8 litert;
  LstmTflm tflm;
  litert.size = tflm.size = size;
  for (LstmProducts* products : {&litert.products, &tflm.products}) {
    spec.depth = size.inputs;
    products->input = Products(spec, of_x, false);
    spec.depth = size.outputs;
    products->recurrent = Products(spec, of_h, false);
  }
  litert.input.fill(gate), litert.recurrent.fill(gate);
  tflm.input.fill(gate), tflm.recurrent.fill(gate);
  litert.cell_bits = 3;
  litert.hidden = tflm.hidden = hidden;
  tflm.forget = QuantizeMultiplier(0x1p-15);
  tflm.update = QuantizeMultiplier(0x1p-30 / double{kCell});

  const auto x = Reals(rng, size.steps * size.inputs);
  const auto xq = Bytes(x, kStep);
  const auto check = [&](const auto& lstm) {
    std::vector<int8_t> h(6), y(static_cast<size_t>(size.steps * 6));
    std::vector<int16_t> c(6);
    PackedBuffer workspace(WorkspaceBytes(lstm));
    kernels::Run(lstm, xq.data(), h.data(), c.data(), y.data(),
                 workspace.get());
    std::vector<double> hs(6), cs(6);
    for (int t = 0; t < size.steps; ++t) {
      model.Step(x.data() + t * size.inputs, &hs, &cs);
      for (int k = 0; k < 6; ++k)
        ASSERT_NEAR(y[static_cast<size_t>(t * 6 + k)] * kStep,
                    hs[static_cast<size_t>(k)], 3 * kStep);
    }
  };
  check(litert);
  check(tflm);
}

}  // namespace
}  // namespace litesmith::kernels
