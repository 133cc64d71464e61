// docs/support.md, made of the lists: what each op can do, and what other
// runtimes do not.
#ifndef LITESMITH_TESTS_CONFORMANCE_SUPPORT_H_
#define LITESMITH_TESTS_CONFORMANCE_SUPPORT_H_

#include <string>

namespace litesmith {

// The whole page, in Markdown.
std::string SupportPage();

}  // namespace litesmith

#endif  // LITESMITH_TESTS_CONFORMANCE_SUPPORT_H_
