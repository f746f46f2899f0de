#include "kernels/ops/adamw.h"

namespace orchid::ops {
namespace {

void check_control(const char* name, const Tensor& control) {
  check_shape(name, "control", control, {kControls});
  check_dtype(name, "control", control, DType::f64);
}

void check_applied(const char* name, const Tensor& applied) {
  check_shape(name, "applied", applied, {1});
  check_dtype(name, "applied", applied, DType::i64);
}

}  // namespace

void AdamW::check() const {
  const auto check_like_value = [&](const char* operand, const Tensor& tensor) {
    check_shape(name, operand, tensor, value->shape());
    check_dtype(name, operand, tensor, value->dtype());
  };
  check_like_value("grad", *grad);
  check_like_value("m", *m);
  check_like_value("v", *v);
  ORCHID_CHECK(step >= 1, name, ": step: expected at least 1, got ", step);
  ORCHID_CHECK(beta1 >= 0 && beta1 < 1, name, ": beta1: expected [0, 1), got ", beta1);
  ORCHID_CHECK(beta2 >= 0 && beta2 < 1, name, ": beta2: expected [0, 1), got ", beta2);
  if (ranges.defined()) {
    const Shape& table = ranges->shape();
    ORCHID_CHECK(table.rank() == 2 && table[0] >= 1 && table[1] == kRangeFields, name,
                 ": ranges: expected (S, ", kRangeFields, "), got ", table);
    check_dtype(name, "ranges", *ranges, DType::f64);
  }
  if (control.defined()) check_control(name, *control);
  if (applied.defined()) check_applied(name, *applied);
  if (product.defined()) {
    check_shape(name, "product", *product, value->shape());
    check_dtype(name, "product", *product, DType::bf16);
  }
}

void ClipScale::check() const {
  ORCHID_CHECK(sum_of_squares->count() >= 1, name, ": sum_of_squares: expected a sum, got none");
  check_dtype(name, "sum_of_squares", *sum_of_squares, DType::f64);
  if (targets.defined()) {
    check_shape(name, "targets", *targets, {1});
    check_dtype(name, "targets", *targets, DType::f64);
  }
  ORCHID_CHECK(score->count() >= 1, name, ": score: expected a sum, got none");
  check_dtype(name, "score", *score, DType::f64);
  check_control(name, *control);
  check_applied(name, *applied);
  ORCHID_CHECK(clip_norm >= 0, name, ": clip_norm: expected at least 0, got ", clip_norm);
}

void MovingAverage::check() const {
  check_shape(name, "average", *average, value->shape());
  check_dtype(name, "average", *average, value->dtype());
  if (control.defined()) check_control(name, *control);
  if (applied.defined()) check_applied(name, *applied);
  ORCHID_CHECK(decay >= 0 && decay < 1, name, ": decay: expected [0, 1), got ", decay);
  ORCHID_CHECK(!warmup || applied.defined(), name,
               ": applied: expected the number of updates, which a warm-up goes by");
}

void SumOfSquares::check() const {
  check_shape(name, "result", *result, {1});
  check_dtype(name, "result", *result, DType::f64);
}

}  // namespace orchid::ops
