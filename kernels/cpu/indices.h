#pragma once

#include "kernels/core/tensor.h"

namespace orchid::cpu {

/// The elements of an i32 tensor, all checked to lie in [0, limit).
inline const std::int32_t* checked_indices(const char* op, const char* operand,
                                           const Tensor& tensor, std::int64_t limit) {
  const auto* const values = tensor.data<std::int32_t>();
  for (std::int64_t i = 0; i < tensor.count(); ++i)
    ORCHID_CHECK(values[i] >= 0 && values[i] < limit, op, ": ", operand, "[", i,
                 "]: expected an index in [0, ", limit, "), got ", values[i]);
  return values;
}

/// Rows in ascending order, of which the last ones may be -1, for none.
struct AscendingRows {
  const std::int32_t* values;
  std::int64_t count;  ///< without those of -1
};

/// The elements of an i32 tensor, checked to be such rows in [0, limit).
inline AscendingRows ascending_rows(const char* op, const char* operand, const Tensor& tensor,
                                    std::int64_t limit) {
  const auto* const values = tensor.data<std::int32_t>();
  std::int64_t count = tensor.count();
  while (count > 0 && values[count - 1] == -1) --count;
  const AscendingRows rows{checked_indices(op, operand, tensor.slice(0, {count}), limit), count};
  for (std::int64_t i = 1; i < count; ++i)
    ORCHID_CHECK(values[i] > values[i - 1], op, ": ", operand, "[", i,
                 "]: expected ascending and distinct rows, got ", values[i], " after ",
                 values[i - 1]);
  return rows;
}

}  // namespace orchid::cpu
