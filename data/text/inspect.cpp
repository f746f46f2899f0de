#include "data/text/inspect.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "data/text/mlm.h"

namespace orchid::data {

InspectReport inspect(const std::filesystem::path& directory, std::int64_t length) {
  const auto shards = std::make_shared<const TokenShards>(TokenShards::open(directory));
  shards->verify();
  InspectReport report;
  report.mode = shards->mode();
  report.vocabulary = shards->vocabulary().size();
  report.shards = std::ssize(shards->shards());
  report.bytes = shards->bytes();
  report.documents = shards->documents();
  report.tokens = shards->tokens();
  report.unigram_entropy = unigram_entropy(*shards);

  std::vector<std::int64_t> counts(static_cast<std::size_t>(report.vocabulary), 0);
  for (std::int64_t i = 0; i < report.documents; ++i) {
    const std::span<const std::uint16_t> document = shards->document(i);
    const std::int64_t size = std::ssize(document);
    report.shortest_document = i == 0 ? size : std::min(report.shortest_document, size);
    report.longest_document = std::max(report.longest_document, size);
    for (const std::uint16_t id : document) ++counts[id];
  }
  report.distinct = std::count_if(counts.begin(), counts.end(), [](auto n) { return n > 0; });
  const auto unknown = static_cast<std::size_t>(shards->vocabulary().unknown());
  const auto at_least_one = [](std::int64_t n) {
    return static_cast<double>(std::max<std::int64_t>(n, 1));
  };
  report.unknown_rate = static_cast<double>(counts[unknown]) / at_least_one(report.tokens);
  if (length == 0) return report;

  const TokenSamples samples(shards, length, report.mode);
  report.samples = samples.size();
  std::int64_t used = 0;
  for (std::int64_t i = 0; i < samples.size(); ++i) used += std::ssize(samples.pieces(i)) + 2;
  report.used_share = static_cast<double>(used) / at_least_one(report.samples * length);
  return report;
}

}  // namespace orchid::data
