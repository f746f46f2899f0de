#include "data/text/labelled_text.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <thread>

#include "data/permutation.h"
#include "data/text/shards.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kChunk = 1024;  ///< examples a thread takes at a time
/// Keeps the choice of examples apart from the epochs of a loader with the same seed.
constexpr std::uint64_t kLimitEpoch = UINT64_MAX;

/// The rows of kChunk examples, without padding.
struct Chunk {
  std::vector<std::uint16_t> ids;
  std::vector<std::int32_t> used, first_segments;  ///< of each example
};

Chunk encode_chunk(std::span<const TextExample> examples, const PairEncoder& encoder,
                   WordCache& cache) {
  Chunk chunk;
  std::vector<std::int32_t> ids;
  for (const TextExample& example : examples) {
    ids.clear();
    const std::int64_t first = encoder.append(example.first, example.second, cache, ids);
    for (const std::int32_t id : ids) chunk.ids.push_back(static_cast<std::uint16_t>(id));
    chunk.used.push_back(static_cast<std::int32_t>(ids.size()));
    chunk.first_segments.push_back(static_cast<std::int32_t>(first));
  }
  return chunk;
}

/// Calls body(i) for i below `count` on several threads; throws what the lowest i threw, if any.
template <class MakeBody>
void run_parallel(std::int64_t count, int threads, const MakeBody& make_body) {
  std::atomic<std::int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  std::int64_t failed = count;
  const auto work = [&] {
    const auto body = make_body();
    for (std::int64_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (i < failed) failure = std::current_exception();
        failed = std::min(failed, i);
      }
    }
  };
  std::vector<std::jthread> others;
  for (int i = 1; i < std::min<std::int64_t>(threads, count); ++i) others.emplace_back(work);
  work();
  others.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

void limit_examples(std::vector<TextExample>& examples, std::int64_t count, std::uint64_t seed) {
  ORCHID_CHECK_USAGE(count > 0, "limit: expected at least one example, got ", count);
  const auto size = std::ssize(examples);
  if (count >= size) return;
  const Permutation order(size, seed, kLimitEpoch);
  std::vector<std::int64_t> chosen;
  for (std::int64_t i = 0; i < count; ++i) chosen.push_back(order(i));
  std::sort(chosen.begin(), chosen.end());
  std::vector<TextExample> kept;
  for (const std::int64_t i : chosen)
    kept.push_back(std::move(examples[static_cast<std::size_t>(i)]));
  examples = std::move(kept);
}

LabelledText::LabelledText(std::span<const TextExample> examples, const PairEncoder& encoder,
                           Labels labels, int threads)
    : length_(encoder.length()), pairs_(encoder.pairs()), pad_(encoder.pad()), labels_(labels) {
  ORCHID_CHECK_USAGE(encoder.vocabulary_size() <= kMostShardPieces,
                     "labelled text: expected a vocabulary of at most ", kMostShardPieces,
                     " pieces, got ", encoder.vocabulary_size());
  for (const TextExample& example : examples) {
    names_.push_back(example.id);
    if (labels == Labels::classes) {
      ORCHID_CHECK_INPUT(example.label >= 0, "labelled text: example ", names_.size() - 1,
                         " (id \"", example.id, "\"): expected a class, got none");
      targets_.push_back(example.label);
    } else if (labels == Labels::scores) {
      ORCHID_CHECK_INPUT(std::isfinite(example.score), "labelled text: example ", names_.size() - 1,
                         " (id \"", example.id, "\"): expected a finite score, got ",
                         example.score);
      scores_.push_back(example.score);
    }
  }
  const int all = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  encode(examples, encoder, threads > 0 ? threads : all);
}

void LabelledText::encode(std::span<const TextExample> examples, const PairEncoder& encoder,
                          int threads) {
  const auto count = std::ssize(examples);
  std::vector<Chunk> chunks(static_cast<std::size_t>((count + kChunk - 1) / kChunk));
  run_parallel(std::ssize(chunks), threads, [&] {
    return [&, cache = encoder.make_cache()](std::int64_t i) {
      const auto from = static_cast<std::size_t>(i * kChunk);
      const auto size = std::min(static_cast<std::size_t>(kChunk), examples.size() - from);
      chunks[static_cast<std::size_t>(i)] =
          encode_chunk(examples.subspan(from, size), encoder, *cache);
    };
  });
  std::size_t total = 0;
  for (const Chunk& chunk : chunks) total += chunk.ids.size();
  ids_.reserve(total);
  starts_.reserve(examples.size() + 1);
  starts_.push_back(0);
  for (Chunk& chunk : chunks) {
    ids_.insert(ids_.end(), chunk.ids.begin(), chunk.ids.end());
    for (const std::int32_t used : chunk.used) starts_.push_back(starts_.back() + used);
    if (pairs_) {
      first_segments_.insert(first_segments_.end(), chunk.first_segments.begin(),
                             chunk.first_segments.end());
    }
    chunk = {};
  }
}

void LabelledText::item(std::int64_t index, std::uint64_t, Batch& batch, std::int64_t row) const {
  ORCHID_CHECK(index >= 0 && index < size(), "labelled text: example ", index, " of ", size());
  const auto at = static_cast<std::size_t>(index);
  const std::int64_t used = starts_[at + 1] - starts_[at];
  std::int32_t* ids = batch.inputs.data<std::int32_t>() + row * length_;
  std::fill(std::copy_n(ids_.begin() + starts_[at], used, ids), ids + length_, pad_);
  batch.lengths.data<std::int32_t>()[row] = static_cast<std::int32_t>(used);
  if (pairs_) {
    std::int32_t* segments = batch.segments.data<std::int32_t>() + row * length_;
    std::fill(segments, segments + length_, 0);
    std::fill(segments + first_segments_[at], segments + used, 1);
  }
  if (labels_ == Labels::classes) batch.targets.data<std::int32_t>()[row] = targets_[at];
  if (labels_ == Labels::scores) batch.scores.data<float>()[row] = scores_[at];
}

Batch LabelledText::empty_batch(std::int64_t rows, const std::shared_ptr<Memory>& memory) const {
  Batch batch;
  batch.inputs = Tensor::empty({rows, length_}, DType::i32, memory);
  batch.lengths = Tensor::empty({rows}, DType::i32, memory);
  if (pairs_) batch.segments = Tensor::empty({rows, length_}, DType::i32, memory);
  if (labels_ == Labels::classes) batch.targets = Tensor::empty({rows}, DType::i32, memory);
  if (labels_ == Labels::scores) batch.scores = Tensor::empty({rows}, DType::f32, memory);
  return batch;
}

const std::string& LabelledText::id(std::int64_t index) const {
  ORCHID_CHECK(index >= 0 && index < size(), "labelled text: example ", index, " of ", size());
  return names_[static_cast<std::size_t>(index)];
}

}  // namespace orchid::data
