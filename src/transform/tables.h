// Tables of numbers that a file holds as constants: of embeddings, and what
// matrices are multiplied by. They are weights as those of layers are.
#ifndef LITESMITH_TRANSFORM_TABLES_H_
#define LITESMITH_TRANSFORM_TABLES_H_

#include "src/graph/graph.h"

namespace litesmith {

// Makes parameters of them, for graphs from where trained and constant are not
// told apart.
void MarkTables(Graph* graph);

}  // namespace litesmith

#endif  // LITESMITH_TRANSFORM_TABLES_H_
