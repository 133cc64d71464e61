// What a user writes to name data: NAME, NAME:ARGUMENT, and options behind it
// by commas, "images:DIR,resize=96,scale=1/255". A comma that belongs to a path
// is doubled. Knows the words of every option, not what they do.
#ifndef LITESMITH_DATA_SPEC_H_
#define LITESMITH_DATA_SPEC_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace litesmith {

// One option that some source or every source takes.
struct DataOption {
  const char* name;     // "resize"
  const char* value;    // "N|WxH": what is wanted, for help and messages
  const char* summary;  // one line
};

// Every option there is.
std::span<const DataOption> DataOptions();
// The names of those that every source takes.
std::span<const char* const> CommonDataOptions();

// The options of one SPEC. What is not as its option wants it throws
// Error{invalid argument} with SPEC, option, value and what would do.
class SpecOptions {
 public:
  SpecOptions() = default;
  SpecOptions(std::string spec, std::map<std::string, std::string> values)
      : spec_(std::move(spec)), values_(std::move(values)) {}

  bool Has(const std::string& name) const { return values_.contains(name); }
  bool empty() const { return values_.empty(); }
  const std::map<std::string, std::string>& values() const { return values_; }
  // For messages.
  const std::string& spec() const { return spec_; }

  std::string Text(const std::string& name, const std::string& fallback) const;
  // A decimal number or a quotient of two, "1/255".
  double Number(const std::string& name, double fallback, double low,
                double high) const;
  int64_t Whole(const std::string& name, int64_t fallback, int64_t low,
                int64_t high) const;
  // Numbers by colons, "0.485:0.456:0.406"; `fallback` if it is not given.
  std::vector<double> Numbers(const std::string& name,
                              std::vector<double> fallback) const;
  // "96" for 96 by 96, or "160x120": width, then height; zeros if not given.
  std::pair<int, int> Size(const std::string& name) const;
  // One of these words; the first if it is not given.
  std::string Choice(const std::string& name,
                     std::span<const char* const> words) const;
  // Throws for the value of an option that is given.
  [[noreturn]] void Refuse(const std::string& name,
                           std::string_view wanted) const;

 private:
  std::string spec_;
  std::map<std::string, std::string> values_;
};

struct DataSpec {
  std::string name;
  bool has_argument = false;
  std::string argument;
  SpecOptions options;
};

// Takes a SPEC apart. Throws Error{invalid argument} for what is no KEY=VALUE
// behind a comma, or is there twice.
DataSpec ParseSpec(const std::string& spec);

// Text for a SPEC in which commas are no separators.
std::string EscapeSpec(std::string_view text);

}  // namespace litesmith

#endif  // LITESMITH_DATA_SPEC_H_
