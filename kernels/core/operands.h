#pragma once

#include <string>
#include <string_view>
#include <tuple>

#include "kernels/core/context.h"
#include "kernels/core/cuda_part.h"

/// Lists an op's operands once: ORCHID_OPERANDS(x, gamma, y). Checks, traces and tests read it.
#define ORCHID_OPERANDS(...)                                      \
  static constexpr std::string_view operand_names = #__VA_ARGS__; \
  auto operands() const {                                         \
    return std::tie(__VA_ARGS__);                                 \
  }

namespace orchid {

/// Name number `index` in a list such as "x, gamma, y".
std::string operand_name(std::string_view names, int index);

/// Throws unless `tensor` has exactly this shape: "layer_norm: gamma: expected (8), got (7)".
void check_shape(const char* op, const char* operand, const Tensor& tensor, const Shape& expected);

/// Throws unless `tensor` has this element type.
void check_dtype(const char* op, const char* operand, const Tensor& tensor, DType expected);

void check_operand(const Context&, const char* op, std::string_view names, int index,
                   const Tensor* tensor, bool optional);

/// Bytes of all operands, each read or written once; an Acc is both.
template <class Op>
double operand_bytes(const Op& op) {
  return std::apply(
      [](const auto&... operand) {
        double total = 0;
        (
            [&] {
              using Kind = std::remove_cvref_t<decltype(operand)>;
              constexpr bool twice = std::is_same_v<Kind, Acc> || std::is_same_v<Kind, OptionalAcc>;
              if (operand.tensor)
                total += static_cast<double>(operand.tensor->bytes()) * (twice ? 2 : 1);
            }(),
            ...);
        return total;
      },
      op.operands());
}

/// Every operand that is not optional is defined, and all lie on the context's device.
template <class Op>
void check_operands(const Context& ctx, const Op& op) {
  std::apply(
      [&](const auto&... operand) {
        int index = 0;
        (
            [&] {
              using Kind = std::remove_cvref_t<decltype(operand)>;
              constexpr bool optional = std::is_same_v<Kind, OptionalIn> ||
                                        std::is_same_v<Kind, OptionalOut> ||
                                        std::is_same_v<Kind, OptionalAcc>;
              check_operand(ctx, Op::name, Op::operand_names, index++, operand.tensor, optional);
            }(),
            ...);
      },
      op.operands());
}

}  // namespace orchid
