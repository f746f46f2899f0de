#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "model/config.h"
#include "model/layers/mlp.h"
#include "model/layers/norm.h"
#include "model/mixers/mixer.h"

namespace orchid::model {

/// One layer of the stack:
///   post                  a = Mixer(x),          y = LN(a + MLP(a))   the M2 / Orchid-BERT layer
///   post, mixer_residual  a = LN(x + Mixer(x)),  y = LN(a + MLP(a))   BERT
///   pre                   a = x + Mixer(LN(x)),  y = a + MLP(LN(a))
/// with dropout of what Mixer and MLP give where residual_dropout is not 0, and stochastic depth of
/// each where drop_path is not 0.
class Block {
 public:
  /// `drop_path`: this block's rate.
  Block(const Init& init, const EncoderConfig&, std::int64_t length, double drop_path);

  Tensor forward(Context&, const Tensor& x, const Tensor& mask, Tape&) const;
  Tensor backward(Context&, const Tensor& dy, Tape&);
  void visit(const std::string& prefix, const Visitor&);

 private:
  /// Mixer and MLP with their dropout.
  Tensor mix(Context&, const Tensor& x, const Tensor& mask, Tape&) const;
  Tensor mix_backward(Context&, const Tensor& dy, Tape&);
  Tensor feed(Context&, const Tensor& x, Tape&) const;
  Tensor feed_backward(Context&, const Tensor& dy, Tape&);

  bool pre_;
  std::unique_ptr<LayerNorm> mixer_norm_;  ///< pre, and post with mixer_residual
  std::unique_ptr<Mixer> mixer_;
  LayerNorm mlp_norm_;
  Mlp mlp_;
  bool mixer_residual_;
  std::optional<Dropout> mixer_dropout_, mlp_dropout_;  ///< of residual_dropout
  DropPath mixer_path_, mlp_path_;
};

/// The rate of stochastic depth in block `index`: evenly from 0 in the first to drop_path in the
/// last.
double drop_path_rate(const EncoderConfig&, std::int64_t index);

/// The stack of blocks; pre-norm stacks end with a LayerNorm.
class Encoder {
 public:
  Encoder(const Init& init, const EncoderConfig&, std::int64_t length);

  Tensor forward(Context&, const Tensor& x, const Tensor& mask, Tape&) const;
  Tensor backward(Context&, const Tensor& dy, Tape&);
  void visit(const std::string& prefix, const Visitor&);

 private:
  std::vector<Block> blocks_;
  std::unique_ptr<LayerNorm> final_norm_;
};

}  // namespace orchid::model
