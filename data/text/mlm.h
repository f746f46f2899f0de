#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "data/text/shards.h"

namespace orchid::data {

/// Dynamic masking: each position that holds no special piece is selected with `probability`.
/// Of the selected, mask_fraction become [MASK], random_fraction a uniform piece, the rest stay.
struct MaskOptions {
  double probability = 0.3;
  double mask_fraction = 0.8;
  double random_fraction = 0.1;
  std::uint64_t seed = 0;
};

/// Masks `ids` in place; `labels` gets the original id where selected, else -1. A pure function
/// of (seed, item, position). Random pieces are below vocabulary.size(), never a padding row.
void mask_tokens(const MaskOptions&, const Vocabulary&, std::uint64_t item,
                 std::span<std::int32_t> ids, std::span<std::int32_t> labels);

/// The samples a token directory holds at one length; sample and document are found by index.
class TokenSamples {
 public:
  /// A last chunk shorter than this is dropped, unless it is the document's only one.
  static constexpr std::int64_t kShortestChunk = 8;

  TokenSamples(std::shared_ptr<const TokenShards> shards, std::int64_t length, SampleMode mode);

  std::int64_t size() const { return size_; }
  std::int64_t length() const { return length_; }
  const TokenShards& shards() const { return *shards_; }

  /// At most length - 2 pieces: what stands between [CLS] and [SEP].
  std::span<const std::uint16_t> pieces(std::int64_t index) const;

 private:
  std::int64_t chunks(std::int64_t pieces) const;

  std::shared_ptr<const TokenShards> shards_;
  std::int64_t length_;
  SampleMode mode_;
  std::int64_t size_ = 0;
  std::vector<std::int64_t> first_sample_;  ///< of every kStride-th document; packed only
};

/// Masked language modelling over a token directory: rows [CLS] pieces [SEP] [PAD]..., with
/// labels. The draw of item() is the epoch: each has its own masks. Evaluation uses draw 0.
class MlmDataset : public Dataset {
 public:
  MlmDataset(std::shared_ptr<const TokenShards> shards, std::int64_t length,
             const MaskOptions& mask);
  /// As the directory's index says, or cut otherwise.
  MlmDataset(std::shared_ptr<const TokenShards> shards, std::int64_t length,
             const MaskOptions& mask, SampleMode mode);

  std::int64_t size() const override { return samples_.size(); }
  void item(std::int64_t index, std::uint64_t draw, Batch& batch, std::int64_t row) const override;
  Batch empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const override;

  const Vocabulary& vocabulary() const { return samples_.shards().vocabulary(); }
  const TokenSamples& samples() const { return samples_; }

 private:
  TokenSamples samples_;
  MaskOptions mask_;
};

/// Entropy in nats of the distribution of single pieces, specials left out: the loss of a model
/// that knows how often each piece occurs and nothing else.
double unigram_entropy(const TokenShards&);

}  // namespace orchid::data
