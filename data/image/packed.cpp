#include "data/image/collections.h"
#include "kernels/core/error.h"

namespace orchid::data {

bool is_packed(const std::filesystem::path&) {
  return false;
}

std::shared_ptr<const ImageCollection> open_packed(const std::filesystem::path& folder) {
  throw Error(str(folder.string(), ": no packed pictures"), ErrorKind::input_data);
}

}  // namespace orchid::data
