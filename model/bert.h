#pragma once

#include "model/config.h"
#include "model/encoder.h"
#include "model/heads.h"

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

/// BERT-style network: embeddings, encoder, and the head of its task.
class Bert final : public Model {
 public:
  Bert(const Init& init, const BertConfig&, const HeadConfig&);

  Tensor forward(Context&, const Input&, Tape&) const override;
  void backward(Context&, const Tensor& dlogits, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;
  Tensor states(Context&, const Input&) const override;

 private:
  Tensor encode(Context&, const Input&, Tape&) const;

  BertConfig config_;
  BertEmbeddings embeddings_;
  Encoder encoder_;
  std::unique_ptr<Head> head_;
};

}  // namespace orchid::model
