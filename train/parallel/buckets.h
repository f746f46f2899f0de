#pragma once

#include <cstdint>
#include <vector>

namespace orchid::train {

/// Elements [offset, offset + count) of the flat parameters, which ranks reduce or gather in one
/// call.
struct Bucket {
  std::int64_t offset = 0;
  std::int64_t count = 0;

  bool operator==(const Bucket&) const = default;
};

/// All `total` elements, the last first, as backward completes their gradients, in buckets of about
/// `size`. Counts are multiples of `multiple`, as `total` must be.
std::vector<Bucket> cut_buckets(std::int64_t total, std::int64_t size, std::int64_t multiple);

/// The part of a bucket that one of `world` ranks updates where the optimizer is sharded.
Bucket shard_of(const Bucket&, int rank, int world);

}  // namespace orchid::train
