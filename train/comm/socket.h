#pragma once

#include <string>
#include <vector>

namespace orchid::train {

/// A socket, closed with its owner.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int handle) : handle_(handle) {}
  ~Socket();
  Socket(Socket&& other) noexcept : handle_(other.handle_) { other.handle_ = -1; }
  Socket& operator=(Socket&& other) noexcept;

  bool open() const { return handle_ >= 0; }
  int handle() const { return handle_; }

 private:
  int handle_ = -1;
};

/// Sockets that wait for connections at `port` of all addresses of this machine (0: a free one,
/// which it returns), and never make their caller wait.
std::vector<Socket> listen_everywhere(int& port);

/// One attempt at every address of `host`; closed where none answered, and why in `reason`.
Socket try_connect(const std::string& host, int port, double seconds, std::string& reason);

/// Waits until the socket can be read or written; false after that many seconds.
bool wait_readable(const Socket&, double seconds);
bool wait_writable(const Socket&, double seconds);

}  // namespace orchid::train
