// What the terminal can show, how much the user wants to read, and text that
// fits: widths of UTF-8, nothing of a file's that steers a terminal.
#ifndef LITESMITH_CLI_TERMINAL_H_
#define LITESMITH_CLI_TERMINAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace litesmith {

enum class Verbosity : uint8_t {
  kQuiet,    // results and errors alone
  kNormal,   // warnings and progress too
  kVerbose,  // and every step of the work
};
void SetVerbosity(Verbosity verbosity);
Verbosity GetVerbosity();

// The columns of the terminal that `fd` is, as it is now; 0 if it is none.
int WidthOf(int fd);
// Whether `fd` is a terminal that understands escape sequences: TERM is set,
// and not "dumb".
bool TakesEscapes(int fd);
// Whether it may be coloured: it takes escapes, and NO_COLOR is empty or unset.
bool TakesColour(int fd);

enum class Style : uint8_t { kBold, kDim, kGood, kBad };
// The text in that style if `coloured`.
std::string Styled(std::string_view text, Style style, bool coloured);

// How many columns UTF-8 text takes: East Asian characters two, marks that sit
// on another character none.
size_t ShownWidth(std::string_view text);
// The text if it fits, else its beginning and an ellipsis, in at most `width`
// columns.
std::string Clipped(std::string_view text, size_t width);
// The text in lines of at most `width` columns (0: one line), broken at blanks,
// the first with `first` blanks in front and the others with `rest`; without a
// newline at the end.
std::string Wrapped(std::string_view text, size_t width, size_t first,
                    size_t rest);
// The text with blanks for its newlines.
std::string OneLine(std::string text);
// "HEAD TEXT" for standard error: wrapped, and the head in that style, if it is
// a terminal that can.
std::string ForStandardError(std::string_view head, std::string_view text,
                             Style style);
// The text with control characters, and bytes that are no UTF-8, as "?".
std::string Harmless(std::string_view text);

}  // namespace litesmith

#endif  // LITESMITH_CLI_TERMINAL_H_
