#pragma once

#include "model/init.h"
#include "model/module.h"

namespace orchid::model {

/// Dropout keyed by (seed, micro-batch, site): backward draws the same mask again. Evaluation, and
/// rate 0, pass through.
class Dropout final : public Module {
 public:
  Dropout(const Init& init, double rate) : rate_(rate), site_(init.next_dropout_site()) {}

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string&, const Visitor&) override {}

 private:
  Tensor apply(Context&, const Tensor& x, const Tape&) const;

  double rate_;
  std::uint64_t site_;
};

/// Stochastic depth with the residual that it needs: y = residual + keep_b x / (1 - rate), one draw
/// keep_b a sample, keyed as Dropout's are. Evaluation, and rate 0, add.
class DropPath {
 public:
  DropPath(const Init& init, double rate);

  Tensor forward(Context&, const Tensor& residual, const Tensor& x, Tape&) const;
  Tensor backward(Context&, const Tensor& dy, Tape&);  ///< of x; the residual's is dy

 private:
  Tensor apply(Context&, const Tensor& x, const Tensor& residual, const Tape&) const;

  double rate_;
  std::uint64_t site_;  ///< 0 where the rate is 0
};

}  // namespace orchid::model
