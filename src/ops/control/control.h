// Attributes of control flow and variables (specs/ops.md 11), and the kernel of
// ops that run subgraphs.
#ifndef LITESMITH_OPS_CONTROL_CONTROL_H_
#define LITESMITH_OPS_CONTROL_CONTROL_H_

#include <string>

#include "src/graph/attrs.h"
#include "src/graph/op_def.h"

namespace litesmith {

struct WhileAttrs {
  SubgraphIndex cond;
  SubgraphIndex body;
};
template <>
inline constexpr auto kAttrs<WhileAttrs> = AttrList({
    Attr<&WhileAttrs::cond>("cond_subgraph_index", 0),
    Attr<&WhileAttrs::body>("body_subgraph_index", 1),
});

struct IfAttrs {
  SubgraphIndex then_branch;
  SubgraphIndex else_branch;
};
template <>
inline constexpr auto kAttrs<IfAttrs> = AttrList({
    Attr<&IfAttrs::then_branch>("then_subgraph_index", 0),
    Attr<&IfAttrs::else_branch>("else_subgraph_index", 1),
});

struct CallOnceAttrs {
  SubgraphIndex init;
};
template <>
inline constexpr auto kAttrs<CallOnceAttrs> = AttrList({
    Attr<&CallOnceAttrs::init>("init_subgraph_index", 0),
});

struct VarHandleAttrs {
  std::string container;
  std::string shared_name;
};
template <>
inline constexpr auto kAttrs<VarHandleAttrs> = AttrList({
    Attr<&VarHandleAttrs::container>("container", 0),
    Attr<&VarHandleAttrs::shared_name>("shared_name", 1),
});

// The node's subgraph of this attribute.
template <auto kMember>
const Graph& SubgraphOf(const PrepareContext& context) {
  return context.graph
      .subgraphs[static_cast<size_t>(context.node.Get<kMember>().value)];
}

// The kernel of an op with OpDef::run, for a plan, where shapes are fixed. Its
// Run throws Error where values make other ones.
KernelPtr PrepareControl(const PrepareContext& context);

// Throws Error{corrupt} unless the subgraph takes and gives so many tensors;
// `what` is "body".
void CheckSubgraph(const Graph& subgraph, const char* what, size_t inputs,
                   size_t outputs);

}  // namespace litesmith

#endif  // LITESMITH_OPS_CONTROL_CONTROL_H_
