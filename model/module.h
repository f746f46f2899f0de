#pragma once

#include <functional>
#include <string>

#include "kernels/ops/arithmetic.h"
#include "model/tape.h"

namespace orchid::model {

/// A trained tensor and its gradient. Lives in one module; others may refer to it (weight tying).
/// The gradient is undefined until someone gives it memory (allocate_gradients, the optimizer).
struct Parameter {
  Tensor value;
  Tensor grad{};     ///< same shape; backward adds to it, the optimizer reads it
  Tensor product{};  ///< where activations are bf16: a bf16 copy of the value for matrix products

  /// What is multiplied with activations of this type.
  const Tensor& operand(DType activations) const {
    return activations == value.dtype() ? value : product;
  }
};

/// Called for each parameter and each buffer (a tensor of the model that is not trained), in a
/// fixed order, with its path: "encoder.layers.3.mixer.in_linear.weight".
struct Visitor {
  std::function<void(const std::string& path, Parameter&)> parameter;
  std::function<void(const std::string& path, Tensor&)> buffer;
};

/// One differentiable step of a network, with its gradient written by hand.
///   forward   computes y from x and saves on the tape exactly what backward will take;
///   backward  takes it, adds to each Parameter::grad, and returns dx from dy.
/// A module holds parameters, never activations: two forwards in flight need two tapes.
class Module {
 public:
  virtual ~Module() = default;
  virtual Tensor forward(Context&, const Tensor& x, Tape&) const = 0;
  virtual Tensor backward(Context&, const Tensor& dy, Tape&) = 0;
  virtual void visit(const std::string& prefix, const Visitor&) = 0;
};

/// Gives every parameter under `module` a gradient of zeros.
template <class Visitable>
void allocate_gradients(const Context& ctx, Visitable& module) {
  module.visit("", {[&](const std::string&, Parameter& parameter) {
                      parameter.grad = ctx.zeros(parameter.value.shape(), parameter.value.dtype());
                    },
                    nullptr});
}

/// Where activations are bf16: makes the bf16 copies anew from the values. For after values were
/// set from outside; the optimizer keeps the copies in step itself.
template <class Visitable>
void refresh_products(Context& ctx, Visitable& module) {
  if (ctx.compute() == ctx.accumulate()) return;
  module.visit("", {[&](const std::string&, Parameter& parameter) {
                      Tensor& product = parameter.product;
                      if (!product.defined()) product = ctx.empty(parameter.value.shape());
                      run(ctx, ops::Cast{.x = parameter.value, .y = product});
                    },
                    nullptr});
}

/// "prefix.name", or the one that is not empty.
inline std::string join(const std::string& prefix, const std::string& name) {
  if (prefix.empty() || name.empty()) return prefix + name;
  return prefix + "." + name;
}

}  // namespace orchid::model
