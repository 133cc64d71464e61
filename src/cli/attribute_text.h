// What a node's attributes say, in words: VALID and RELU for 1 and 1.
#ifndef LITESMITH_CLI_ATTRIBUTE_TEXT_H_
#define LITESMITH_CLI_ATTRIBUTE_TEXT_H_

#include <string>

#include "src/graph/graph.h"

namespace litesmith {

// "padding=VALID stride_w=2": those that are not at their default.
std::string AttributeText(const Node& node);

}  // namespace litesmith

#endif  // LITESMITH_CLI_ATTRIBUTE_TEXT_H_
