#include "train/config/text_file.h"

#include <fstream>

namespace orchid::train {

std::string read_text(const std::filesystem::path& file, ErrorKind kind, std::uintmax_t max_bytes) {
  std::error_code failed;
  const auto status = std::filesystem::status(file, failed);
  if (!std::filesystem::exists(status)) throw Error(str(file.string(), ": no such file"), kind);
  if (!std::filesystem::is_regular_file(status))
    throw Error(str(file.string(), ": expected a file"), kind);
  const auto size = std::filesystem::file_size(file, failed);
  if (failed) throw Error(str(file.string(), ": cannot read: ", failed.message()), kind);
  if (size > max_bytes)
    throw Error(str(file.string(), ": expected at most ", max_bytes, " bytes, got ", size), kind);
  std::ifstream in(file, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in) throw Error(str(file.string(), ": cannot read it"), kind);
  return text;
}

}  // namespace orchid::train
