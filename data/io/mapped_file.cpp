#include "data/io/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::data {

MappedFile MappedFile::open(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  ORCHID_CHECK_INPUT(descriptor >= 0, file.string(), ": cannot open: ", std::strerror(errno));
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  MappedFile mapped;
  int error = 0;
  if (regular && status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
    error = errno;
    if (address != MAP_FAILED) mapped.bytes_ = {static_cast<const std::byte*>(address), size};
  }
  ::close(descriptor);
  ORCHID_CHECK_INPUT(regular, file.string(), ": expected a regular file");
  ORCHID_CHECK(status.st_size == 0 || mapped.size() > 0, file.string(),
               ": cannot map: ", std::strerror(error));
  return mapped;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace orchid::data
