// The functions behind the table of rewrites (clean_up.cc), by file.
#ifndef LITESMITH_TRANSFORM_CLEAN_UP_ROWS_H_
#define LITESMITH_TRANSFORM_CLEAN_UP_ROWS_H_

#include "src/graph/graph.h"

namespace litesmith::clean_up {

// identity.cc
bool DropIdentity(Graph* graph, NodeId n);
bool MergeReshapes(Graph* graph, NodeId n);
bool MergeTransposes(Graph* graph, NodeId n);
bool ReshapeAfterwards(Graph* graph, NodeId n);
bool KeepDimensions(Graph* graph, NodeId n);

// activation.cc
bool NameClamp(Graph* graph, NodeId n);
bool FuseActivation(Graph* graph, NodeId n);

// affine.cc
bool MergeAffine(Graph* graph, NodeId n);
bool AffineIntoLayerBefore(Graph* graph, NodeId n);
bool AffineIntoLayerBehind(Graph* graph, NodeId n);
bool AffineBeforeMove(Graph* graph, NodeId n);

// window.cc
bool DilateInstead(Graph* graph, NodeId n);
bool PadInside(Graph* graph, NodeId n);
bool NameGlobalAverage(Graph* graph, NodeId n);

// spelt.cc
bool NameHardSwish(Graph* graph, NodeId n);
bool NameLeakyRelu(Graph* graph, NodeId n);
bool BoundExp(Graph* graph, NodeId n);
bool NameGelu(Graph* graph, NodeId n);
bool NameSoftmax(Graph* graph, NodeId n);
bool NameL2Normalization(Graph* graph, NodeId n);
bool NameMean(Graph* graph, NodeId n);
bool MultiplyInstead(Graph* graph, NodeId n);

// normalization.cc
bool ShortenNormalization(Graph* graph, NodeId n);

}  // namespace litesmith::clean_up

#endif  // LITESMITH_TRANSFORM_CLEAN_UP_ROWS_H_
