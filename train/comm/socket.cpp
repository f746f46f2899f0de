#include "train/comm/socket.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Addresses look_up(const char* host, int port, int flags, std::string& reason) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host, std::to_string(port).c_str(), &hints, &found);
  if (error != 0) reason = gai_strerror(error);
  return {error == 0 ? found : nullptr, freeaddrinfo};
}

bool wait_for_event(const Descriptor& socket, short event, double seconds) {
  using Clock = std::chrono::steady_clock;
  const std::chrono::duration<double> all(std::clamp(seconds, 0.0, 1e6));
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(all);
  for (;;) {
    pollfd entry{socket.handle(), event, 0};
    const std::chrono::duration<double, std::milli> left = end - Clock::now();
    const int found = poll(&entry, 1, static_cast<int>(std::ceil(std::max(left.count(), 0.0))));
    if (found >= 0 || errno != EINTR) return found == 1;  // else a signal came meanwhile
  }
}

Descriptor open_socket(const addrinfo& address) {
  return Descriptor(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Of a bound socket.
int port_of(const Descriptor& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(socket.handle(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

Descriptor::~Descriptor() {
  if (handle_ >= 0) ::close(handle_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

std::vector<Descriptor> listen_at(Reach reach, int& port) {
  std::vector<Descriptor> sockets;
  std::string reason = "no address of this machine";
  for (const int family : {AF_INET6, AF_INET}) {
    const Addresses found =
        look_up(nullptr, port, reach == Reach::everywhere ? AI_PASSIVE : 0, reason);
    for (const addrinfo* at = found.get(); at; at = at->ai_next) {
      if (at->ai_family != family) continue;
      Descriptor socket = open_socket(*at);
      const int on = 1;
      if (!socket.open()) continue;
      setsockopt(socket.handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      if (family == AF_INET6)  // IPv4 has a socket of its own
        setsockopt(socket.handle(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      if (bind(socket.handle(), at->ai_addr, at->ai_addrlen) != 0 ||
          listen(socket.handle(), 1024) != 0) {
        reason = std::strerror(errno);
        continue;
      }
      port = port_of(socket);
      sockets.push_back(std::move(socket));
      break;
    }
  }
  ORCHID_CHECK(!sockets.empty(), "port ", port, ": cannot serve there: ", reason);
  return sockets;
}

Descriptor try_connect(const std::string& host, int port, double seconds, std::string& reason) {
  const Addresses found = look_up(host.c_str(), port, 0, reason);
  for (const addrinfo* at = found.get(); at; at = at->ai_next) {
    Descriptor socket = open_socket(*at);
    if (!socket.open()) continue;
    int error = connect(socket.handle(), at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      error = ETIMEDOUT;
      socklen_t length = sizeof error;
      if (wait_writable(socket, seconds))
        getsockopt(socket.handle(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
    if (error == 0) {
      const int on = 1;
      setsockopt(socket.handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    reason = std::strerror(error);
  }
  return {};
}

bool wait_readable(const Descriptor& socket, double seconds) {
  return wait_for_event(socket, POLLIN, seconds);
}

bool wait_writable(const Descriptor& socket, double seconds) {
  return wait_for_event(socket, POLLOUT, seconds);
}

}  // namespace orchid::train
