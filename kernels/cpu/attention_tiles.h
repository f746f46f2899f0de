#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/small_products.h"

/// What attention and its gradient are made of: tiles of scores (keys, queries), products of such
/// small matrices in the calling thread, and the copies that feed them.
namespace orchid::cpu {

/// Most queries and keys of a tile. Queries are the vector lanes of scores.
inline constexpr std::int64_t kQueries = 64, kKeys = 128;

/// The keys of each sample that count, in order.
class KeptKeys {
 public:
  KeptKeys(const Tensor* mask, std::int64_t batch, std::int64_t length) : length_(length) {
    positions_.resize(static_cast<std::size_t>(batch * length));
    counts_.resize(static_cast<std::size_t>(batch));
    const auto* const kept = mask ? mask->data<std::uint8_t>() : nullptr;
    for (std::int64_t b = 0; b < batch; ++b) {
      std::int64_t& count = counts_[static_cast<std::size_t>(b)];
      for (std::int64_t l = 0; l < length; ++l)
        if (!kept || kept[b * length + l] != 0)
          positions_[static_cast<std::size_t>(b * length + count++)] = l;
    }
  }

  std::int64_t count(std::int64_t b) const { return counts_[static_cast<std::size_t>(b)]; }
  const std::int64_t* of(std::int64_t b) const { return positions_.data() + b * length_; }

 private:
  std::int64_t length_;
  std::vector<std::int64_t> positions_, counts_;
};

/// Extents of the op, and where a head's rows lie.
struct AttentionExtents {
  std::int64_t batch, length, width, heads;

  AttentionExtents(const Shape& y, std::int64_t head_count)
      : batch(y[0]), length(y[1]), width(y[2]), heads(head_count) {}
  std::int64_t head() const { return width / heads; }
  std::int64_t query_blocks() const { return (length + kQueries - 1) / kQueries; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(head())); }
  /// Of channel 0 of head h at position l, in (B, L, D).
  std::int64_t at(std::int64_t b, std::int64_t l, std::int64_t h) const {
    return (b * length + l) * width + h * head();
  }
  /// The same in (B, L, 3 D): part 0 is q, 1 k, 2 v.
  std::int64_t at(std::int64_t b, std::int64_t l, std::int64_t h, std::int64_t part) const {
    return ((b * length + l) * 3 + part) * width + h * head();
  }
};

/// to[c] = factor * from[c] for c < width, and 0 to the end of the last vector.
template <class T>
void copy_row(const T* from, std::int64_t width, T* to, T factor = T(1)) {
#pragma omp simd
  for (std::int64_t c = 0; c < width; ++c) to[c] = factor * from[c];
  std::fill(to + width, to + whole_vectors<T>(width), T(0));
}

}  // namespace orchid::cpu
