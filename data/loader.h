#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/dataset.h"

namespace orchid::data {

/// Which samples a loader hands out, and in what order.
struct LoaderOptions {
  std::int64_t micro_batch = 32;   ///< rows of one batch at most
  std::int64_t global_batch = 32;  ///< samples of one step over all ranks
  int rank = 0;
  int world = 1;
  std::uint64_t seed = 0;       ///< of the shuffle
  bool shuffle = true;          ///< a new order each epoch; off: by index
  bool repeat = true;           ///< epoch after epoch; off: one pass, then the end
  bool whole_epochs = false;    ///< each epoch ends with a smaller step, instead of steps that span
  int threads = 1;              ///< workers; 0: next() does the work itself
  std::int64_t prefetch = 4;    ///< batches kept ready ahead of next()
  std::int64_t start_step = 0;  ///< resume: the first step to hand out
  std::int64_t repeats = 1;     ///< repeated augmentation: times a sample comes in a row
};

/// Samples of an epoch over `size` of them: all, or with repeats the largest multiple of 256 (all
/// where there are fewer), as timm has it.
std::int64_t epoch_samples(std::int64_t size, std::int64_t repeats);

/// For evaluation: one pass in order, the last batch partial, no sample twice.
LoaderOptions evaluation_options(std::int64_t micro_batch, int rank = 0, int world = 1);

/// This rank's micro-batches of a dataset, prepared ahead by worker threads.
///
/// All epochs in a row form one sequence of samples. Step g takes its elements
/// [g * global_batch, (g + 1) * global_batch); a rank takes a contiguous part of those and cuts it
/// into micro-batches. So the sequence is the same for any world size and number of threads, and
/// a step number is all that resuming needs. A step may span the end of an epoch, unless epochs
/// are whole: then step g is step g % steps_per_epoch() of its epoch, and the last has the rest.
///
/// With `repeats` R each sample of an epoch's order comes R times in a row, with the draws
/// epoch * R ... epoch * R + R - 1, and the epoch ends after epoch_samples(). Of each global_batch
/// elements of the epoch (and of the last, fewer), if they are a multiple of 8, first come elements
/// 0, 8, 16, ..., then 1, 9, 17, ... and so on: as dealt to 8 ranks in turn, so that copies of a
/// sample do not stand side by side, whatever the world size.
class Loader {
 public:
  /// `dataset` must outlive the loader.
  Loader(const Dataset& dataset, const LoaderOptions& options,
         std::shared_ptr<Memory> memory = make_host_pool());
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next micro-batch; empty after the end of a single pass. What a worker threw is thrown
  /// here, with the step in front.
  std::optional<Batch> next();

  /// next() without an end: throws if there is no further batch.
  Batch next_or_throw();

  /// Calls of next() that make one step on this rank (0 if the rank has no share of it). Only the
  /// last step of a single pass, or of a whole epoch, differs from the others.
  std::int64_t micro_batches(std::int64_t step) const;
  /// Steps of a single pass, or of a whole epoch, rounded up.
  std::int64_t steps_per_epoch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace orchid::data
