#pragma once

#include "model/config.h"
#include "model/encoder.h"
#include "model/heads.h"

namespace orchid::model {

/// Pictures (B, H, W, C) -> what the encoder reads (B, L, D): x = patches W^T + b, the class token
/// before them, positions added, dropout. Its input has no gradient.
///   positions learned: a table; sinusoidal: p[l, j] = sin or cos (j even, odd) of
///   l / 10000^(2 floor(j / 2) / D), fixed
class PatchEmbeddings {
 public:
  PatchEmbeddings(const Init& init, const VitConfig&);

  Tensor forward(Context&, const Tensor& images, Tape&) const;
  void backward(Context&, const Tensor& dy, Tape&);
  void visit(const std::string& prefix, const Visitor&);

 private:
  bool adds_tokens() const { return token_.value.defined() || positions_.value.defined(); }

  std::int64_t patch_;
  bool trains_positions_;
  Parameter weight_;     ///< (D, P P C), inputs in the order of ops::Patches
  Parameter bias_;       ///< (D)
  Parameter token_;      ///< (D); undefined without a class token
  Parameter positions_;  ///< (L, D); undefined without positions, no parameter if sinusoidal
  Dropout dropout_;
};

/// ViT-style network: patches, encoder, and a linear classifier of the class token or the mean.
class Vit final : public Model {
 public:
  Vit(const Init& init, const VitConfig&, const HeadConfig&);

  Tensor forward(Context&, const Input&, Tape&) const override;
  void backward(Context&, const Tensor& dlogits, Tape&) override;
  void visit(const std::string& prefix, const Visitor&) override;

 private:
  VitConfig config_;
  PatchEmbeddings embeddings_;
  Encoder encoder_;
  ClassifierHead head_;
};

}  // namespace orchid::model
