// Text on its way into a page.
#ifndef LITESMITH_STUDY_REPORT_HTML_H_
#define LITESMITH_STUDY_REPORT_HTML_H_

#include <string>
#include <string_view>

namespace litesmith {

// What any text, also in quotes, shows as itself in HTML; bytes that are no
// UTF-8 become U+FFFD.
std::string Html(std::string_view text);

// The same inside a <script type="application/json"> element: no "<" is left
// that could end it.
std::string ScriptSafe(std::string json);

// In single quotes, as shells read them.
std::string SingleQuoted(std::string_view text);
// A word of a shell's command line, in single quotes where it needs them.
std::string ShellWord(std::string_view word);

}  // namespace litesmith

#endif  // LITESMITH_STUDY_REPORT_HTML_H_
