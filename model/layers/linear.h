#pragma once

#include "model/init.h"
#include "model/module.h"

namespace orchid::model {

/// y = x W^T + b on the last axis; W (out, in), b (out).
class Linear final : public Module {
 public:
  Linear(const Init& init, std::int64_t in, std::int64_t out, bool bias = true);

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Parameter weight_;
  Parameter bias_;  ///< undefined without bias
};

/// Block-diagonal Linear: `blocks` independent chunks; W (blocks, out / blocks, in / blocks). One
/// block is a Linear, and starts like one.
class BlockLinear final : public Module {
 public:
  BlockLinear(const Init& init, std::int64_t in, std::int64_t out, std::int64_t blocks, bool bias);

  Tensor forward(Context&, const Tensor& x, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Parameter weight_;
  Parameter bias_;
};

}  // namespace orchid::model
