// Litesmith as a library: the same rooms that the command line stands on.
// Every function says what it throws; examples/quickstart.cc shows the way.
//
//   LoadData          samples by SPEC: "digits", "mnist:DIR", "npz:FILE"
//   LoadModel         a built-in model or a file; SaveModel writes one
//   Train, Optimize   a graph and data in, a better graph out
//   Calibrate, Convert   a float graph to fp32, fp16, dynamic, uint8, ...
//   EvaluateFile, TimeFile   a written file on the test set, by any metric
//   RunStudy          all of it: recipes x methods
#ifndef LITESMITH_LITESMITH_H_
#define LITESMITH_LITESMITH_H_

#include "src/data/sources.h"
#include "src/graph/graph.h"
#include "src/measure/evaluate.h"
#include "src/measure/latency.h"
#include "src/measure/metrics.h"
#include "src/models/models.h"
#include "src/optimize/optimize.h"
#include "src/quant/convert.h"
#include "src/study/study.h"
#include "src/train/trainer.h"

#endif  // LITESMITH_LITESMITH_H_
