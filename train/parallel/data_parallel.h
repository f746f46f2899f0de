#pragma once

#include <string>
#include <vector>

#include "model/tape.h"
#include "train/comm/communicator.h"
#include "train/config/parallel_section.h"
#include "train/parallel/buckets.h"

namespace orchid::train {

/// The flat tensors of a model in training, as ranks see them.
struct Arenas {
  Tensor gradients, values;
  Tensor products;                        ///< bf16 copy of the values; may be undefined
  std::vector<Bucket> buckets = {};       ///< that cover them, the last first
  std::vector<std::int64_t> blocks = {};  ///< where the parameters of each block begin
};

/// What ranks do together in a step, beside the work of the model:
///   gradients  each bucket is summed over ranks as soon as backward has completed it; where the
///              optimizer is sharded (ZeRO-1), a rank gets the sum of its shard alone;
///   values     where it is sharded, each bucket is gathered again from the ranks that updated its
///              shards, the first needed first, while the next forward pass has already begun.
/// One rank alone does nothing of this.
class DataParallel final : public model::BlockObserver {
 public:
  DataParallel(Context&, Communicator&, const ParallelConfig&, Arenas);

  /// The backward pass that follows is the last of the step.
  void begin_gradients() { reducing_ = communicates(); }
  void backward_leaves(std::int64_t block) override;
  /// Sums what is left, and `score` (K) f64. From here on the gradients that this rank updates with
  /// are complete.
  void finish_gradients(Tensor& score);

  /// After the update of this rank's shards.
  void begin_values();
  /// What comes before the blocks is about to be read.
  void begin_forward();
  void forward_reaches(std::int64_t block) override;
  /// All values are those of the update.
  void finish_values();

  /// Also one rank, where it was given a backend.
  bool communicates() const { return communicates_; }
  bool sharded() const { return communicates() && config_.shard_optimizer; }

 private:
  /// A bucket on its way.
  struct Transfer {
    Communicator::Ticket ticket = 0;
    std::size_t bucket = 0;
    Tensor rounded{};  ///< bf16 gradients
  };
  Tensor part(const Tensor& arena, const Bucket&) const;
  void reduce(std::size_t bucket);
  void complete(Transfer&);
  void complete_values_below(std::int64_t offset);

  Context& ctx_;
  Communicator& comm_;
  ParallelConfig config_;
  Arenas arenas_;
  bool communicates_;
  bool reducing_ = false;
  std::size_t reduced_ = 0;          ///< buckets whose sum was begun
  std::vector<Transfer> gradients_;  ///< begun
  std::vector<Transfer> values_;     ///< begun, the first needed last
};

}  // namespace orchid::train
