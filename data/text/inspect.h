#pragma once

#include <cstdint>
#include <filesystem>

#include "data/text/shards.h"

namespace orchid::data {

/// What `orchid data inspect` tells of a token directory.
struct InspectReport {
  SampleMode mode = SampleMode::packed;
  std::int64_t vocabulary = 0;  ///< pieces
  std::int64_t shards = 0;
  std::int64_t bytes = 0;  ///< of the shards
  std::int64_t documents = 0;
  std::int64_t tokens = 0;
  std::int64_t shortest_document = 0;  ///< pieces
  std::int64_t longest_document = 0;
  std::int64_t samples = 0;    ///< at the given length
  double used_share = 0;       ///< of the positions of all samples that hold no padding
  double unknown_rate = 0;     ///< share of [UNK] among tokens
  double unigram_entropy = 0;  ///< nats
  std::int64_t distinct = 0;   ///< pieces that occur
};

/// Reads and verifies a whole token directory; throws the first damage found. `length` 0: no
/// samples are counted.
InspectReport inspect(const std::filesystem::path& directory, std::int64_t length = 128);

}  // namespace orchid::data
