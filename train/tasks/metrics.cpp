#include "train/tasks/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/core/error.h"

namespace orchid::train {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool is_nan(double value) {
  return std::isnan(value);
}

void subtract_mean(std::vector<double>& values) {
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
}

/// What is left of the values without their mean, in units of its largest magnitude. The rounding
/// of a mean of large values may be as large as their spread, so the mean of what is left goes too.
/// Empty if the values are all the same.
std::vector<double> centred(std::vector<double> values) {
  const auto same = [&](double value) { return value == values[0]; };
  if (std::all_of(values.begin(), values.end(), same)) return {};
  subtract_mean(values);
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  for (double& value : values) value /= largest;
  subtract_mean(values);
  return values;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const std::vector<double> a = centred(x), b = centred(y);
  if (a.empty() || b.empty()) return kNaN;
  const double value = dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
  return std::clamp(value, -1.0, 1.0);
}

/// From 1; the mean where values are equal. No value may be NaN.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = static_cast<double>(begin + 1 + end) / 2;
    for (std::size_t i = begin; i < end; ++i) result[order[i]] = rank;
  }
  return result;
}

/// Margins of the counts: how often each class was predicted and true, and how often both.
struct Margins {
  std::vector<double> predicted, truth;
  double right = 0, all = 0;

  explicit Margins(const ConfusionCounts& of)
      : predicted(static_cast<std::size_t>(of.classes())), truth(predicted) {
    for (std::size_t t = 0, i = 0; t < truth.size(); ++t)
      for (std::size_t p = 0; p < predicted.size(); ++p, ++i) {
        const auto count = static_cast<double>(of.counts()[i]);
        predicted[p] += count;
        truth[t] += count;
        all += count;
        if (p == t) right += count;
      }
  }
};

}  // namespace

ConfusionCounts::ConfusionCounts(int classes) : classes_(classes) {
  ORCHID_CHECK(classes >= 2, "expected at least 2 classes, got ", classes);
  counts_.assign(static_cast<std::size_t>(classes) * static_cast<std::size_t>(classes), 0);
}

void ConfusionCounts::add(int predicted, int truth, std::int64_t times) {
  ORCHID_CHECK(predicted >= 0 && predicted < classes_ && truth >= 0 && truth < classes_,
               "expected classes from 0 to ", classes_ - 1, ", got ", predicted, " predicted and ",
               truth, " true");
  counts_[static_cast<std::size_t>(truth) * static_cast<std::size_t>(classes_) +
          static_cast<std::size_t>(predicted)] += times;
}

void ConfusionCounts::merge(const ConfusionCounts& other) {
  ORCHID_CHECK(other.classes_ == classes_, "expected counts of ", classes_, " classes, got ",
               other.classes_);
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

std::int64_t ConfusionCounts::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

double ConfusionCounts::accuracy() const {
  const Margins margins(*this);
  return margins.right / margins.all;
}

double ConfusionCounts::majority() const {
  const Margins margins(*this);
  return *std::max_element(margins.truth.begin(), margins.truth.end()) / margins.all;
}

double ConfusionCounts::f1() const {
  const Margins margins(*this);
  const auto hits = static_cast<double>(counts_[static_cast<std::size_t>(classes_) + 1]);
  const double both = margins.predicted[1] + margins.truth[1];  // 2 TP + FP + FN
  return both > 0 ? 2 * hits / both : 0;
}

/// (n sum_c C_cc - sum_c p_c t_c) / sqrt((n^2 - sum p_c^2)(n^2 - sum t_c^2)), p and t the margins;
/// of two classes (TP TN - FP FN) / sqrt((TP+FP)(TP+FN)(TN+FP)(TN+FN)). Exact in double up to the
/// division for sets of fewer than 2^26 samples.
double ConfusionCounts::matthews() const {
  const Margins margins(*this);
  const double square = margins.all * margins.all;
  const double together = margins.right * margins.all - dot(margins.predicted, margins.truth);
  const double predicted = square - dot(margins.predicted, margins.predicted);
  const double truth = square - dot(margins.truth, margins.truth);
  if (predicted == 0 || truth == 0) return 0;
  return together / std::sqrt(predicted * truth);
}

void ScorePairs::add(double predicted, double truth) {
  predicted_.push_back(predicted);
  truth_.push_back(truth);
}

void ScorePairs::merge(const ScorePairs& other) {
  const std::vector<double> predicted = other.predicted_, truth = other.truth_;  // may be *this
  predicted_.insert(predicted_.end(), predicted.begin(), predicted.end());
  truth_.insert(truth_.end(), truth.begin(), truth.end());
}

double ScorePairs::pearson() const {
  return correlation(predicted_, truth_);
}

double ScorePairs::spearman() const {
  const auto has_nan = [](const std::vector<double>& values) {
    return std::any_of(values.begin(), values.end(), is_nan);
  };
  if (has_nan(predicted_) || has_nan(truth_)) return kNaN;
  return correlation(ranks(predicted_), ranks(truth_));
}

}  // namespace orchid::train
