#include "data/io/atomic_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "data/io/partial.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// Makes the names in a directory durable. Some file systems refuse to sync one: not an error.
void sync_directory(const std::filesystem::path& directory) {
  const char* name = directory.empty() ? "." : directory.c_str();
  const int descriptor = ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ORCHID_CHECK(descriptor >= 0, name, ": cannot open: ", std::strerror(errno));
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  ORCHID_CHECK(result == 0 || error == EINVAL || error == ENOTSUP, name,
               ": cannot flush: ", std::strerror(error));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path file) : file_(std::move(file)) {
  // Another writer, or one that was killed, may have left a name taken.
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts && descriptor_ < 0; ++attempt) {
    temporary_ = partial_name(file_, attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ < 0) fail("create");
  mark_as_alive(descriptor_);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* doing) const {
  const int error = errno;
  throw Error(str(file_.string(), ": cannot ", doing, " after ", size_, " bytes: ",
                  std::strerror(error), error == ENOSPC ? "; free some space and repeat" : ""));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  ORCHID_CHECK(descriptor_ >= 0, file_.string(), ": written to after commit");
  constexpr std::size_t kAtMost = std::size_t{1} << 30;  // Linux takes just under 2 GiB a call
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kAtMost));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) fail("write");
    size_ += static_cast<std::size_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  ORCHID_CHECK(descriptor_ >= 0, file_.string(), ": committed twice");
  if (::fsync(descriptor_) != 0) fail("flush");
  if (::rename(temporary_.c_str(), file_.c_str()) != 0) fail("rename");
  const int result = ::close(descriptor_);
  descriptor_ = -1;
  if (result != 0) fail("close");
  sync_directory(file_.parent_path());
}

void write_file(const std::filesystem::path& file, std::string_view text) {
  AtomicFile out(file);
  out.write(text);
  out.commit();
}

void commit_directory(const std::filesystem::path& from, const std::filesystem::path& to) {
  ORCHID_CHECK(!std::filesystem::exists(to), to.string(), ": exists already");
  sync_directory(from);
  std::error_code error;
  std::filesystem::rename(from, to, error);
  ORCHID_CHECK(!error, to.string(), ": cannot rename from ", from.string(), ": ", error.message());
  sync_directory(to.parent_path());
}

}  // namespace orchid::data
