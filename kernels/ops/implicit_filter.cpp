#include "kernels/ops/implicit_filter.h"

namespace orchid::ops {
namespace {

void check_sine(const char* op, const Tensor& x, const Tensor& frequency, const char* out,
                const Tensor& out_tensor) {
  const Shape& shape = x.shape();
  ORCHID_CHECK(shape.rank() == 2, op, ": x: expected (R, W), got ", shape);
  check_shape(op, "frequency", frequency, {shape[1]});
  check_dtype(op, "frequency", frequency, accumulate_type(x.dtype()));
  check_shape(op, out, out_tensor, shape);
  check_dtype(op, out, out_tensor, x.dtype());
}

/// `by_filter` is k or dk.
void check_window(const char* op, const Tensor& e, const Tensor& t, const Tensor& delta,
                  const char* by_filter_name, const Tensor& by_filter) {
  const Shape& shape = e.shape();
  ORCHID_CHECK(shape.rank() == 2, op, ": e: expected (L, D filters), got ", shape);
  ORCHID_CHECK(t.shape().rank() == 1 && t.count() >= shape[0], op, ": t: expected at least ",
               shape[0], " times, got ", t.shape());
  check_dtype(op, "t", t, accumulate_type(e.dtype()));
  check_shape(op, "delta", delta, {shape[1]});
  check_dtype(op, "delta", delta, accumulate_type(e.dtype()));
  const Shape& split = by_filter.shape();
  ORCHID_CHECK(split.rank() == 3 && split[1] == shape[0] && split[0] * split[2] == shape[1], op,
               ": ", by_filter_name, ": expected (filters, L, D) with L=", shape[0],
               " and D filters=", shape[1], ", got ", split);
  check_dtype(op, by_filter_name, by_filter, e.dtype());
}

}  // namespace

void Sine::check() const {
  check_sine(name, *x, *frequency, "y", *y);
}

void SineGrad::check() const {
  check_sine(name, *x, *frequency, "dx", *dx);
  check_shape(name, "dy", *dy, x->shape());
  check_dtype(name, "dy", *dy, x->dtype());
  check_shape(name, "dfrequency", *dfrequency, frequency->shape());
  check_dtype(name, "dfrequency", *dfrequency, frequency->dtype());
}

void DecayWindow::check() const {
  check_window(name, *e, *t, *delta, "k", *k);
}

void DecayWindowGrad::check() const {
  check_window(name, *e, *t, *delta, "dk", *dk);
  check_shape(name, "de", *de, e->shape());
  check_dtype(name, "de", *de, e->dtype());
}

}  // namespace orchid::ops
