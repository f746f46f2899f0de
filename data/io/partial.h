#pragma once

#include <filesystem>
#include <string>

namespace orchid::data {

/// The name under which this process writes what will be `target`:
///   TARGET.MACHINE-PROCESS-ATTEMPT.partial
/// MACHINE is a checksum of the machine's id and name, in hexadecimal: folders may be shared.
std::string partial_name(const std::filesystem::path& target, int attempt);

/// The name is one of those: its writer was killed, or still is at work.
bool is_partial(const std::filesystem::path&);

/// Tells other processes that the writer of an open file or folder lives, until it is closed.
void mark_as_alive(int descriptor);

/// Removes files and folders named `target`.*.partial that processes of this machine left which are
/// gone. Those of other machines stay.
void remove_abandoned(const std::filesystem::path& target);

/// A new folder that is removed again unless it is renamed to its place.
class PartialFolder {
 public:
  /// Removes abandoned ones first. `target` must not exist.
  explicit PartialFolder(std::filesystem::path target);
  ~PartialFolder();
  PartialFolder(const PartialFolder&) = delete;
  PartialFolder& operator=(const PartialFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void commit();

 private:
  std::filesystem::path target_, path_;
  int descriptor_ = -1;
};

}  // namespace orchid::data
