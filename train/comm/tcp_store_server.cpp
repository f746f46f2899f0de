#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <map>
#include <thread>

#include <poll.h>
#include <sys/socket.h>

#include "kernels/core/error.h"
#include "train/comm/store_wire.h"
#include "train/comm/tcp_store.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Bounds on what strangers can take up.
constexpr std::size_t kMostPeers = 8192;
constexpr std::size_t kMostStrangers = 64;  ///< peers that have not greeted
constexpr int kMostAtOnce = 64;             ///< connections taken before all are heard again
constexpr std::size_t kMostKeys = 100000;
constexpr std::size_t kMostUnread = std::size_t{1} << 20;  ///< answers a peer does not fetch
constexpr auto kGreetWithin = 10s;
/// Before the next attempt to take a connection, where the system has no room for one.
constexpr auto kPause = 50ms;

struct Peer {
  Descriptor socket;
  std::string in, out;
  bool greeted = false;
  bool closing = false;  ///< once `out` is written
  Clock::time_point since = Clock::now();
};

}  // namespace

class StoreServer::Service {
 public:
  Service(int port, std::string job, Reach reach)
      : job_(std::move(job)), port_(port), listeners_(listen_at(reach, port_)) {
    thread_ = std::thread([this] {
      while (!stop_) serve();
    });
  }
  ~Service() {
    stop_ = true;
    thread_.join();
  }
  int port() const { return port_; }

 private:
  void serve();
  void accept_from(const Descriptor& listener);
  void admit(Descriptor socket);
  /// False: the peer is done with.
  bool talk(Peer&, short events);
  bool read(Peer&);
  static bool write(Peer&);
  bool answer(Peer&, const wire::Request&);

  std::string job_;
  int port_;
  std::vector<Descriptor> listeners_;
  std::list<Peer> peers_;  ///< the oldest first
  Clock::time_point accept_after_{};
  std::map<std::string, std::string> values_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

void StoreServer::Service::serve() {
  std::vector<pollfd> entries;
  const short news = Clock::now() < accept_after_ ? 0 : POLLIN;
  for (const Descriptor& listener : listeners_) entries.push_back({listener.handle(), news, 0});
  for (const Peer& peer : peers_)
    entries.push_back({peer.socket.handle(),
                       static_cast<short>(peer.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  if (poll(entries.data(), entries.size(), 50) < 0 && errno != EINTR)
    std::this_thread::sleep_for(50ms);
  std::size_t at = listeners_.size();
  for (auto peer = peers_.begin(); peer != peers_.end(); ++at) {
    const bool late = !peer->greeted && Clock::now() - peer->since > kGreetWithin;
    peer = !late && talk(*peer, entries[at].revents) ? std::next(peer) : peers_.erase(peer);
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    if (entries[i].revents != 0) accept_from(listeners_[i]);
}

void StoreServer::Service::accept_from(const Descriptor& listener) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    Descriptor socket(accept4(listener.handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      admit(std::move(socket));
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // Whoever waits there goes on waiting, and poll would say so without end.
      if (errno != EAGAIN) accept_after_ = Clock::now() + kPause;
      return;
    }
  }
}

/// Ranks greet at once: heard here already, they are no strangers when there are too many.
void StoreServer::Service::admit(Descriptor socket) {
  if (peers_.size() >= kMostPeers + kMostStrangers) return;
  peers_.emplace_back();
  peers_.back().socket = std::move(socket);
  if (!talk(peers_.back(), POLLIN)) {
    peers_.pop_back();
    return;
  }
  const auto stranger = [](const Peer& peer) { return !peer.greeted; };
  if (std::ranges::count_if(peers_, stranger) > std::ptrdiff_t{kMostStrangers})
    peers_.erase(std::ranges::find_if(peers_, stranger));
}

bool StoreServer::Service::talk(Peer& peer, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !read(peer)) return false;
  return write(peer);
}

bool StoreServer::Service::read(Peer& peer) {
  char buffer[16384];
  const ssize_t got = recv(peer.socket.handle(), buffer, sizeof buffer, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  peer.in.append(buffer, static_cast<std::size_t>(got));
  try {
    while (!peer.closing) {
      const std::optional<std::string> frame = wire::take_frame(peer.in);
      if (!frame) break;
      const std::optional<wire::Request> request = wire::decode(*frame);
      if (!request || !answer(peer, *request)) return false;
    }
  } catch (const Error&) {  // not one of ours
    return false;
  }
  return true;
}

bool StoreServer::Service::answer(Peer& peer, const wire::Request& request) {
  const auto reply = [&](char status, const std::string& value) {
    peer.out += wire::frame(status + value);
    return true;
  };
  if (!peer.greeted) {
    if (request.operation != wire::kGreet || request.key != wire::kProtocol) return false;
    peer.greeted = request.value == job_;
    peer.closing = !peer.greeted;
    return reply(peer.greeted ? wire::kDone : wire::kOther, "");
  }
  if (request.operation == wire::kGet) {
    const auto found = values_.find(request.key);
    return found == values_.end() ? reply(wire::kNone, "") : reply(wire::kDone, found->second);
  }
  if (request.operation != wire::kSet || values_.size() >= kMostKeys) return false;
  values_[request.key] = request.value;
  return reply(wire::kDone, "");
}

bool StoreServer::Service::write(Peer& peer) {
  while (!peer.out.empty()) {
    const ssize_t sent = send(peer.socket.handle(), peer.out.data(), peer.out.size(), MSG_NOSIGNAL);
    if (sent < 0) return (errno == EAGAIN || errno == EINTR) && peer.out.size() <= kMostUnread;
    peer.out.erase(0, static_cast<std::size_t>(sent));
  }
  return !peer.closing;
}

StoreServer::StoreServer(int port, const std::string& job, Reach reach)
    : service_(std::make_unique<Service>(port, job, reach)) {}

StoreServer::~StoreServer() = default;

int StoreServer::port() const {
  return service_->port();
}

}  // namespace orchid::train
