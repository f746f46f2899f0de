#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// y[b, l] = tokens[ids[b, l]] + positions[l] + types[segments[b, l]] (segment 0 where left out).
/// Tables are of accumulate_type. An index out of range is an Error, on a GPU a row of NaN.
struct Embedding {
  static constexpr const char* name = "embedding";
  In ids;                ///< (B, L) i32, in [0, V)
  OptionalIn segments;   ///< (B, L) i32, in [0, T)
  In tokens;             ///< (V, D)
  OptionalIn positions;  ///< (>= L, D)
  OptionalIn types;      ///< (T, D)
  Out y;                 ///< (B, L, D)

  ORCHID_OPERANDS(ids, segments, tokens, positions, types, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// Each table row gains the sum of dy where it was used, in order of position. Row `padding_id` of
/// `dtokens` gains nothing (-1: no such row). Gradients of tables are of accumulate_type.
struct EmbeddingGrad {
  static constexpr const char* name = "embedding_grad";
  In dy;                   ///< (B, L, D)
  In ids;                  ///< (B, L) i32
  OptionalIn segments;     ///< (B, L) i32
  Acc dtokens;             ///< (V, D)
  OptionalAcc dpositions;  ///< (>= L, D)
  OptionalAcc dtypes;      ///< (T, D)
  std::int64_t padding_id = -1;

  ORCHID_OPERANDS(dy, ids, segments, dtokens, dpositions, dtypes)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// y[m] = x[rows[m]]; a row of zeros where rows[m] is -1, which fills up a batch's number of rows.
struct GatherRows {
  static constexpr const char* name = "gather_rows";
  In x;     ///< (R, D) or (B, L, D)
  In rows;  ///< (M) i32, ascending and distinct, in [0, R), then any number of -1
  Out y;    ///< (M, D)

  ORCHID_OPERANDS(x, rows, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx[rows[m]] = dy[m], other rows 0; dy[m] is left out where rows[m] is -1.
struct GatherRowsGrad {
  static constexpr const char* name = "gather_rows_grad";
  In dy;    ///< (M, D)
  In rows;  ///< (M) i32, as in GatherRows
  Out dx;   ///< (R, D) or (B, L, D)

  ORCHID_OPERANDS(dy, rows, dx)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
