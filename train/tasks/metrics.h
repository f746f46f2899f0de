#pragma once

#include <cstdint>
#include <vector>

namespace orchid::train {

/// A classifier's answers against the truth, counted; every figure is over all of them. The counts
/// of parts of a set add up to those of the set, in any order.
class ConfusionCounts {
 public:
  explicit ConfusionCounts(int classes);

  /// Both from 0 to classes - 1.
  void add(int predicted, int truth, std::int64_t times = 1);
  void merge(const ConfusionCounts&);

  int classes() const { return classes_; }
  std::int64_t total() const;
  /// [truth * classes + predicted]: what ranks add up among themselves.
  const std::vector<std::int64_t>& counts() const { return counts_; }

  /// Share of right answers. This and the next are NaN for an empty set.
  double accuracy() const;
  /// The accuracy of always naming the commonest true class.
  double majority() const;
  /// Of class 1 against all others: TP / (TP + (FP + FN) / 2); 0 where that is 0 / 0.
  double f1() const;
  /// Matthews correlation, of any number of classes; 0 where either side is one class alone.
  double matthews() const;

 private:
  int classes_;
  std::vector<std::int64_t> counts_;
};

/// Predicted and true scores, kept: correlations have no meaning part by part.
class ScorePairs {
 public:
  void add(double predicted, double truth);
  /// Appends the other's pairs: merged in the same order, the same bits.
  void merge(const ScorePairs&);

  const std::vector<double>& predicted() const { return predicted_; }
  const std::vector<double>& truth() const { return truth_; }

  /// Correlation, from -1 to 1. NaN, as the next one, where a side is constant (so for fewer than
  /// two pairs) or has a NaN.
  double pearson() const;
  /// Pearson's correlation of the ranks; equal scores share the mean of their ranks.
  double spearman() const;

 private:
  std::vector<double> predicted_;
  std::vector<double> truth_;
};

}  // namespace orchid::train
