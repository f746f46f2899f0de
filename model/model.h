#pragma once

#include <memory>

#include "model/config.h"
#include "model/module.h"

namespace orchid::model {

/// What a network reads. Undefined tensors stand for "none".
struct Input {
  Tensor ids;       ///< (B, L) i32
  Tensor segments;  ///< (B, L) i32; undefined: all 0
  Tensor mask;      ///< (B, L) u8, 1 at real tokens; undefined: no padding
  Tensor rows;      ///< (M) i32: positions b L + l the head reads, ascending
  Tensor images{};  ///< (B, H, W, C) f32; pictures only
};

/// A whole network: input -> outputs of its head and back.
class Model {
 public:
  virtual ~Model() = default;
  virtual Tensor forward(Context&, const Input&, Tape&) const = 0;
  virtual void backward(Context&, const Tensor& doutputs, Tape&) = 0;
  virtual void visit(const std::string& prefix, const Visitor&) = 0;
  /// (B, L, D): what the head would read. A usage Error where the network has no such thing.
  virtual Tensor states(Context&, const Input&) const;
};

/// The only factory of networks. Initial values depend on `seed` and parameter names only.
std::unique_ptr<Model> build_model(Context&, const ModelConfig&, std::uint64_t seed,
                                   const HeadConfig& head = MlmHeadConfig{});

}  // namespace orchid::model
