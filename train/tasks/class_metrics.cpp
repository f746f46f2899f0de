#include "train/tasks/class_metrics.h"

#include <algorithm>
#include <cmath>

namespace orchid::train {
namespace {

constexpr std::int64_t kTop = 5;

/// Place of a class among all by its logit, from 0; of equal ones the first counts as larger. A NaN
/// is last, and behind none of the others: a class comes before those alone that it is known to.
std::int64_t place_of(const double* logits, std::int64_t classes, std::int64_t of) {
  std::int64_t place = classes - 1;
  for (std::int64_t c = 0; c < classes; ++c)
    if (logits[c] < logits[of] || (logits[c] == logits[of] && c > of)) --place;
  return place;
}

/// The class with the largest logit. Logits with a NaN name none: a wrong one then.
std::int64_t predicted_class(std::span<const double> logits, std::int64_t truth) {
  if (std::any_of(logits.begin(), logits.end(), [](double x) { return std::isnan(x); }))
    return truth == 0 ? 1 : 0;
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

}  // namespace

ClassMetrics::ClassMetrics(std::int64_t classes, bool top5)
    : counts_(static_cast<int>(classes)), top5_(top5 && classes > kTop) {}

void ClassMetrics::add(const data::Batch& batch, const Tensor& outputs) {
  const std::vector<double> logits = values_of(outputs);
  const std::int64_t classes = outputs.shape().last();
  const auto* truth = batch.targets.data<std::int32_t>();
  for (std::int64_t row = 0; row < batch.samples; ++row) {
    const double* first = logits.data() + row * classes;
    const std::int64_t answer =
        predicted_class({first, static_cast<std::size_t>(classes)}, truth[row]);
    counts_.add(static_cast<int>(answer), truth[row]);
    if (top5_ && place_of(first, classes, truth[row]) < kTop) ++in_top5_;
  }
}

Metrics ClassMetrics::values(const Score&) const {
  Metrics values = {{"accuracy", counts_.accuracy()}};
  if (top5_)
    values.emplace_back("top5",
                        static_cast<double>(in_top5_) / static_cast<double>(counts_.total()));
  values.emplace_back("majority", counts_.majority());
  if (counts_.classes() == 2) {
    values.emplace_back("f1", counts_.f1());
    values.emplace_back("matthews", counts_.matthews());
  }
  return values;
}

/// How many are in the top five, then {truth, predicted, count} of the pairs that occur.
std::vector<double> ClassMetrics::state() const {
  std::vector<double> state = {static_cast<double>(in_top5_)};
  const int classes = counts_.classes();
  for (int truth = 0; truth < classes; ++truth)
    for (int predicted = 0; predicted < classes; ++predicted) {
      const std::int64_t count =
          counts_.counts()[static_cast<std::size_t>(truth) * static_cast<std::size_t>(classes) +
                           static_cast<std::size_t>(predicted)];
      if (count > 0)
        state.insert(state.end(), {static_cast<double>(truth), static_cast<double>(predicted),
                                   static_cast<double>(count)});
    }
  return state;
}

void ClassMetrics::merge(std::span<const double> state) {
  in_top5_ += static_cast<std::int64_t>(state[0]);
  for (std::size_t i = 1; i < state.size(); i += 3)
    counts_.add(static_cast<int>(state[i + 1]), static_cast<int>(state[i]),
                static_cast<std::int64_t>(state[i + 2]));
}

}  // namespace orchid::train
