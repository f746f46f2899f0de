#pragma once

#include "model/init.h"
#include "model/module.h"

namespace orchid::model {

/// Layer normalisation over the last axis, with scale ("weight") and shift ("bias").
class LayerNorm final : public Module {
 public:
  LayerNorm(const Init& init, std::int64_t width, double eps);

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

  Parameter& gamma() { return gamma_; }
  const Parameter& gamma() const { return gamma_; }
  Parameter& beta() { return beta_; }
  const Parameter& beta() const { return beta_; }
  double epsilon() const { return eps_; }

 private:
  Parameter gamma_;
  Parameter beta_;
  double eps_;
};

/// Batch normalisation per channel over all other axes; momentum 0.1. With a training tape the
/// batch's statistics are used and the running ones move; otherwise the running ones are used.
class BatchNorm final : public Module {
 public:
  BatchNorm(const Init& init, std::int64_t width, double eps);

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Parameter gamma_;
  Parameter beta_;
  Tensor running_mean_;
  Tensor running_var_;
  double eps_;
};

}  // namespace orchid::model
