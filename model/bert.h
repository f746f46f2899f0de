#pragma once

#include "model/config.h"
#include "model/encoder.h"
#include "model/layers/dropout.h"
#include "model/layers/norm.h"
#include "model/model.h"

namespace orchid::model {

/// Token + position + segment tables -> LayerNorm -> dropout. Its input has no gradient.
class BertEmbeddings {
 public:
  BertEmbeddings(const Init& init, const BertConfig&);

  Tensor forward(Context&, const Input&, Tape&) const;  ///< (B, L, D)
  void backward(Context&, const Tensor& dy, Tape&);
  void visit(const std::string& prefix, const Visitor&);

  Parameter& tokens() { return tokens_; }
  const Parameter& tokens() const { return tokens_; }

 private:
  Parameter tokens_;     ///< (V, D)
  Parameter positions_;  ///< (length, D); undefined without positions
  Parameter segments_;   ///< (2, D)
  LayerNorm norm_;
  Dropout dropout_;
};

/// The tied masked-language-model head, on the wanted rows only:
///   logits = LN(gelu(x W^T + b)) E^T + beta, E the token table.
class MlmHead {
 public:
  MlmHead(const Init& init, const BertConfig&);

  Tensor forward(Context&, const Tensor& x, const Tensor& rows, const Parameter& tokens,
                 Tape&) const;  ///< (M, V)
  Tensor backward(Context&, const Tensor& dlogits, Parameter& tokens, Tape&);
  void visit(const std::string& prefix, const Visitor&);

 private:
  Linear dense_;
  LayerNorm norm_;
  Parameter bias_;  ///< (V)
};

/// BERT-style masked language model: embeddings, encoder, tied head.
class Bert final : public Model {
 public:
  Bert(const Init& init, const BertConfig&);

  Tensor forward(Context&, const Input&, Tape&) const override;
  void backward(Context&, const Tensor& dlogits, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  BertConfig config_;
  BertEmbeddings embeddings_;
  Encoder encoder_;
  MlmHead head_;
};

}  // namespace orchid::model
