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

}  // namespace orchid::model
