#pragma once

#include <cstdint>
#include <memory>

#include "kernels/core/memory.h"
#include "kernels/core/tensor.h"

namespace orchid::data {

/// What one micro-batch consumes, in host memory. B rows, L positions a row, M targets.
/// Tensors a dataset does not use stay undefined.
struct Batch {
  Tensor inputs;     ///< (B, L) i32 token ids, padded with [PAD]
  Tensor segments;   ///< (B, L) i32 sentence index of each token; text pairs only
  Tensor lengths;    ///< (B) i32 positions in use; the rest of a row is padding
  Tensor positions;  ///< (M) i32 rows b * L + l that carry a target, ascending; masked tokens only
  Tensor targets;    ///< (M) i32 token ids, or (B) labels; M may be 0
  Tensor scores;     ///< (B) f32 targets of a regression
  Tensor images;     ///< (B, H, W, C) f32, normalised; pictures only
  Tensor partners;   ///< (B) i32 second label of a mixed sample; mixup and cutmix only
  Tensor shares;     ///< (B) f32 weight of `targets`; 1 - it: of `partners`
  Tensor labels;     ///< (B, L) i32 target or -1; only between Dataset::item and the loader, which
                     ///< turns it into positions and targets
  std::int64_t samples = 0;  ///< B
  std::int64_t tokens = 0;   ///< sum of lengths: all positions but the padding
};

/// A finite, indexable collection. Pure: what item() writes depends on (index, draw) alone, so
/// loading in parallel, shuffling and resuming give the same batches. Thread safe for distinct
/// rows of a batch.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;

  /// Writes example `index` into row `row` of `batch`; `draw` (the epoch) seeds masking.
  virtual void item(std::int64_t index, std::uint64_t draw, Batch& batch,
                    std::int64_t row) const = 0;

  /// Called once after all rows of a batch: mixes its samples. `number` names the batch within the
  /// run: a pure function of its step, its place there and the rank.
  virtual void finish(Batch&, std::uint64_t /*number*/) const {}

  /// A batch of `rows` rows for item() to fill.
  virtual Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const = 0;
};

}  // namespace orchid::data
