#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/context.h"
#include "model/model.h"
#include "train/config/sections.h"
#include "train/optim/schedule.h"

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
/// slices of the first two. So do the values' moving average, where one is kept.
class Optimizer {
 public:
  using VisitParameters = std::function<void(const model::Visitor&)>;

  /// `visit` shows a visitor every parameter, always in the same order. Their values move into the
  /// arena: a handle copied before would see no updates.
  Optimizer(Context&, const OptimizerConfig&, const VisitParameters& visit,
            const EmaConfig& ema = {});

  void zero_grad(Context&);
  /// One update with the gradients of a loss summed over targets, `mean` = 1 / their number:
  /// measures their norm, clips it to `clip_norm` (0: not), and changes nothing if the norm or
  /// score[0], the summed loss, is not finite. Nothing is read back.
  void update(Context&, const Tensor& score, const ScheduledRate& rate, double mean,
              double clip_norm);
  /// What the last update decided, (4) f64: see ops::Control.
  const Tensor& control() const { return control_; }
  /// Updates made so far, as bias correction counts them; for a run that is resumed.
  void set_updates(std::int64_t updates);

  const std::vector<OptimizedParameter>& parameters() const { return parameters_; }
  /// Elements of all parameters, without the gaps between them.
  std::int64_t parameter_count() const { return parameter_count_; }
  /// First and second moment of parameter number `index`, as slices.
  Tensor first_moment(std::size_t index) const { return slice(m_, index); }
  Tensor second_moment(std::size_t index) const { return slice(v_, index); }
  Tensor value(std::size_t index) const { return slice(values_, index); }

  bool averages() const { return averages_.defined(); }
  /// Moving average of parameter number `index`, as a slice; only where one is kept.
  Tensor average(std::size_t index) const { return slice(averages_, index); }
  /// The averages begin anew at the values.
  void restart_averages() { copy(values_, averages_); }
  /// From now on the model computes with these. Updates need the values.
  enum class Weights { values, averages };
  void lend(Context&, model::Model&, Weights) const;

 private:
  void collect(const VisitParameters&);
  void build(Context&, const VisitParameters&);
  void check_groups() const;
  void decay_layers();
  void build_ranges(Context&);
  Tensor slice(const Tensor& arena, std::size_t index) const;

  OptimizerConfig config_;
  EmaConfig ema_;
  std::vector<OptimizedParameter> parameters_;
  std::int64_t parameter_count_ = 0;
  std::int64_t arena_count_ = 0;
  Tensor values_, grads_, m_, v_;  ///< (arena_count_)
  Tensor averages_;                ///< (arena_count_); undefined without an average
  Tensor products_;                ///< bf16 copy of values_, where activations are bf16
  Tensor ranges_;                  ///< (S, 3) f64: where settings change, see ops::AdamW
  Tensor control_;                 ///< (4) f64
  Tensor updates_;                 ///< (1) i64
};

}  // namespace orchid::train
