#pragma once

#include <string>
#include <vector>

namespace orchid::train {

/// A socket or another open file, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int handle) : handle_(handle) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : handle_(other.handle_) { other.handle_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;

  bool open() const { return handle_ >= 0; }
  int handle() const { return handle_; }

 private:
  int handle_ = -1;
};

/// Who can connect: processes of this machine alone, or of any.
enum class Reach { loopback, everywhere };

/// Sockets that wait for connections at `port` (0: a free one, which it returns), IPv6 and IPv4,
/// and never make their caller wait.
std::vector<Descriptor> listen_at(Reach, int& port);

/// One attempt at every address of `host`; closed where none answered, and why in `reason`.
Descriptor try_connect(const std::string& host, int port, double seconds, std::string& reason);

/// Waits until the socket can be read or written; false after that many seconds.
bool wait_readable(const Descriptor&, double seconds);
bool wait_writable(const Descriptor&, double seconds);

}  // namespace orchid::train
