#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "kernels/core/context.h"
#include "model/model.h"
#include "train/config/sections.h"

namespace orchid::train {

/// Sums over the targets of micro-batches; the mean is taken once, by whoever has them all.
struct Score {
  double loss = 0;  ///< nats, or squared errors
  double correct = 0;
  double targets = 0;
};

/// What the model reads of a batch, and what its outputs are held against.
struct TaskBatch {
  model::Input input;
  Tensor targets;     ///< one a row of the outputs
  Tensor partners{};  ///< as data::Batch has them, like the next
  Tensor shares{};

  /// All of its tensors, in a fixed order; those it does not have are undefined.
  std::array<Tensor*, 8> tensors() {
    return {&input.ids,    &input.segments, &input.mask, &input.rows,
            &input.images, &targets,        &partners,   &shares};
  }
};

/// Named figures in the order they are shown.
using Metrics = std::vector<std::pair<std::string, double>>;

/// Figures of a data set beyond the loss, gathered micro-batch by micro-batch.
class TaskMetrics {
 public:
  virtual ~TaskMetrics() = default;
  /// `outputs` as the model gave them; reading them waits for a device.
  virtual void add(const data::Batch&, const Tensor& outputs) = 0;
  virtual Metrics values(const Score&) const = 0;
  /// What was gathered, in numbers that `merge` takes: of another rank, which had other samples.
  virtual std::vector<double> state() const = 0;
  virtual void merge(std::span<const double> state) = 0;
};

/// What is learned: the only one that sees both a batch and what the model made of it.
class Task {
 public:
  virtual ~Task() = default;

  /// What the network must end with.
  virtual model::HeadConfig head() const = 0;
  /// Targets in a batch: what its summed loss is a sum of.
  virtual std::int64_t targets(const data::Batch&) const = 0;
  /// The batch in host memory as the model takes it.
  virtual TaskBatch prepare(const Context&, const data::Batch&) const = 0;
  /// sums (2) f64 += {loss, hits} of the outputs at the targets. With `gradient`, as in training,
  /// the outputs become the gradient of the summed loss.
  virtual void add_score(Context&, Tensor& outputs, const TaskBatch&, bool gradient,
                         Tensor& sums) const = 0;
  virtual std::unique_ptr<TaskMetrics> metrics() const = 0;
  /// Whether `hits` means something.
  virtual bool counts_hits() const = 0;
};

std::unique_ptr<Task> make_task(const TaskConfig&);

/// The same batch in the context's memory.
TaskBatch to_device(const Context&, const TaskBatch&);

/// Reads what Task::add_score summed; waits for a device.
Score read_score(const Tensor& sums, double targets);

// --- For tasks
// ------------------------------------------------------------------------------------

/// (B, L) u8: 1 where the row's token is no padding; undefined if `lengths` is.
Tensor padding_mask(const Tensor& lengths, std::int64_t length);

/// What a network with a pooled head reads of a batch of texts.
model::Input pooled_input(const data::Batch&, model::Pooling);

/// add_score of a classification by cross entropy: logits (M, C), targets (M) i32, -1: none.
/// `smoothing`: share of each target that goes to all classes alike.
void add_cross_entropy(Context&, Tensor& logits, const TaskBatch&, bool gradient, Tensor& sums,
                       double smoothing = 0);

}  // namespace orchid::train
