#include "kernels/core/operands.h"

namespace orchid {

std::string operand_name(std::string_view names, int index) {
  for (; index > 0; --index) names.remove_prefix(names.find(',') + 1);
  names = names.substr(0, names.find(','));
  names.remove_prefix(std::min(names.find_first_not_of(' '), names.size()));
  return std::string(names);
}

void check_shape(const char* op, const char* operand, const Tensor& tensor, const Shape& expected) {
  ORCHID_CHECK(tensor.shape() == expected, op, ": ", operand, ": expected ", expected, ", got ",
               tensor.shape());
}

void check_dtype(const char* op, const char* operand, const Tensor& tensor, DType expected) {
  ORCHID_CHECK(tensor.dtype() == expected, op, ": ", operand, ": expected ", name_of(expected),
               ", got ", name_of(tensor.dtype()));
}

void check_operand(const Context& ctx, const char* op, std::string_view names, int index,
                   const Tensor* tensor, bool optional) {
  if (optional && !tensor) return;
  ORCHID_CHECK(tensor && tensor->defined(), op, ": ", operand_name(names, index),
               ": expected a tensor, got an undefined one");
  ORCHID_CHECK(tensor->device() == ctx.device(), op, ": ", operand_name(names, index),
               ": expected a tensor on ", ctx.device(), ", got one on ", tensor->device());
}

}  // namespace orchid
