// The built-in models but for the first, as builtin_models.cc lists them.
#ifndef LITESMITH_MODELS_BUILTIN_NETWORKS_H_
#define LITESMITH_MODELS_BUILTIN_NETWORKS_H_

#include <cstdint>

#include "src/graph/graph.h"
#include "src/models/models.h"

namespace litesmith {

// Each throws Error{invalid argument} for an input of another kind.
Graph MakeLeNet5(const ModelShape& shape, uint64_t seed);
Graph MakeResNet8(const ModelShape& shape, uint64_t seed);
Graph MakeMobileNetV1(const ModelShape& shape, uint64_t seed);
Graph MakeMobileNetV2(const ModelShape& shape, uint64_t seed);
Graph MakeDsCnn(const ModelShape& shape, uint64_t seed);
Graph MakeMlp(const ModelShape& shape, uint64_t seed);
Graph MakeAutoencoder(const ModelShape& shape, uint64_t seed);
Graph MakeCnn1D(const ModelShape& shape, uint64_t seed);

Graph MakeGruKws(const ModelShape& shape, uint64_t seed);

}  // namespace litesmith

#endif  // LITESMITH_MODELS_BUILTIN_NETWORKS_H_
