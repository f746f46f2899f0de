#include "train/embed.h"

#include <algorithm>

namespace orchid::train {
namespace {

/// Means of the rows of states (B, L, D), each over the positions that its text uses.
void add_means(const Tensor& states, const Tensor& lengths,
               std::vector<std::vector<double>>& vectors) {
  const Shape& shape = states.shape();
  const std::vector<double> values = values_of(states);
  const auto width = static_cast<std::size_t>(shape[2]);
  for (std::int64_t b = 0; b < shape[0]; ++b) {
    const std::int64_t used = lengths.data<std::int32_t>()[b];
    const double* at = values.data() + b * shape[1] * shape[2];
    std::vector<double> mean(width);
    for (std::int64_t i = 0; i < used; ++i)
      for (double& sum : mean) sum += *at++ / static_cast<double>(used);
    vectors.push_back(std::move(mean));
  }
}

}  // namespace

std::vector<std::vector<double>> embed(Assembly& parts, std::span<const data::TextExample> texts) {
  ORCHID_CHECK_USAGE(!parts.pictures(),
                     "embed: expected a model of texts; this one is of pictures");
  const data::Vocabulary vocabulary =
      vocabulary_of(parts.data.vocabulary, "the checkpoint's vocab.txt");
  const data::LabelledText encoded(texts, data::PairEncoder(vocabulary, parts.length(), false),
                                   data::Labels::none);
  const std::shared_ptr<Memory> host = make_host_pool();
  const std::int64_t most = parts.config.batch.per_device;
  std::vector<std::vector<double>> vectors;
  for (std::int64_t begin = 0; begin < encoded.size(); begin += most) {
    const std::int64_t rows = std::min(most, encoded.size() - begin);
    data::Batch batch = encoded.empty_batch(rows, host);
    for (std::int64_t row = 0; row < rows; ++row) encoded.item(begin + row, 0, batch, row);
    const TaskBatch read{.input = {.ids = batch.inputs,
                                   .segments = {},
                                   .mask = padding_mask(batch.lengths, parts.length()),
                                   .rows = {}},
                         .targets = {}};
    const TaskBatch on_device = to_device(parts.ctx, read);
    add_means(parts.model->states(parts.ctx, on_device.input), batch.lengths, vectors);
  }
  return vectors;
}

}  // namespace orchid::train
