#pragma once

#include <array>
#include <map>
#include <memory>

#include "data/dataset.h"
#include "kernels/core/cuda_part.h"
#include "model/model.h"
#include "train/tasks/task.h"

namespace orchid::train {

/// Forward, loss and backward of one micro-batch. On a GPU the work may be recorded the second time
/// a shape occurs and replayed from then on, with the same results.
class MicroStep {
 public:
  /// `seed` keys dropout. `record`: record and replay; needs a GPU.
  MicroStep(Context&, model::Model&, const Task&, std::uint64_t seed, bool record);

  /// Adds the gradients of the summed loss to the parameters', and the score to `sums`. `number`
  /// is unique for each micro-batch of a run. Work that someone observes is not replayed.
  void run(const data::Batch&, std::uint64_t number, model::BlockObserver* observer = nullptr);

  Tensor& sums() { return sums_; }  ///< (2) f64: loss, hits
  std::int64_t replays() const { return replays_; }

 private:
  /// One shape of batches: its tensors, always at the same addresses, and the work on them.
  struct Recording {
    TaskBatch batch;
    std::unique_ptr<RecordedWork> work;
  };
  using Key = std::array<std::int64_t, 9>;

  static Key key_of(TaskBatch&);

  void compute(const TaskBatch&, model::Tape);
  void run_recorded(TaskBatch, std::uint64_t number);

  Context& ctx_;
  model::Model& model_;
  const Task& task_;
  std::uint64_t seed_;
  bool record_;
  Tensor sums_;
  Tensor number_;  ///< (1) i64 on the device: what dropout reads in recorded work
  std::map<Key, Recording> recordings_;
  std::int64_t replays_ = 0;
};

}  // namespace orchid::train
