#include "data/io/paths.h"

#include "kernels/core/error.h"

namespace orchid::data {

void create_folders(const std::filesystem::path& folder, const std::string& mend) {
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  ORCHID_CHECK(!error, folder.string(), ": cannot create this folder: ", error.message(),
               mend.empty() ? "" : "; ", mend);
}

}  // namespace orchid::data
