#include "train/comm/tcp_store.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <functional>
#include <random>
#include <thread>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernels/core/error.h"
#include "tests/comm/suite.h"
#include "tests/support/catch.h"
#include "train/comm/socket.h"
#include "train/comm/store_wire.h"

using namespace orchid;
using namespace orchid::train;
using test::error_of;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Sends bytes as they are; what comes back until the server closes or half a second is over.
std::string talk(int port, const std::string& bytes) {
  std::string reason;
  const Descriptor socket = try_connect("127.0.0.1", port, 5, reason);
  if (!socket.open()) return "not connected: " + reason;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t some =
        send(socket.handle(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (some <= 0) break;
    sent += static_cast<std::size_t>(some);
  }
  shutdown(socket.handle(), SHUT_WR);
  std::string answer;
  while (wait_readable(socket, 0.5)) {
    char buffer[4096];
    const ssize_t got = recv(socket.handle(), buffer, sizeof buffer, 0);
    if (got <= 0) break;
    answer.append(buffer, static_cast<std::size_t>(got));
  }
  return answer;
}

std::string greeting(const std::string& job) {
  return wire::encode({wire::kGreet, std::string(wire::kProtocol), job});
}

Rendezvous rank_of(int rank, int world, int port) {
  return {.launcher = "test",
          .rank = rank,
          .world = world,
          .host = "localhost",
          .port = port,
          .job = "job"};
}

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Connections that say nothing.
std::vector<Descriptor> strangers(int port, int count) {
  std::vector<Descriptor> result;
  for (int i = 0; i < count; ++i) {
    std::string reason;
    result.push_back(try_connect("127.0.0.1", port, 5, reason));
    INFO(reason);
    REQUIRE(result.back().open());
  }
  return result;
}

bool closed_within(const Descriptor& socket, double seconds) {
  char byte = 0;
  return wait_readable(socket, seconds) && recv(socket.handle(), &byte, 1, 0) <= 0;
}

/// Serves with room for 20 open files; tells its port, and with its exit code whether it used less
/// than a tenth of a processor in the second after the answer.
[[noreturn]] void serve_in_little_room(int tell_port, int answer) {
  const rlimit room{20, 20};
  setrlimit(RLIMIT_NOFILE, &room);
  const StoreServer server(0, "job");
  const int port = server.port();
  char byte = 0;
  if (write(tell_port, &port, sizeof port) != sizeof port || read(answer, &byte, 1) != 1) _exit(2);
  const std::clock_t begin = std::clock();
  std::this_thread::sleep_for(std::chrono::seconds(1));
  _exit(std::clock() - begin < CLOCKS_PER_SEC / 10 ? 0 : 1);
}

int free_port() {
  int port = 0;
  listen_at(Reach::everywhere, port);
  return port;
}

}  // namespace

TEST_CASE("a store gives what was put into it", "[comm][store]") {
  const StoreServer server(0, "job");
  const auto one = connect_store("127.0.0.1", server.port(), "job", 10);
  const auto other = connect_store("localhost", server.port(), "job", 10);
  CHECK(one->get("a") == std::nullopt);
  const std::string bytes("\0binary\xff\n", 9);
  one->set("a", bytes);
  CHECK(other->get("a") == bytes);
  other->set("a", "");
  CHECK(one->get("a") == "");
  const std::string large(wire::kMostValue, 'x');
  one->set("large", large);
  CHECK(other->get("large") == large);
  CHECK(contains(error_of([&] { one->set("large", large + "x"); }), "value: expected at most"));
  CHECK(contains(error_of([&] { one->get(std::string(257, 'k')); }), "key: expected at most"));
  CHECK(one->get("a") == "");  // neither spoiled the connection
}

TEST_CASE("a store is reached over IPv6", "[comm][store]") {
  const StoreServer server(0, "job");
  std::string reason;
  if (!try_connect("::1", server.port(), 1, reason).open()) {
    WARN("SKIPPED: no IPv6 here: " << reason);
    return;
  }
  CHECK_NOTHROW(connect_store("::1", server.port(), "job", 10)->set("a", "b"));
}

TEST_CASE("a client waits for its server, and not longer than the deadline", "[comm][store]") {
  const int port = free_port();
  std::unique_ptr<StoreServer> server;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    server = std::make_unique<StoreServer>(port, "job");
  });
  CHECK_NOTHROW(connect_store("127.0.0.1", port, "job", 20)->set("a", "b"));
  later.join();
  server.reset();
  const std::string text = error_of([&] { connect_store("127.0.0.1", port, "job", 0.3); });
  CHECK(contains(text, str("store of rank 0 at 127.0.0.1:", port, ": not reached within 0.3 s")));
  CHECK(contains(text, "refused"));
  CHECK(contains(error_of([] { connect_store("no.such.host.invalid", 1, "job", 0.2); }),
                 "no.such.host.invalid:1: not reached"));
}

TEST_CASE("the store of another job is not mistaken for ours", "[comm][store]") {
  const StoreServer server(0, "theirs");
  CHECK(contains(error_of([&] { connect_store("127.0.0.1", server.port(), "ours", 0.3); }),
                 "it is of another job than 'ours'"));
}

TEST_CASE("a server that ends is named to its clients", "[comm][store]") {
  auto server = std::make_unique<StoreServer>(0, "job");
  const auto client = connect_store("127.0.0.1", server->port(), "job", 10);
  server.reset();
  CHECK(contains(error_of([&] { client->get("a"); }), "rank 0 is gone"));
}

TEST_CASE("a store outlives whatever is sent to it", "[comm][store]") {
  const StoreServer server(0, "job");
  const auto client = connect_store("127.0.0.1", server.port(), "job", 10);
  client->set("kept", "value");
  const std::string set = wire::encode({wire::kSet, "kept", "stolen"});
  CHECK(talk(server.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n") == "");
  CHECK(talk(server.port(), std::string("\xff\xff\xff\xff", 4)) == "");
  CHECK(talk(server.port(), std::string("\0\0\0\0", 4)) == "");
  CHECK(talk(server.port(), set) == "");  // without a greeting
  CHECK(talk(server.port(), greeting("other") + set) == wire::frame("O"));
  CHECK(talk(server.port(), wire::encode({wire::kGreet, "orchid store 9", "job"})) == "");
  CHECK(talk(server.port(), greeting("job") + wire::frame(std::string("S\xff\xff", 3) + "x")) ==
        "");
  CHECK(talk(server.port(), greeting("job") + wire::frame(std::string("Q\0\0", 3))) == "");
  CHECK(talk(server.port(), greeting("job").substr(0, 9)) == "");
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    std::string bytes = i % 2 == 0 ? greeting("job") : "";
    const std::size_t most = i % 20 == 0 ? 200000 : 40;
    const std::size_t count = random() % most;
    for (std::size_t k = 0; k < count; ++k)
      bytes += static_cast<char>(random() % (i % 3 ? 256 : 4));
    std::string reason;
    const Descriptor socket = try_connect("127.0.0.1", server.port(), 5, reason);
    REQUIRE(socket.open());
    static_cast<void>(send(socket.handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  CHECK(client->get("kept") == "value");
}

TEST_CASE("strangers that say nothing make room for others", "[comm][store]") {
  const StoreServer server(0, "job");
  const auto client = connect_store("127.0.0.1", server.port(), "job", 10);
  const std::vector<Descriptor> silent = strangers(server.port(), 100);
  // 64 may stay, for 10 s; the client has greeted and is none of them.
  CHECK(closed_within(silent[0], 5));
  CHECK(closed_within(silent[35], 5));
  CHECK_FALSE(closed_within(silent[36], 0.2));
  CHECK_FALSE(closed_within(silent[99], 0));
  CHECK_NOTHROW(client->set("a", "b"));
  CHECK(connect_store("127.0.0.1", server.port(), "job", 10)->get("a") == "b");
}

TEST_CASE("many ranks that come at once are no strangers", "[comm][store]") {
  const StoreServer server(0, "job");
  std::vector<std::unique_ptr<Store>> clients;
  for (int i = 0; i < 150; ++i)
    clients.push_back(connect_store("127.0.0.1", server.port(), "job", 10));
  const std::vector<Descriptor> silent = strangers(server.port(), 100);
  CHECK(closed_within(silent[0], 5));
  for (const auto& client : clients) CHECK(client->get("a") == std::nullopt);
}

TEST_CASE("a server without room for connections waits, and does not spin", "[comm][store]") {
  int port_pipe[2], answer_pipe[2];
  REQUIRE((pipe(port_pipe) == 0 && pipe(answer_pipe) == 0));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) serve_in_little_room(port_pipe[1], answer_pipe[0]);
  int port = 0;
  REQUIRE(read(port_pipe[0], &port, sizeof port) == sizeof port);
  const std::vector<Descriptor> silent = strangers(port, 40);
  REQUIRE(write(answer_pipe[1], "x", 1) == 1);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  for (const int end : {port_pipe[0], port_pipe[1], answer_pipe[0], answer_pipe[1]}) close(end);
}

TEST_CASE("a job of one machine is served to that machine alone", "[comm][store]") {
  std::string reason;
  const StoreServer everywhere(0, "job"), here(0, "job", Reach::loopback);
  // Linux has all of 127.0.0.0/8, and a socket of 127.0.0.1 that one address.
  CHECK(try_connect("127.0.0.2", everywhere.port(), 5, reason).open());
  CHECK_FALSE(try_connect("127.0.0.2", here.port(), 5, reason).open());
  CHECK_NOTHROW(connect_store("127.0.0.1", here.port(), "job", 10)->set("a", "b"));
  for (const char* host : {"127.0.0.1", "localhost"}) {
    Rendezvous self = rank_of(0, 1, free_port());
    self.host = host;
    const auto store = open_store(self, 10);
    CHECK(try_connect("127.0.0.1", self.port, 5, reason).open());
    CHECK_FALSE(try_connect("127.0.0.2", self.port, 5, reason).open());
  }
}

TEST_CASE("a signal does not end a wait for the store", "[comm][store]") {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR2, &action, &before);
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const Descriptor reads(ends[0]), writes(ends[1]);
  std::thread other([&, main = pthread_self()] {
    for (int i = 0; i < 30; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      pthread_kill(main, SIGUSR2);
    }
    CHECK(send(writes.handle(), "x", 1, 0) == 1);
  });
  bool found = true;
  const double seconds = seconds_of([&] { found = wait_readable(reads, 0.3); });
  CHECK_FALSE(found);
  CHECK(seconds >= 0.29);  // signals every 20 ms neither end nor prolong it
  CHECK(seconds < 0.55);
  CHECK(wait_readable(reads, 20));
  other.join();
  sigaction(SIGUSR2, &before, nullptr);
}

TEST_CASE("last words take no longer than they may", "[comm][store]") {
  auto server = std::make_unique<StoreServer>(0, "job");
  const auto client = connect_store("127.0.0.1", server->port(), "job", 60);
  CHECK(client->try_set("failed", "why", 5));
  CHECK(client->get("failed") == "why");
  server.reset();
  CHECK_FALSE(client->try_set("failed", "why", 5));

  // A server that greets, and then is silent.
  int port = 0;
  const std::vector<Descriptor> listeners = listen_at(Reach::loopback, port);
  Descriptor peer;
  std::thread silent([&] {
    for (int i = 0; i < 500 && !peer.open(); ++i)
      for (const Descriptor& listener : listeners)
        if (!peer.open() && wait_readable(listener, 0.01))
          peer = Descriptor(accept(listener.handle(), nullptr, nullptr));
    const std::string welcome = wire::frame("D");
    send(peer.handle(), welcome.data(), welcome.size(), MSG_NOSIGNAL);
  });
  const auto unheard = connect_store("127.0.0.1", port, "job", 60);
  silent.join();
  const double seconds = seconds_of([&] { CHECK_FALSE(unheard->try_set("failed", "why", 0.3)); });
  CHECK(seconds >= 0.29);
  CHECK(seconds < 10);
  // Its late answer would be mistaken for the next one's.
  CHECK(contains(error_of([&] { unheard->get("a"); }), "rank 0 is gone"));
}

TEST_CASE("requests that come in pieces and together are answered", "[comm][store]") {
  const StoreServer server(0, "job");
  const std::string all = greeting("job") + wire::encode({wire::kSet, "a", "b"}) +
                          wire::encode({wire::kGet, "a", ""}) + wire::encode({wire::kGet, "c", ""});
  const std::string expected =
      wire::frame("D") + wire::frame("D") + wire::frame("Db") + wire::frame("N");
  CHECK(talk(server.port(), all) == expected);
  std::string reason;
  const Descriptor socket = try_connect("127.0.0.1", server.port(), 5, reason);
  for (const char c : all) {
    REQUIRE(send(socket.handle(), &c, 1, MSG_NOSIGNAL) == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::string got;
  while (got.size() < expected.size() && wait_readable(socket, 5)) {
    char buffer[256];
    const ssize_t some = recv(socket.handle(), buffer, sizeof buffer, 0);
    if (some <= 0) break;
    got.append(buffer, static_cast<std::size_t>(some));
  }
  CHECK(got == expected);
}

TEST_CASE("all ranks of a job check in with rank 0", "[comm][store]") {
  const int world = 6, port = free_port();
  std::vector<std::string> found(world);
  std::vector<std::thread> threads;
  for (int r = 0; r < world; ++r)
    threads.emplace_back([&, r] {
      if (r % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50 * r));
      found[static_cast<std::size_t>(r)] = error_of([&] {
        const auto store = open_store(rank_of(r, world, port), 30);
        if (r == 0) store->set("id", "128 bytes");
        const std::string id = wait_for(*store, "id", 30, "the id");
        ORCHID_CHECK(id == "128 bytes", id);
        store->set(str("done ", r), "yes");
        for (int other = 0; r == 0 && other < world; ++other)  // rank 0 serves to the end
          wait_for(*store, str("done ", other), 30, "the end");
      });
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : found) CHECK(text == "");
}

TEST_CASE("ranks that do not check in are named", "[comm][store]") {
  const int port = free_port();
  std::thread two([&] { error_of([&] { open_store(rank_of(2, 4, port), 0.5); }); });
  const std::string text = error_of([&] { open_store(rank_of(0, 4, port), 0.5); });
  two.join();
  CHECK(contains(text, "of 4 ranks 2 did not check in within 0.5 s: 1, 3"));
}

TEST_CASE("a job whose launcher tells no place asks for it", "[comm][store]") {
  Rendezvous self = rank_of(1, 2, 1);
  self.host.clear();
  CHECK(contains(error_of([&] { open_store(self, 1); }), "set MASTER_ADDR"));
}

TEST_CASE("a port in use is said", "[comm][store]") {
  const StoreServer server(0, "job");
  CHECK(contains(error_of([&] { StoreServer(server.port(), "other"); }),
                 str("port ", server.port(), ": cannot serve there")));
}
