#pragma once

#include "model/layers/linear.h"
#include "model/mixers/mixer.h"

namespace orchid::model {

/// Softmax attention in several heads:
///   [q | k | v] = x W_qkv + b_qkv;  out = attention(q, k, v) W_out + b_out
/// Padding is neither key nor value; what comes out at its positions is of no use.
class AttentionMixer final : public Mixer {
 public:
  AttentionMixer(const Init& init, const AttentionMixerConfig&, std::int64_t width);

  Tensor forward(Context&, const Tensor& x, const Tensor& mask, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  std::int64_t heads_;
  Linear qkv_;
  Linear out_;
};

}  // namespace orchid::model
