#pragma once

#include <functional>

#include "model/module.h"
#include "tests/support/op_check.h"

namespace orchid::test {

/// Compares gradients with central differences of `loss` at up to `coordinates` random elements of
/// `value`, in float64. `scale` is the largest gradient of the whole model: an element may be off
/// by 1e-6 of the tensor's largest gradient and 1e-9 of the model's.
inline void check_gradient(const std::string& name, Tensor value, const Tensor& gradient,
                           const std::function<double()>& loss, double scale,
                           std::int64_t coordinates = 64, double step = 1e-5) {
  const Philox philox(7, RandomPurpose::test);
  double* data = value.data<double>();
  const double* got = gradient.data<double>();
  double largest = 0;
  for (std::int64_t i = 0; i < gradient.count(); ++i) largest = std::max(largest, std::abs(got[i]));
  const bool all = value.count() <= coordinates;
  for (std::int64_t i = 0; i < (all ? value.count() : coordinates); ++i) {
    const std::int64_t at = all ? i
                                : static_cast<std::int64_t>(Philox::below(
                                      static_cast<std::uint32_t>(value.count()),
                                      philox.words(1, static_cast<std::uint64_t>(i))[0]));
    const double saved = std::exchange(data[at], data[at] + step);
    const double above = loss();
    data[at] = saved - step;
    const double below = loss();
    data[at] = saved;
    const double expected = (above - below) / (2 * step);
    INFO(name << "[" << at << "]: by differences " << expected << ", by backward " << got[at]);
    CHECK(std::abs(expected - got[at]) <= 2e-6 * largest + 2e-9 * scale);
  }
}

/// The same for every parameter of a module.
template <class Visitable>
void check_all_gradients(Visitable& module, const std::function<double()>& loss,
                         std::int64_t coordinates = 64) {
  double scale = 0;
  module.visit("", {[&](const std::string&, model::Parameter& parameter) {
                      for (const double g : download(parameter.grad))
                        scale = std::max(scale, std::abs(g));
                    },
                    nullptr});
  CHECK(scale > 0);
  module.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                      check_gradient(path, parameter.value, parameter.grad, loss, scale,
                                     coordinates);
                    },
                    nullptr});
}

/// sum of a * b.
inline double dot(const Tensor& a, const Array& b) {
  const Array values = download(a);
  double sum = 0;
  for (std::size_t i = 0; i < b.size(); ++i) sum += values[i] * b[i];
  return sum;
}

}  // namespace orchid::test
