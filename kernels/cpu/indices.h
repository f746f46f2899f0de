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

/// The same for rows, which must also ascend.
inline const std::int32_t* ascending_indices(const char* op, const char* operand,
                                             const Tensor& tensor, std::int64_t limit) {
  const auto* const values = checked_indices(op, operand, tensor, limit);
  for (std::int64_t i = 1; i < tensor.count(); ++i)
    ORCHID_CHECK(values[i] > values[i - 1], op, ": ", operand, "[", i,
                 "]: expected ascending and distinct rows, got ", values[i], " after ",
                 values[i - 1]);
  return values;
}

}  // namespace orchid::cpu
