#include "data/text/mlm.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/core/error.h"
#include "kernels/core/philox.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kStride = 64;  ///< documents between two entries of first_sample_
/// Epochs and samples share the item of a random number: 24 bits and 40 bits.
constexpr int kSampleBits = 40;

/// A word is below this with the given probability; 1 is certain.
std::uint64_t threshold(double probability) {
  return static_cast<std::uint64_t>(std::llround(probability * 0x1p32));
}

void check(const MaskOptions& options) {
  const auto fraction = [](const char* name, double value) {
    ORCHID_CHECK_USAGE(value >= 0 && value <= 1, "mask: ", name, ": expected 0 to 1, got ", value);
  };
  fraction("probability", options.probability);
  fraction("mask_fraction", options.mask_fraction);
  fraction("random_fraction", options.random_fraction);
  fraction("mask_fraction + random_fraction", options.mask_fraction + options.random_fraction);
}

}  // namespace

void mask_tokens(const MaskOptions& options, const Vocabulary& vocabulary, std::uint64_t item,
                 std::span<std::int32_t> ids, std::span<std::int32_t> labels) {
  const Philox random(options.seed, RandomPurpose::masking);
  const std::uint64_t selected = threshold(options.probability);
  const std::uint64_t masked = threshold(options.mask_fraction);
  const std::uint64_t replaced = threshold(options.mask_fraction + options.random_fraction);
  const auto pieces = static_cast<std::uint32_t>(vocabulary.size());
  for (std::size_t l = 0; l < ids.size(); ++l) {
    labels[l] = -1;
    if (vocabulary.is_special(ids[l])) continue;
    const auto [select, action, piece, unused] = random.words(item, l);
    if (select >= selected) continue;
    labels[l] = ids[l];
    if (action < masked) {
      ids[l] = vocabulary.mask();
    } else if (action < replaced) {
      ids[l] = static_cast<std::int32_t>(Philox::below(pieces, piece));
    }
  }
}

TokenSamples::TokenSamples(std::shared_ptr<const TokenShards> shards, std::int64_t length,
                           SampleMode mode)
    : shards_(std::move(shards)), length_(length), mode_(mode) {
  ORCHID_CHECK_USAGE(length >= 3, "length: expected at least 3 ([CLS], a piece, [SEP]), got ",
                     length);
  if (mode == SampleMode::document) {
    size_ = shards_->documents();
    return;
  }
  for (std::int64_t i = 0; i < shards_->documents(); ++i) {
    if (i % kStride == 0) first_sample_.push_back(size_);
    size_ += chunks(static_cast<std::int64_t>(shards_->document(i).size()));
  }
}

std::int64_t TokenSamples::chunks(std::int64_t pieces) const {
  const std::int64_t room = length_ - 2;
  const std::int64_t full = pieces / room, rest = pieces % room;
  if (full == 0) return 1;
  return full + (rest >= std::min(kShortestChunk, room) ? 1 : 0);
}

std::span<const std::uint16_t> TokenSamples::pieces(std::int64_t index) const {
  ORCHID_CHECK(index >= 0 && index < size_, "token samples: sample ", index, " of ", size_);
  const auto room = static_cast<std::size_t>(length_ - 2);
  if (mode_ == SampleMode::document) {
    const std::span<const std::uint16_t> document = shards_->document(index);
    return document.first(std::min(room, document.size()));
  }
  const auto after = std::upper_bound(first_sample_.begin(), first_sample_.end(), index);
  std::int64_t document = (after - first_sample_.begin() - 1) * kStride;
  std::int64_t rest = index - *(after - 1);
  for (;; ++document) {
    const std::span<const std::uint16_t> all = shards_->document(document);
    const std::int64_t here = chunks(static_cast<std::int64_t>(all.size()));
    if (rest >= here) {
      rest -= here;
      continue;
    }
    const std::size_t start = static_cast<std::size_t>(rest) * room;
    return all.subspan(start, std::min(room, all.size() - start));
  }
}

MlmDataset::MlmDataset(std::shared_ptr<const TokenShards> shards, std::int64_t length,
                       const MaskOptions& mask)
    : MlmDataset(shards, length, mask, shards->mode()) {}

MlmDataset::MlmDataset(std::shared_ptr<const TokenShards> shards, std::int64_t length,
                       const MaskOptions& mask, SampleMode mode)
    : samples_(std::move(shards), length, mode), mask_(mask) {
  check(mask);
  ORCHID_CHECK_INPUT(size() > 0, samples_.shards().directory().string(), ": no documents");
  ORCHID_CHECK_INPUT(size() < std::int64_t{1} << kSampleBits,
                     samples_.shards().directory().string(), ": too many samples: ", size());
}

void MlmDataset::item(std::int64_t index, std::uint64_t draw, Batch& batch,
                      std::int64_t row) const {
  const std::int64_t length = samples_.length();
  std::int32_t* ids = batch.inputs.data<std::int32_t>() + row * length;
  std::int32_t* labels = batch.labels.data<std::int32_t>() + row * length;
  const std::span<const std::uint16_t> pieces = samples_.pieces(index);
  const auto used = static_cast<std::int64_t>(pieces.size()) + 2;

  ids[0] = vocabulary().cls();
  std::uint16_t largest = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ids[i + 1] = pieces[i];
    largest = std::max(largest, pieces[i]);
  }
  ORCHID_CHECK_INPUT(largest < vocabulary().size(), samples_.shards().directory().string(),
                     ": damaged: sample ", index, " holds piece ", largest, " of ",
                     vocabulary().size(), "; see `orchid data inspect`");
  ids[used - 1] = vocabulary().separator();
  std::fill(ids + used, ids + length, vocabulary().pad());
  std::fill(labels + used, labels + length, -1);
  batch.lengths.data<std::int32_t>()[row] = static_cast<std::int32_t>(used);

  const std::uint64_t key = draw << kSampleBits | static_cast<std::uint64_t>(index);
  const auto count = static_cast<std::size_t>(used);
  mask_tokens(mask_, vocabulary(), key, {ids, count}, {labels, count});
}

Batch MlmDataset::empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const {
  Batch batch;
  batch.inputs = Tensor::empty({rows, samples_.length()}, DType::i32, memory);
  batch.labels = Tensor::empty({rows, samples_.length()}, DType::i32, memory);
  batch.lengths = Tensor::empty({rows}, DType::i32, memory);
  return batch;
}

double unigram_entropy(const TokenShards& shards) {
  const Vocabulary& vocabulary = shards.vocabulary();
  std::vector<std::int64_t> counts(static_cast<std::size_t>(kMostShardPieces), 0);
  for (std::int64_t i = 0; i < shards.documents(); ++i) {
    for (const std::uint16_t id : shards.document(i)) ++counts[id];
  }
  double total = 0, sum = 0;
  for (std::size_t id = 0; id < counts.size(); ++id) {
    if (counts[id] == 0 || vocabulary.is_special(static_cast<std::int32_t>(id))) continue;
    const auto count = static_cast<double>(counts[id]);
    total += count;
    sum += count * std::log(count);
  }
  return total > 0 ? std::log(total) - sum / total : 0;
}

}  // namespace orchid::data
