// Which kernels attention takes: in bf16 those of the tensor cores wherever they can be taken.

#include <algorithm>

#include "kernels/ops/attention.h"
#include "tests/simt/control.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;

namespace {

/// The kernels of both ops with heads of `head` channels, without the namespace; `late`: the
/// operands begin one element late.
std::vector<std::string> kernels_of(DType compute, std::int64_t head, bool late = false) {
  Context& ctx = test_context(compute);
  const Shape wide{1, 3, 6 * head}, narrow{1, 3, 2 * head};
  const auto operand = [&](const Shape& shape) {
    return filled(ctx, {shape.count() + 1}, 0.5).slice(late, shape);
  };
  const Tensor qkv = operand(wide), dy = operand(narrow);
  Tensor y = operand(narrow), dqkv = operand(wide), sums = filled_f(ctx, {1, 2, 3}, 0);
  simt::finish_work();
  simt::launched_kernels();
  run(ctx, ops::Attention{.qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .heads = 2});
  run(ctx,
      ops::AttentionGrad{
          .dy = dy, .qkv = qkv, .mask = {}, .y = y, .logsumexp = sums, .dqkv = dqkv, .heads = 2});
  simt::finish_work();
  std::vector<std::string> names = simt::launched_kernels();
  for (std::string& name : names) name = name.substr(name.rfind("::") + 2);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> on_tensor_cores(int head) {
  const std::string size = str("<", head, ">");
  return {"attention_mma" + size, "attention_mma_grad_kv" + size, "attention_mma_grad_q" + size};
}

std::vector<std::string> on_float_units(const std::string& type, int lanes, int head) {
  const std::string of = str("<", type, ", ", lanes, ", ", head, ">");
  return {"attention" + of, str("attention_dot<", type, ">"), "attention_grad_kv" + of,
          "attention_grad_q" + of};
}

}  // namespace

TEST_CASE("attention in bf16 takes the tensor cores for heads of 16 to 128 channels", "[simt]") {
  for (int head = 16; head <= 128; head += 16) {
    INFO("head " << head);
    CHECK(kernels_of(DType::bf16, head) == on_tensor_cores(head <= 32   ? 32
                                                           : head <= 64 ? 64
                                                                        : 128));
  }
}

TEST_CASE("attention of other heads, types and addresses takes the float units", "[simt]") {
  CHECK(kernels_of(DType::bf16, 8) == on_float_units("__nv_bfloat16", 8, 32));
  CHECK(kernels_of(DType::bf16, 40) == on_float_units("__nv_bfloat16", 8, 64));
  CHECK(kernels_of(DType::bf16, 64, true) == on_float_units("__nv_bfloat16", 1, 64));
  CHECK(kernels_of(DType::f32, 64) == on_float_units("float", 4, 64));
}
