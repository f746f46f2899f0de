#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <thread>

#include <sys/socket.h>
#include <unistd.h>

#include "kernels/core/error.h"
#include "train/comm/store_wire.h"
#include "train/comm/tcp_store.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// One attempt to connect, and the pause between two.
constexpr double kAttempt = 5;
constexpr double kPause = 0.1;

class Deadline {
 public:
  explicit Deadline(double seconds) : end_(Clock::now() + to_duration(seconds)) {}
  double left() const {
    return std::max(0.0, std::chrono::duration<double>(end_ - Clock::now()).count());
  }

 private:
  static Clock::duration to_duration(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  Clock::time_point end_;
};

class TcpStore final : public Store {
 public:
  TcpStore(const std::string& host, int port, const std::string& job, double deadline_s)
      : place_(str("store of rank 0 at ", host, ':', port)), deadline_s_(deadline_s) {
    const Deadline deadline(deadline_s);
    std::string reason;
    while (!greet(host, port, job, deadline, reason)) {
      ORCHID_CHECK(deadline.left() > 0, place_, ": not reached within ", deadline_s,
                   " s: ", reason);
      std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
    }
  }

  void set(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    const std::string answer = ask({wire::kSet, key, value}, Deadline(deadline_s_));
    ORCHID_CHECK(answer[0] == wire::kDone, place_, ": refuses '", key, "'");
  }

  bool try_set(const std::string& key, const std::string& value, double seconds) override {
    const Deadline deadline(std::min(seconds, deadline_s_));
    std::unique_lock lock(mutex_, std::try_to_lock);
    for (; !lock && deadline.left() > 0; static_cast<void>(lock.try_lock()))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    try {
      return lock && ask({wire::kSet, key, value}, deadline)[0] == wire::kDone;
    } catch (const Error&) {
      socket_ = Descriptor();  // a late answer would be taken for that of another request
      return false;
    }
  }

  std::optional<std::string> get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const std::string answer = ask({wire::kGet, key, ""}, Deadline(deadline_s_));
    if (answer[0] == wire::kNone) return std::nullopt;
    return answer.substr(1);
  }

 private:
  bool greet(const std::string& host, int port, const std::string& job, const Deadline& deadline,
             std::string& reason) {
    socket_ = try_connect(host, port, std::min(kAttempt, deadline.left()), reason);
    if (!socket_.open()) return false;
    received_.clear();
    try {
      const std::string answer =
          ask({wire::kGreet, std::string(wire::kProtocol), job}, Deadline(kAttempt));
      if (answer[0] == wire::kDone) return true;
      reason = str("it is of another job than '", job, "'");
    } catch (const Error& error) {
      reason = error.what();
    }
    return false;
  }

  std::string ask(const wire::Request& request, const Deadline& deadline) {
    send_all(wire::encode(request), deadline);
    for (;;) {
      const std::optional<std::string> answer = wire::take_frame(received_);
      if (answer) {
        ORCHID_CHECK(!answer->empty(), place_, ": sends an empty answer");
        return *answer;
      }
      ORCHID_CHECK(wait_readable(socket_, deadline.left()), place_, ": does not answer");
      char buffer[16384];
      const ssize_t got = recv(socket_.handle(), buffer, sizeof buffer, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      ORCHID_CHECK(got != 0, place_, ": has ended; rank 0 is gone");
      ORCHID_CHECK(got > 0, place_, ": ", std::strerror(errno));
      received_.append(buffer, static_cast<std::size_t>(got));
    }
  }

  void send_all(std::string bytes, const Deadline& deadline) {
    while (!bytes.empty()) {
      const ssize_t sent = send(socket_.handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.erase(0, static_cast<std::size_t>(sent));
        continue;
      }
      ORCHID_CHECK(errno == EAGAIN || errno == EINTR, place_, ": ", std::strerror(errno),
                   "; rank 0 is gone");
      ORCHID_CHECK(wait_writable(socket_, deadline.left()), place_, ": does not listen");
    }
  }

  std::string place_;
  double deadline_s_;
  std::mutex mutex_;
  Descriptor socket_;
  std::string received_;
};

/// Rank 0's own way to what it serves.
class ServedStore final : public Store {
 public:
  ServedStore(const Rendezvous& self, double deadline_s)
      : server_(self.port, self.job, reach_of(self.host)),
        client_(connect_store("localhost", server_.port(), self.job, deadline_s)) {}
  void set(const std::string& key, const std::string& value) override { client_->set(key, value); }
  bool try_set(const std::string& key, const std::string& value, double seconds) override {
    return client_->try_set(key, value, seconds);
  }
  std::optional<std::string> get(const std::string& key) override { return client_->get(key); }

 private:
  /// Ranks that look for it here are all here.
  static Reach reach_of(const std::string& host) {
    const bool here = host == "127.0.0.1" || host == "localhost" || host == "::1";
    return here ? Reach::loopback : Reach::everywhere;
  }

  StoreServer server_;
  std::unique_ptr<Store> client_;
};

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "?";
}

/// Rank 0 waits for all others, and tells them when they are complete.
void check_in(Store& store, const Rendezvous& self, double deadline_s) {
  const Deadline deadline(deadline_s);
  store.set(str("here ", self.rank), str(host_name(), ", process ", getpid()));
  if (self.rank != 0) {
    // Rank 0 has the same deadline, and then the better message.
    wait_for(store, "complete", deadline_s + 5, "all ranks to check in with rank 0");
    return;
  }
  std::vector<int> missing;
  for (int r = 1; r < self.world; ++r) missing.push_back(r);
  for (;;) {
    std::erase_if(missing, [&](int r) { return store.get(str("here ", r)).has_value(); });
    if (missing.empty()) break;
    std::string ranks;
    for (std::size_t i = 0; i < std::min<std::size_t>(missing.size(), 10); ++i)
      ranks += str(i > 0 ? ", " : "", missing[i]);
    ORCHID_CHECK(deadline.left() > 0, "of ", self.world, " ranks ", missing.size(),
                 " did not check in within ", deadline_s, " s: ", ranks);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  store.set("complete", "yes");
}

}  // namespace

std::unique_ptr<Store> connect_store(const std::string& host, int port, const std::string& job,
                                     double deadline_s) {
  return std::make_unique<TcpStore>(host, port, job, deadline_s);
}

std::shared_ptr<Store> open_store(const Rendezvous& self, double deadline_s) {
  ORCHID_CHECK_USAGE(!self.host.empty(), self.launcher,
                     " does not say where rank 0 is; set MASTER_ADDR to its host on all ranks");
  std::shared_ptr<Store> store;
  if (self.rank == 0) {
    store = std::make_shared<ServedStore>(self, deadline_s);
  } else {
    store = connect_store(self.host, self.port, self.job, deadline_s);
  }
  check_in(*store, self, deadline_s);
  return store;
}

}  // namespace orchid::train
