#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "train/comm/exchange.h"

namespace orchid::train {
namespace {

using Clock = std::chrono::steady_clock;

/// What the ranks of one group share: a barrier at which each lays out what it sends.
class Group {
 public:
  Group(int world, double deadline_s)
      : deadline_(
            std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(deadline_s))),
        deadline_s_(deadline_s),
        slots_(static_cast<std::size_t>(world)) {}

  struct Slot {
    std::int64_t arrivals = 0;  ///< and leaves
    std::string what;
    std::span<const Exchange::Piece> send;
  };

  int world() const { return static_cast<int>(slots_.size()); }
  /// Stays as it is while the rank that reads it is between arrive() and leave().
  const Slot& slot(std::size_t rank) const { return slots_[rank]; }

  /// Lays out what this rank sends; returns when all ranks have done so.
  void arrive(int rank, const std::string& what, std::span<const Exchange::Piece> send) {
    std::unique_lock lock(mutex_);
    ORCHID_CHECK(failure_.empty(), failure_);
    Slot& mine = slots_[static_cast<std::size_t>(rank)];
    mine.what = what;
    mine.send = send;
    const std::int64_t turn = ++mine.arrivals;
    complete(turn);
    arrived_.wait_for(lock, deadline_, [&] { return !failure_.empty() || completed_ >= turn; });
    if (completed_ >= turn) return;
    if (failure_.empty())
      failure_ = str("not done within ", deadline_s_, " s, missing ", missing(turn));
    arrived_.notify_all();
    throw Error(failure_);
  }

  /// Returns when no rank reads any more what another laid out. All are on their way here.
  void leave(int rank) {
    std::unique_lock lock(mutex_);
    const std::int64_t turn = ++slots_[static_cast<std::size_t>(rank)].arrivals;
    complete(turn);
    arrived_.wait(lock, [&] { return completed_ >= turn; });
  }

  void announce(const std::string& reason) {
    const std::lock_guard lock(mutex_);
    if (failure_.empty()) failure_ = reason;
    arrived_.notify_all();
  }

 private:
  /// The last to come lets all go on. Once a rank gave up waiting, nobody does.
  void complete(std::int64_t turn) {
    const auto here = [&](const Slot& slot) { return slot.arrivals >= turn; };
    if (!std::ranges::all_of(slots_, here)) return;
    completed_ = turn;
    arrived_.notify_all();
  }

  std::string missing(std::int64_t turn) const {
    std::string ranks;
    for (std::size_t r = 0; r < slots_.size(); ++r)
      if (slots_[r].arrivals < turn) ranks += str(ranks.empty() ? "rank " : ", rank ", r);
    return ranks;
  }

  Clock::duration deadline_;
  double deadline_s_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Slot> slots_;
  std::int64_t completed_ = 0;  ///< arrivals (and leaves) that all ranks made
  std::string failure_;
};

class ThreadExchange final : public Exchange {
 public:
  ThreadExchange(std::shared_ptr<Group> group, int rank) : group_(std::move(group)), rank_(rank) {}
  /// A rank that ends sends nothing more: who waits for it need not wait for the deadline.
  ~ThreadExchange() override { group_->announce(str("rank ", rank_, " has left")); }

  int rank() const override { return rank_; }
  int world() const override { return group_->world(); }
  const char* backend() const override { return "threads"; }

  void exchange(const std::string& what, std::span<const Piece> send,
                std::span<const Piece> receive) override {
    group_->arrive(rank_, what, send);
    std::string mismatch;
    for (std::size_t r = 0; r < receive.size(); ++r) {
      if (r == static_cast<std::size_t>(rank_)) continue;
      const Group::Slot& from = group_->slot(r);
      if (from.what != what) {
        mismatch = str("rank ", r, " is at ", from.what);
        continue;
      }
      const Piece& sent = from.send[static_cast<std::size_t>(rank_)];
      if (sent.bytes > 0) std::memcpy(receive[r].data, sent.data, sent.bytes);
    }
    group_->leave(rank_);
    ORCHID_CHECK(mismatch.empty(), mismatch);
  }

  void announce(const std::string& reason) override { group_->announce(reason); }

 private:
  std::shared_ptr<Group> group_;
  int rank_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> make_threads(int world, const CommOptions& options) {
  ORCHID_CHECK(world >= 1, "threads: expected at least one rank, got ", world);
  const auto group = std::make_shared<Group>(world, options.deadline_s);
  std::vector<std::unique_ptr<Communicator>> ranks;
  for (int r = 0; r < world; ++r)
    ranks.push_back(make_host_communicator(std::make_unique<ThreadExchange>(group, r)));
  return ranks;
}

}  // namespace orchid::train
