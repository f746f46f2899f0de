#pragma once

#include <functional>
#include <memory>
#include <string>

#include "kernels/core/context.h"
#include "model/module.h"

namespace orchid::model {

/// How the weights of Linear layers start. Everything else has one rule, given where it is made.
enum class LinearInit {
  uniform,  ///< weights and biases U(+-1/sqrt(fan in)): the operator alone (orchid layer, PyTorch)
  /// Weights N(0, 0.02), biases 0: BERT, and ViT, whose recipe cuts at +-2, farther than any draw.
  normal,
};

/// Makes the initial tensors of a model. A value depends on (seed, path, index) only, so neither
/// the order of construction nor other layers matter.
class Init {
 public:
  Init(Context& ctx, std::uint64_t seed, LinearInit linear, std::string path = "");

  /// For the part of the model called `name` inside this one.
  Init at(const std::string& name) const;
  /// For a part whose Linear layers start by another rule.
  Init with(LinearInit) const;

  Context& context() const { return ctx_; }

  Parameter uniform(const std::string& name, const Shape&, double bound) const;
  Parameter normal(const std::string& name, const Shape&, double deviation) const;
  Parameter constant(const std::string& name, const Shape&, double value) const;
  /// Element i is value(i).
  Parameter table(const std::string& name, const Shape&,
                  const std::function<double(std::int64_t)>& value) const;

  /// By the model's rule for Linear layers; fan_in counts the inputs of one output.
  Parameter linear_weight(const std::string& name, const Shape&, std::int64_t fan_in) const;
  Parameter linear_bias(const std::string& name, const Shape&, std::int64_t fan_in) const;

  /// A number that names one dropout layer of this model: 1, 2, ... in order of construction.
  std::uint64_t next_dropout_site() const { return ++*dropout_sites_; }

 private:
  Parameter make(const Shape&, const std::function<double(std::int64_t)>& value) const;
  std::uint64_t item(const std::string& name) const;

  Context& ctx_;
  std::uint64_t seed_;
  LinearInit linear_;
  std::string path_;
  std::shared_ptr<std::uint64_t> dropout_sites_;
};

}  // namespace orchid::model
