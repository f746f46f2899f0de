#pragma once

#include <memory>

#include "model/config.h"
#include "model/layers/dropout.h"
#include "model/layers/linear.h"
#include "model/layers/norm.h"
#include "model/model.h"

namespace orchid::model {

/// What a network ends with: the encoder's output (B, L, D) to what the task asks for.
class Head {
 public:
  virtual ~Head() = default;
  virtual Tensor forward(Context&, const Tensor& x, const Input&, Tape&) const = 0;
  virtual Tensor backward(Context&, const Tensor& dy, Tape&) = 0;  ///< (B, L, D)
  virtual void visit(const std::string& prefix, const Visitor&) = 0;
};

/// The tied masked-language-model head, on the wanted rows only:
///   logits = LN(gelu(x W^T + b)) E^T + beta (M, V), E the token table.
class MlmHead final : public Head {
 public:
  /// `tokens` is E; it belongs to the embeddings, and must outlive the head.
  MlmHead(const Init& init, double norm_epsilon, Parameter& tokens);

  Tensor forward(Context&, const Tensor& x, const Input&, Tape&) const override;
  Tensor backward(Context&, const Tensor& dlogits, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Parameter& tokens_;  ///< (V, D)
  Linear dense_;
  LayerNorm norm_;
  Parameter bias_;  ///< (V)
};

/// One answer a sample (spec bert_glue 1.6):
///   outputs = classifier(dropout(tanh(pooler(p)))) (B, C), p the first position's x, or the mean
///   over the positions that are no padding.
class PooledHead final : public Head {
 public:
  PooledHead(const Init& init, const PooledHeadConfig&, std::int64_t width);

  /// For the first position Input::rows holds b L of each sample.
  Tensor forward(Context&, const Tensor& x, const Input&, Tape&) const override;
  Tensor backward(Context&, const Tensor& dy, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Tensor pool(Context&, const Tensor& x, const Input&) const;

  Pooling pooling_;
  Linear pooler_;
  Dropout dropout_;
  Linear classifier_;
};

/// A picture's classes: logits = p W^T + b (B, C), p the first position's x, or the mean over all.
class ClassifierHead final : public Head {
 public:
  ClassifierHead(const Init& init, const ClassifierHeadConfig&, std::int64_t width, Pooling);

  Tensor forward(Context&, const Tensor& x, const Input&, Tape&) const override;
  Tensor backward(Context&, const Tensor& dlogits, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  Pooling pooling_;
  Linear classifier_;
};

}  // namespace orchid::model
