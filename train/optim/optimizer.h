#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/context.h"
#include "model/module.h"
#include "train/config/sections.h"

namespace orchid::train {

/// A parameter of the model and where it lies in the arenas.
struct OptimizedParameter {
  std::string path;
  Shape shape;
  std::int64_t offset = 0;  ///< in elements
  double learning_rate = 0;
  double weight_decay = 0;
};

/// AdamW over all parameters of a model (spec bert_glue 3.3), in ordinary and decoupled form.
///
/// Values, gradients and both moments lie in one flat tensor each; the model's parameters become
/// slices of the first two. Neighbours with equal settings are updated by one op.
class Optimizer {
 public:
  using VisitParameters = std::function<void(const model::Visitor&)>;

  /// `visit` shows a visitor every parameter, always in the same order. Their values move into the
  /// arena: a handle copied before would see no updates.
  Optimizer(Context&, const OptimizerConfig&, const VisitParameters& visit);

  void zero_grad(Context&);
  /// L2 norm of all gradients, in double; the caller scales it.
  double grad_norm(Context&);
  /// One update with gradients grad_scale * grad. `factor` is the schedule's, `update` counts
  /// from 1 and leaves out skipped steps.
  void step(Context&, double factor, double grad_scale, std::int64_t update);

  const std::vector<OptimizedParameter>& parameters() const { return parameters_; }
  /// Elements of all parameters, without the gaps between them.
  std::int64_t parameter_count() const { return parameter_count_; }
  /// First and second moment of parameter number `index`, as slices.
  Tensor first_moment(std::size_t index) const { return slice(m_, index); }
  Tensor second_moment(std::size_t index) const { return slice(v_, index); }
  Tensor value(std::size_t index) const { return slice(values_, index); }

 private:
  /// Neighbouring parameters with equal settings.
  struct Run {
    std::int64_t offset = 0;
    std::int64_t count = 0;
    double learning_rate = 0;
    double weight_decay = 0;
  };

  void collect(const VisitParameters&);
  void build(Context&, const VisitParameters&);
  void check_groups() const;
  Tensor slice(const Tensor& arena, std::size_t index) const;

  OptimizerConfig config_;
  std::vector<OptimizedParameter> parameters_;
  std::vector<Run> runs_;
  std::int64_t parameter_count_ = 0;
  std::int64_t arena_count_ = 0;
  Tensor values_, grads_, m_, v_;  ///< (arena_count_)
};

}  // namespace orchid::train
