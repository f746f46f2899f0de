#include "train/parallel/buckets.h"

#include <algorithm>

#include "kernels/core/error.h"

namespace orchid::train {

std::vector<Bucket> cut_buckets(std::int64_t total, std::int64_t size, std::int64_t multiple) {
  ORCHID_CHECK(multiple > 0 && total % multiple == 0, "buckets: expected a multiple of ", multiple,
               " elements, got ", total);
  const std::int64_t step = std::max<std::int64_t>(size / multiple, 1) * multiple;
  std::vector<Bucket> buckets;
  for (std::int64_t end = total; end > 0; end -= buckets.back().count)
    buckets.push_back({std::max<std::int64_t>(end - step, 0), std::min(step, end)});
  return buckets;
}

Bucket shard_of(const Bucket& bucket, int rank, int world) {
  ORCHID_CHECK(bucket.count % world == 0, "buckets: ", bucket.count, " elements for ", world,
               " ranks");
  const std::int64_t share = bucket.count / world;
  return {bucket.offset + rank * share, share};
}

}  // namespace orchid::train
