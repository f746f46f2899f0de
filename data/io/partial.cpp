#include "data/io/partial.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "data/io/atomic_file.h"
#include "data/io/checksum.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = ".partial";

const std::string& machine() {
  static const std::string id = [] {
    std::ostringstream text, name;
    char host[256] = "";
    ::gethostname(host, sizeof host - 1);
    text << std::ifstream("/etc/machine-id").rdbuf() << host;
    name << std::hex << std::setw(8) << std::setfill('0') << (checksum(text.str()) >> 32);
    return name.str();
  }();
  return id;
}

/// Of a name that partial_name() made on this machine, the process; else nothing.
std::string process_of(const std::string& name) {
  const std::size_t end = name.size() - std::strlen(kPartial);
  const std::size_t dot = name.rfind('.', end - 1);
  if (dot == name.npos) return "";
  std::istringstream parts(name.substr(dot + 1, end - dot - 1));
  std::string where, process, attempt;
  std::getline(parts, where, '-');
  std::getline(parts, process, '-');
  std::getline(parts, attempt);
  const auto is_number = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  };
  return where == machine() && is_number(process) && is_number(attempt) ? process : "";
}

/// Whether its writer is gone: no such process, and nobody holds it. The latter finds writers in
/// containers, which number their processes anew.
bool is_abandoned(const fs::path& path) {
  const std::string process = process_of(path.filename().string());
  std::error_code error;
  if (process.empty() || fs::exists("/proc/" + process, error) || error) return false;
  const int descriptor =
      ::open(path.c_str(), (is_folder(path) ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  const bool is_free = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  return is_free;
}

}  // namespace

std::string partial_name(const fs::path& target, int attempt) {
  return str(target.string(), ".", machine(), "-", ::getpid(), "-", attempt, kPartial);
}

bool is_partial(const fs::path& file) {
  return file.extension() == kPartial;
}

void mark_as_alive(int descriptor) {
  ::flock(descriptor, LOCK_EX | LOCK_NB);  // where a file system has no locks, nothing is removed
}

void remove_abandoned(const fs::path& target) {
  const fs::path parent = target.has_parent_path() ? target.parent_path() : ".";
  const std::string start = target.filename().string() + ".";
  std::vector<fs::path> abandoned;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (is_partial(path) && path.filename().string().starts_with(start) && is_abandoned(path))
      abandoned.push_back(path);
  }
  for (const fs::path& path : abandoned) fs::remove_all(path, error);
}

PartialFolder::PartialFolder(fs::path target) : target_(std::move(target)) {
  std::error_code error;
  ORCHID_CHECK_USAGE(!fs::exists(target_, error), target_.string(),
                     ": exists already; remove it or choose another name");
  create_folders(target_.parent_path(), "choose another --out");
  remove_abandoned(target_);
  constexpr int kAttempts = 1000;
  bool created = false;
  error.clear();
  for (int attempt = 0; attempt < kAttempts && !created && !error; ++attempt) {
    path_ = partial_name(target_, attempt);
    created = fs::create_directory(path_, error);
  }
  ORCHID_CHECK(created, path_.string(),
               ": cannot create this folder: ", error ? error.message() : "its name is taken",
               "; choose another --out");
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ >= 0) mark_as_alive(descriptor_);
}

PartialFolder::~PartialFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void PartialFolder::commit() {
  commit_directory(path_, target_);
}

}  // namespace orchid::data
