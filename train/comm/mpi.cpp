// Built as a library of its own (liborchid_mpi.so), the only code of ours that knows MPI.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include <mpi.h>

#include "train/comm/backends.h"
#include "train/comm/exchange.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

enum Tag { kAnnouncement = 1, kData, kFailure };
constexpr std::size_t kMostFailureText = 1024;

void check_mpi(int result, const char* doing) {
  if (result == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(result, text.data(), &length);
  throw Error(
      str("mpi: ", doing, ": ", std::string(text.data(), static_cast<std::size_t>(length))));
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What a rank is about to exchange; goes ahead of the data, so that another call is not taken for
/// this one.
struct Announcement {
  std::array<char, 120> what{};
  std::uint64_t bytes = 0;
};

Announcement announcement(const std::string& what, std::size_t bytes) {
  Announcement result;
  what.copy(result.what.data(), result.what.size() - 1);
  result.bytes = bytes;
  return result;
}

/// Open MPI before its version 5 ends a process that srun started without PMIx, unless it was built
/// for another way; its own text does not say how to start ranks.
void advise_under_srun() {
  const char* const rank = std::getenv("SLURM_PROCID");
  if (!std::getenv("SLURM_STEP_ID") || std::getenv("PMIX_NAMESPACE")) return;
  if (!rank || std::string_view(rank) != "0") return;
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> library{};
  int length = 0;
  MPI_Get_library_version(library.data(), &length);
  if (!std::string_view(library.data()).starts_with("Open MPI")) return;
  std::fputs(
      "note: srun started these ranks without PMIx. If Open MPI ends them, use srun "
      "--mpi=pmix (srun --mpi=list: what there is), or orchid train --ranks N in one task\n",
      stderr);
}

/// Starts MPI where nobody has, and then ends it.
class Session {
 public:
  Session() {
    int started = 0, ended = 0;
    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    ORCHID_CHECK(!ended, "mpi: has ended in this process");
    if (started) return;
    advise_under_srun();
    int level = 0;  // all calls come from the thread of this one
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
    owned_ = true;
  }
  /// Ranks that are gone would be waited for without end.
  void abandon() { owned_ = false; }
  ~Session() {
    if (owned_) MPI_Finalize();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  bool owned_ = false;
};

class MpiExchange final : public Exchange {
 public:
  explicit MpiExchange(const CommOptions& options) : deadline_s_(options.deadline_s) {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
    // Of messages that are done, MPICH asks the handler of the world.
    for (const MPI_Comm comm : {comm_, MPI_COMM_WORLD})
      check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &world_);
    sent_.resize(static_cast<std::size_t>(world_));
    received_.resize(sent_.size());
  }
  ~MpiExchange() override {
    if (!failed_) MPI_Comm_free(&comm_);
  }

  int rank() const override { return rank_; }
  int world() const override { return world_; }
  const char* backend() const override { return "mpi"; }

  void exchange(const std::string& what, std::span<const Piece> send,
                std::span<const Piece> receive) override;
  void announce(const std::string& reason) override;

 private:
  struct Request {
    MPI_Request handle = MPI_REQUEST_NULL;
    int peer = 0;
    bool receives = false;
    bool of_announcement = false;
  };

  void post(const std::string& what, const Piece& send, const Piece& receive, int peer);
  void finish(const std::string& what, std::span<const Piece> receive);
  /// Drops what is done; true where something was.
  bool progress(const std::string& what, std::span<const Piece> receive);
  void compare(const std::string& what, std::size_t bytes, int peer) const;
  void hear_announcement(int peer);
  void hear_failures();
  void give_up_requests();
  std::string missing() const;

  Session session_;
  double deadline_s_;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, world_ = 1;
  std::vector<Announcement> sent_, received_;  ///< to and from each rank
  std::vector<Request> requests_;
  std::vector<std::string> last_words_;  ///< on their way when the process ends
  bool failed_ = false;
};

void MpiExchange::exchange(const std::string& what, std::span<const Piece> send,
                           std::span<const Piece> receive) {
  try {
    hear_failures();
    for (int step = 1; step < world_; ++step) {  // not all to the same rank first
      const int to = (rank_ + step) % world_;
      const auto at = static_cast<std::size_t>(to);
      post(what, send[at], receive[at], to);
    }
    finish(what, receive);
  } catch (const Error& error) {
    give_up_requests();
    if (!failed_) announce(str("rank ", rank_, ": ", what, ": ", error.what()));
    throw;
  }
}

void MpiExchange::post(const std::string& what, const Piece& send, const Piece& receive, int peer) {
  const auto at = static_cast<std::size_t>(peer);
  const auto begin = [&](bool receives, bool announces, void* data, std::size_t bytes) {
    Request request{.peer = peer, .receives = receives, .of_announcement = announces};
    const int count = static_cast<int>(bytes), tag = announces ? kAnnouncement : kData;
    check_mpi(receives ? MPI_Irecv(data, count, MPI_BYTE, peer, tag, comm_, &request.handle)
                       : MPI_Isend(data, count, MPI_BYTE, peer, tag, comm_, &request.handle),
              "queueing a message");
    requests_.push_back(request);
  };
  sent_[at] = announcement(what, send.bytes);
  begin(true, true, &received_[at], sizeof(Announcement));
  if (receive.bytes > 0) begin(true, false, receive.data, receive.bytes);
  begin(false, true, &sent_[at], sizeof(Announcement));
  if (send.bytes > 0) begin(false, false, send.data, send.bytes);
}

void MpiExchange::finish(const std::string& what, std::span<const Piece> receive) {
  const Clock::time_point begin = Clock::now();
  while (!requests_.empty()) {
    if (progress(what, receive)) continue;
    hear_failures();
    const double seconds = seconds_since(begin);
    ORCHID_CHECK(seconds < deadline_s_, "not done within ", deadline_s_, " s", missing());
    std::this_thread::yield();
    if (seconds > 2e-3) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

bool MpiExchange::progress(const std::string& what, std::span<const Piece> receive) {
  bool some = false;
  for (std::size_t i = 0; i < requests_.size();) {
    int done = 0;
    const int result = MPI_Test(&requests_[i].handle, &done, MPI_STATUS_IGNORE);
    if (result == MPI_SUCCESS && !done) {
      ++i;
      continue;
    }
    const Request request = requests_[i];
    requests_[i] = requests_.back();
    requests_.pop_back();
    const auto at = static_cast<std::size_t>(request.peer);
    // Data of the wrong size are of another call: its announcement, ahead of them, says which.
    if (result != MPI_SUCCESS) hear_announcement(request.peer);
    if (request.receives && (request.of_announcement || result != MPI_SUCCESS))
      compare(what, receive[at].bytes, request.peer);
    if (result != MPI_SUCCESS)
      with_context(str("rank ", request.peer), [&] { check_mpi(result, "a message"); });
    some = true;
  }
  return some;
}

void MpiExchange::hear_announcement(int peer) {
  for (Request& request : requests_) {
    if (request.peer != peer || !request.receives || !request.of_announcement) continue;
    int done = 0;
    const Clock::time_point begin = Clock::now();
    while (!done && seconds_since(begin) < 1)
      if (MPI_Test(&request.handle, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return;
  }
}

void MpiExchange::compare(const std::string& what, std::size_t bytes, int peer) const {
  const Announcement expected = announcement(what, bytes);
  const Announcement& got = received_[static_cast<std::size_t>(peer)];
  ORCHID_CHECK(got.what == expected.what, "rank ", peer, " is at ", got.what.data());
  ORCHID_CHECK(got.bytes == expected.bytes, "rank ", peer, " sends ", got.bytes,
               " bytes, expected ", expected.bytes);
}

void MpiExchange::hear_failures() {
  int there = 0;
  MPI_Status status;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kFailure, comm_, &there, &status), "MPI_Iprobe");
  if (!there) return;
  std::string text(kMostFailureText, '\0');
  MPI_Recv(text.data(), static_cast<int>(text.size()), MPI_BYTE, status.MPI_SOURCE, kFailure, comm_,
           &status);
  failed_ = true;
  session_.abandon();
  throw Error(text.c_str());
}

void MpiExchange::announce(const std::string& reason) {
  if (failed_) return;
  failed_ = true;
  session_.abandon();
  last_words_.push_back(reason.substr(0, kMostFailureText - 1));
  std::string& text = last_words_.back();
  std::vector<MPI_Request> sends;
  for (int r = 0; r < world_; ++r) {
    if (r == rank_) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(text.data(), static_cast<int>(text.size() + 1), MPI_BYTE, r, kFailure, comm_,
              &request);
    sends.push_back(request);
  }
  const Clock::time_point begin = Clock::now();
  for (int done = 0; !done && seconds_since(begin) < 1;)
    if (MPI_Testall(static_cast<int>(sends.size()), sends.data(), &done, MPI_STATUSES_IGNORE) !=
        MPI_SUCCESS)
      return;
}

/// What was to be received is not any more: its memory is the caller's again.
void MpiExchange::give_up_requests() {
  for (Request& request : requests_) {
    if (request.handle == MPI_REQUEST_NULL) continue;
    if (request.receives) MPI_Cancel(&request.handle);
    int done = 0;
    const Clock::time_point begin = Clock::now();
    while (request.receives && !done && seconds_since(begin) < 0.1)
      if (MPI_Test(&request.handle, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) break;
    if (request.handle != MPI_REQUEST_NULL) MPI_Request_free(&request.handle);
  }
  requests_.clear();
}

std::string MpiExchange::missing() const {
  std::vector<int> peers;
  for (const Request& request : requests_)
    if (request.receives) peers.push_back(request.peer);
  std::ranges::sort(peers);
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  std::string text;
  for (const int peer : peers) text += str(text.empty() ? ", missing rank " : ", rank ", peer);
  return text;
}

}  // namespace
}  // namespace orchid::train

extern "C" __attribute__((visibility("default"))) orchid::train::Communicator* orchid_make_mpi(
    const orchid::train::CommOptions& options) {
  using namespace orchid::train;
  return make_host_communicator(std::make_unique<MpiExchange>(options)).release();
}
