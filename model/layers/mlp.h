#pragma once

#include "model/config.h"
#include "model/layers/dropout.h"
#include "model/layers/linear.h"

namespace orchid::model {

/// Mixes channels. gated: W3 dropout(gelu(h[:, :I]) * h[:, I:]) + b, h = W1 x of width 2I;
/// plain: W3 dropout(gelu(W1 x)) + b. I = expansion * width; weights block-diagonal.
class Mlp final : public Module {
 public:
  Mlp(const Init& init, const MlpConfig&, std::int64_t width, double dropout);

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  bool gated_;
  BlockLinear input_;
  Dropout dropout_;
  BlockLinear output_;
};

}  // namespace orchid::model
