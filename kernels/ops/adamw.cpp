#include "kernels/ops/adamw.h"

namespace orchid::ops {

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
    ORCHID_CHECK(table.rank() == 2 && table[0] >= 1 && table[1] == 3, name,
                 ": ranges: expected (S, 3), got ", table);
    check_dtype(name, "ranges", *ranges, DType::f64);
  }
  if (control.defined()) {
    check_shape(name, "control", *control, {kControls});
    check_dtype(name, "control", *control, DType::f64);
  }
  if (applied.defined()) {
    check_shape(name, "applied", *applied, {1});
    check_dtype(name, "applied", *applied, DType::i64);
  }
  if (product.defined()) {
    check_shape(name, "product", *product, value->shape());
    check_dtype(name, "product", *product, DType::bf16);
  }
}

void ClipScale::check() const {
  check_shape(name, "sum_of_squares", *sum_of_squares, {1});
  check_dtype(name, "sum_of_squares", *sum_of_squares, DType::f64);
  ORCHID_CHECK(score->count() >= 1, name, ": score: expected a sum, got none");
  check_dtype(name, "score", *score, DType::f64);
  check_shape(name, "control", *control, {kControls});
  check_dtype(name, "control", *control, DType::f64);
  check_shape(name, "applied", *applied, {1});
  check_dtype(name, "applied", *applied, DType::i64);
  ORCHID_CHECK(clip_norm >= 0, name, ": clip_norm: expected at least 0, got ", clip_norm);
}

void SumOfSquares::check() const {
  check_shape(name, "result", *result, {1});
  check_dtype(name, "result", *result, DType::f64);
}

}  // namespace orchid::ops
