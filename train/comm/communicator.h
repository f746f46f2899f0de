#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/core/context.h"

namespace orchid::train {

enum class Reduce { sum, max };
enum class CallKind { all_reduce, reduce_scatter, all_gather, broadcast, host_reduce, barrier };

/// One collective, as every rank describes it alike.
struct CommCall {
  CallKind kind = CallKind::barrier;
  std::string name;  ///< for messages
  Tensor in, out;    ///< on the context's device; the same tensor where in place
  Reduce reduce = Reduce::sum;
  int root = 0;             ///< of a broadcast
  std::int64_t step = 0;    ///< of training, for messages
  std::int64_t ticket = 0;  ///< 1, 2, ...: number of the call in the communicator
};

/// What communication cost this rank so far.
struct CommUse {
  std::int64_t calls = 0;
  std::int64_t bytes = 0;   ///< of the operands, not of what crossed the network
  double host_seconds = 0;  ///< in which the calling thread did nothing else
  double stream_seconds =
      0;  ///< for which the context's stream stood still for calls, as of check()
};

/// The collectives of data-parallel training. Every rank makes the same calls in the same order,
/// with equal sizes and types, from one thread. Types: f32, f64, bf16 (summed in float32 by the CPU
/// backends), i32, i64. Sums come to the same bits on all ranks; the CPU backends add in a pairwise
/// tree over the ranks: (0 + 1) + (2 + 3).
///
/// A call that fails, or is not done within the deadline, throws an Error that says which rank,
/// call and step, and where known which rank is to blame. After that every call throws.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int world() const { return world_; }
  virtual const char* backend() const = 0;  ///< "single", "threads", "mpi" or "nccl"
  /// The step of training that messages name from here on.
  void set_step(std::int64_t step) { step_ = step; }

  // In the order of the context's stream: a later op sees the result, the host need not wait.
  void all_reduce(Context&, Tensor&, Reduce, const std::string& name);
  /// part (n) = elements rank n ... (rank + 1) n - 1 of the sum of `whole` (world n). `part` may be
  /// that slice of `whole`, which is otherwise left alone.
  void reduce_scatter(Context&, const Tensor& whole, Tensor& part, Reduce, const std::string& name);
  /// The other way round: whole (world n) = the parts (n) in the order of ranks.
  void all_gather(Context&, const Tensor& part, Tensor& whole, const std::string& name);
  void broadcast(Context&, Tensor&, int root, const std::string& name);

  // The same beside the work of the context's stream: begins when that has reached this point, on a
  // stream of its own (the CPU backends do it at once). The operands may not be touched until
  // wait() with the ticket returned, which makes the context's stream wait, not the host.
  using Ticket = std::int64_t;
  Ticket begin_all_reduce(Context&, Tensor&, Reduce, const std::string& name);
  Ticket begin_reduce_scatter(Context&, const Tensor& whole, Tensor& part, Reduce,
                              const std::string& name);
  Ticket begin_all_gather(Context&, const Tensor& part, Tensor& whole, const std::string& name);
  void wait(Context&, Ticket);

  // Numbers of the host: scores, counts, flags. The host waits.
  void reduce(std::span<double>, Reduce, const std::string& name);
  void reduce(std::span<std::int64_t>, Reduce, const std::string& name);
  void barrier(const std::string& name);

  /// Throws if a call failed meanwhile. To be asked after the host waited for the device: what it
  /// reads there is of no use then.
  void check();
  /// This rank gives up: as far as possible the others learn at once that it did, and why. Before
  /// the process ends with an error; never throws one itself.
  void fail(const std::string& reason);

  const CommUse& use() const { return use_; }

 protected:
  Communicator(int rank, int world) : rank_(rank), world_(world) {}

  /// Begins a checked call of more than nothing, and makes the stream wait for it.
  virtual void start(Context&, const CommCall&) = 0;
  virtual void finish(Context&, const CommCall&) = 0;
  /// kind host_reduce (f64 or i64, of host memory, in place) or barrier.
  virtual void run_on_host(const CommCall&) = 0;
  /// CommUse::stream_seconds, of waits that are over.
  virtual double stream_seconds() { return 0; }
  /// What broke the communicator meanwhile, or nothing.
  virtual std::string failure() { return {}; }
  virtual void announce(const std::string& /*reason*/) {}

 private:
  CommCall make_call(CallKind, const std::string& name);
  Ticket begin(Context&, const CommCall&);
  void on_host(const CommCall&);
  template <class T>
  void reduce_values(std::span<T>, Reduce, const std::string& name);
  template <class Body>
  void guarded(const CommCall&, const Body& body);

  int rank_, world_;
  std::int64_t step_ = 0;
  std::int64_t tickets_ = 0;
  std::vector<CommCall> open_;  ///< begun and not waited for
  std::string broken_;          ///< why every call throws
  std::shared_ptr<Memory> host_ = make_host_pool();
  CommUse use_;
};

/// "all_reduce 'bucket 3' (1024 f32, sum)": the same text on every rank of a call.
std::string describe(const CommCall&);

struct CommOptions {
  double deadline_s = 600;  ///< a call that takes longer has failed
};

/// One rank: sums are what they are.
std::unique_ptr<Communicator> make_single();
/// Ranks as threads of this process, for tests: element r is for the thread that is rank r.
std::vector<std::unique_ptr<Communicator>> make_threads(int world, const CommOptions& = {});

}  // namespace orchid::train
