// Widths of text and tables that fit.
#include "src/cli/terminal.h"

#include <gtest/gtest.h>

#include <string>

#include "src/cli/table.h"

namespace litesmith {
namespace {

TEST(Terminal, TextIsAsWideAsItLooks) {
  EXPECT_EQ(ShownWidth("abc"), 3u);
  EXPECT_EQ(ShownWidth("\u00e4\u00f6"), 2u);
  EXPECT_EQ(ShownWidth("\u65e5\u672c"), 4u);
  EXPECT_EQ(ShownWidth("e\u0301"), 1u);
  EXPECT_EQ(ShownWidth("\xff"), 1u);
  EXPECT_EQ(Clipped("\u65e5\u672c\u8a9e", 5), "\u65e5\u672c\u2026");
  EXPECT_EQ(Clipped("\u65e5\u672c\u8a9e", 4), "\u65e5\u2026");
  EXPECT_EQ(Clipped("abc", 3), "abc");
  EXPECT_EQ(Clipped("abcd", 3), "ab\u2026");
}

TEST(Terminal, NamesCannotSteerIt) {
  EXPECT_EQ(Harmless("a\033[31mb\n\u00e4\u009b\xc3"), "a?[31mb?\u00e4??");
  EXPECT_EQ(Harmless("\xed\xa0\x80"), "???");  // half of a pair
  EXPECT_EQ(Harmless("\xc0\xaf"), "??");       // longer than it need be
}

TEST(Terminal, LinesAreBrokenAtBlanks) {
  EXPECT_EQ(Wrapped("one two three", 9, 2, 4), "  one two\n    three");
  EXPECT_EQ(Wrapped("one two three", 0, 2, 4), "  one two three");
  EXPECT_EQ(Wrapped("incomprehensible", 5, 0, 2), "incomprehensible");
}

TextTable Three() {
  TextTable table({{"Name", false, 0}, {"Size", true, 2}, {"Note", false, 1}});
  table.Add({"first", "12", "as it is"});
  table.Add({"\u65e5\u672c", "3456", "b\n"});
  return table;
}

TEST(TextTable, IsAsWideAsItNeedsToBe) {
  EXPECT_EQ(Three().Text(0),
            "  Name   Size  Note\n"
            "  first    12  as it is\n"
            "  \u65e5\u672c   3456  b?\n");
}

TEST(TextTable, LeavesOutWhatDoesNotFitAndSaysSo) {
  EXPECT_EQ(Three().Text(23), Three().Text(0));
  EXPECT_EQ(Three().Text(22),
            "  Name   Note\n"
            "  first  as it is\n"
            "  \u65e5\u672c   b?\n"
            "  (no room in 22\n   columns for: Size)\n");
  EXPECT_EQ(Three().Text(10),
            "  Name\n"
            "  first\n"
            "  \u65e5\u672c\n"
            "  (no room\n   in 10\n   columns\n   for:\n   Size,\n   Note)\n");
}

TEST(TextTable, GoesOnBelowWhereAColumnMay) {
  TextTable table({{"Name"}, {"Size", true, 1}, {"Why", false, 0, true}});
  table.Add({"first", "12", "one two three four five six seven eight"});
  table.Add({"second", "3", "short"});
  EXPECT_EQ(table.Text(40),
            "  Name    Size  Why\n"
            "  first     12  one two three four five\n"
            "                six seven eight\n"
            "  second     3  short\n");
  EXPECT_EQ(table.Text(0).find("five\n"), std::string::npos);
}

TEST(TextTable, ClipsWhatIsAlwaysShown) {
  TextTable table({{"Name"}, {"Other"}});
  table.Add({"abcdefghijklmnopqrst", "1"});
  EXPECT_EQ(table.Text(20),
            "  Name         Other\n"
            "  abcdefghij\u2026  1\n");
}

}  // namespace
}  // namespace litesmith
