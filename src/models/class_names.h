// What a model's classes are called, kept in its file: as labels.txt, a name a
// line, in a zip archive. A .keras file is one; to .tflite and .h5 files one is
// appended, as TFLite's metadata tools do, so that `unzip FILE labels.txt`
// takes it out and every other reader is none the wiser.
#ifndef LITESMITH_MODELS_CLASS_NAMES_H_
#define LITESMITH_MODELS_CLASS_NAMES_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace litesmith {

// The names in a file; none if it has none, or is a built-in model's name.
std::vector<std::string> ReadClassNames(const std::string& path);

// A file's bytes with these names instead of any that it has. Names lose their
// line breaks.
std::vector<std::byte> WithClassNames(std::span<const std::byte> file,
                                      std::span<const std::string> names);

// The same of a file that has been written; nothing for no names, and for what
// is no file, such as "-". Throws Error{io}.
void AddClassNames(const std::string& path, std::span<const std::string> names);

}  // namespace litesmith

#endif  // LITESMITH_MODELS_CLASS_NAMES_H_
