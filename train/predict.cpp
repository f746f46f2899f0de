#include "train/predict.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace orchid::train {
namespace {

/// The `top` largest of a row of logits, as probabilities over the pieces of the vocabulary.
std::vector<MaskGuess> best_guesses(const double* logits, const data::Vocabulary& vocabulary,
                                    std::int64_t top) {
  const auto size = static_cast<std::size_t>(vocabulary.size());
  std::vector<std::int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  const auto kept = std::min(static_cast<std::ptrdiff_t>(size), static_cast<std::ptrdiff_t>(top));
  std::partial_sort(order.begin(), order.begin() + kept, order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
                    });
  const double largest = logits[order[0]];
  double sum = 0;
  for (std::size_t id = 0; id < size; ++id) sum += std::exp(logits[id] - largest);
  std::vector<MaskGuess> guesses;
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const std::int32_t id = order[static_cast<std::size_t>(i)];
    guesses.push_back({vocabulary.piece(id), id, std::exp(logits[id] - largest) / sum});
  }
  return guesses;
}

void check_task(const Assembly& parts) {
  ORCHID_CHECK_USAGE(
      std::holds_alternative<MlmTaskConfig>(parts.config.task),
      "fill-mask: expected a masked language model; this one is for task.type ",
      std::visit([](const auto& task) { return std::string(task.type); }, parts.config.task));
}

}  // namespace

MaskFiller::MaskFiller(Assembly& parts)
    : parts_((check_task(parts), parts)),
      vocabulary_(vocabulary_of(parts.data.vocabulary, "the checkpoint's vocab.txt")),
      wordpiece_(vocabulary_, {.literal_specials = true}) {}

FilledText MaskFiller::fill(const std::string& text, std::int64_t top) {
  const std::int64_t length = parts_.length();
  std::vector<std::int32_t> pieces = wordpiece_.encode(text);
  ORCHID_CHECK_USAGE(std::ssize(pieces) <= length - 2, "fill-mask: expected at most ", length - 2,
                     " pieces, got ", pieces.size());
  std::vector<std::int32_t> positions;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    if (pieces[i] == vocabulary_.mask()) positions.push_back(static_cast<std::int32_t>(i) + 1);
  ORCHID_CHECK_USAGE(!positions.empty(), "fill-mask: expected a [MASK] in \"", text, "\"");

  Context& ctx = parts_.ctx;
  data::Batch batch;
  const std::shared_ptr<Memory> host = make_host_pool();
  batch.inputs = Tensor::empty({1, length}, DType::i32, host);
  batch.lengths = Tensor::empty({1}, DType::i32, host);
  batch.positions = Tensor::empty({std::ssize(positions)}, DType::i32, host);
  std::copy(positions.begin(), positions.end(), batch.positions.data<std::int32_t>());
  *batch.lengths.data<std::int32_t>() = static_cast<std::int32_t>(pieces.size()) + 2;
  auto* ids = batch.inputs.data<std::int32_t>();
  std::fill_n(ids, length, vocabulary_.pad());
  ids[0] = vocabulary_.cls();
  std::copy(pieces.begin(), pieces.end(), ids + 1);
  ids[pieces.size() + 1] = vocabulary_.separator();

  model::Tape tape = model::Tape::off();
  const TaskBatch on_device = to_device(ctx, parts_.task->prepare(ctx, batch));
  const Tensor logits = parts_.model->forward(ctx, on_device.input, tape);
  const std::vector<double> scores = values_of(logits);
  FilledText result{text, {}, {}};
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) * logits.shape().last();
    result.masks.push_back(best_guesses(scores.data() + row, vocabulary_, top));
    pieces[static_cast<std::size_t>(positions[i]) - 1] = result.masks.back().front().id;
  }
  result.filled = vocabulary_.decode(pieces);
  return result;
}

}  // namespace orchid::train
