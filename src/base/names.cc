// How near two names are, and the one wording of what is not known.
#include "src/base/names.h"

#include <algorithm>
#include <cctype>

namespace litesmith {
namespace {

// Small letters, and one kind of dash; the dashes in front of an option are no
// part of its name.
std::string Plain(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c == '-' || c == '_' || c == ' ') {
      if (!plain.empty()) plain += '-';
    } else {
      plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return plain;
}

// How many letters must be put in, left out, changed or swapped with their
// neighbour (optimal string alignment).
size_t Distance(const std::string& a, const std::string& b) {
  const size_t width = b.size() + 1;
  std::vector<size_t> d((a.size() + 1) * width);
  const auto at = [&](size_t i, size_t j) -> size_t& {
    return d[i * width + j];
  };
  for (size_t i = 0; i <= a.size(); ++i) at(i, 0) = i;
  for (size_t j = 0; j <= b.size(); ++j) at(0, j) = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      at(i, j) = std::min(
          {at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return at(a.size(), b.size());
}

// "learning-rate" -> "lr".
std::string Initials(const std::string& plain) {
  std::string letters;
  for (size_t i = 0; i < plain.size(); ++i) {
    if (plain[i] != '-' && (i == 0 || plain[i - 1] == '-')) letters += plain[i];
  }
  return letters;
}

}  // namespace

std::string NearestName(std::string_view typed,
                        std::span<const std::string> names) {
  // Longer than any name of ours; the distance takes quadratic time.
  constexpr size_t kLongest = 64;
  const std::string wanted = Plain(typed);
  if (wanted.size() < 2 || wanted.size() > kLongest) return "";
  const std::string* nearest = nullptr;
  size_t least = wanted.size() / 3 + 2;
  for (const std::string& name : names) {
    const std::string plain = Plain(name);
    const size_t distance = Distance(wanted, plain);
    // A name of three letters is not two errors away from every other.
    if (distance < least && 2 * distance <= plain.size()) {
      least = distance;
      nearest = &name;
    }
  }
  if (nearest != nullptr) return *nearest;
  for (const bool initials : {false, true}) {
    const std::string* found = nullptr;
    int count = 0;
    for (const std::string& name : names) {
      const std::string plain = Plain(name);
      const bool fits = initials ? plain.find('-') != std::string::npos &&
                                       Initials(plain) == wanted
                                 : wanted.size() >= 3 && plain.size() >= 3 &&
                                       (plain.starts_with(wanted) ||
                                        wanted.starts_with(plain));
      if (!fits) continue;
      found = &name;
      ++count;
    }
    if (count == 1) return *found;
  }
  return "";
}

std::string JoinNames(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string UnknownName(std::string_view what, std::string_view typed,
                        std::span<const std::string> known) {
  const std::string nearest = NearestName(typed, known);
  // A long list hides the name that was meant.
  constexpr size_t kMostBesideNearest = 24;
  if (!nearest.empty() && known.size() > kMostBesideNearest) {
    return fmt::format("unknown {} \"{}\"; did you mean \"{}\"?", what, typed,
                       nearest);
  }
  return fmt::format(
      "unknown {} \"{}\"; {}nown: {}", what, typed,
      nearest.empty() ? "k" : fmt::format("did you mean \"{}\"? K", nearest),
      known.empty() ? "none" : JoinNames(known));
}

std::string Counted(int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace litesmith
