#pragma once

#include <memory>
#include <vector>

#include "model/config.h"
#include "model/init.h"
#include "model/layers/linear.h"
#include "model/layers/norm.h"
#include "model/module.h"

namespace orchid::model {

/// Whether a mixer makes its kernels' spectra again in backward. Not with batch norm, whose running
/// statistics would move twice.
bool recomputes_kernels(const Context&, const OrchidMixerConfig&);

/// What one stack of a conditioning network maps: channels in, channels out, convolution groups.
struct StackShape {
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::int64_t groups = 1;
};

/// A stack of short "same" convolutions along the sequence (time or frequency):
///   per layer: [dense Linear, if conditioning is mlp] -> grouped convolution -> activation, except
///   after the last layer -> norm, also after the last layer.
/// Layers after the first map out -> out. With mlp the convolution is depthwise.
class ConditioningStack {
 public:
  ConditioningStack(const Init& init, const OrchidMixerConfig&, const StackShape&);

  /// Input: channels [column, column + in) of x (B, S, >= column + in). Output (B, S, out).
  Tensor forward(Context&, const Tensor& x, std::int64_t column, Tape&) const;
  /// Gradient of those channels, (B, S, in).
  Tensor backward(Context&, const Tensor& dy, Tape&);

  /// Whether the stack is one op that keeps nothing but its input and statistics: one layer with
  /// LayerNorm, one input a group, zeros as padding; where the kernels are made again in backward.
  bool is_one_op(const Context&) const;
  /// The same op on the power of a spectrum z, planar in its output if it makes complex channels.
  Tensor forward_power(Context&, const Tensor& z, bool complex, Tape&) const;
  Tensor backward_power(Context&, const Tensor& dy, bool complex, Tape&);  ///< dz
  void visit(const std::string& prefix, const Visitor&);

 private:
  struct Layer {
    std::unique_ptr<Linear> dense;
    Parameter weight;  ///< (out, in / groups, taps)
    Parameter bias;
    std::unique_ptr<Module> norm;
    LayerNorm* layer_norm = nullptr;  ///< the same, if it is one
  };
  struct OneOp;  ///< what makes a call of the fused op differ

  Tensor forward_one_op(Context&, const Tensor& x, const OneOp&, Tape&) const;
  Tensor backward_one_op(Context&, const Tensor& dy, const OneOp&, Tape&);

  OrchidMixerConfig config_;
  StackShape shape_;
  std::vector<Layer> layers_;
};

}  // namespace orchid::model
