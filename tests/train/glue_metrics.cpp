#include <cmath>
#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "train/config/json.h"
#include "train/tasks/metrics.h"

using namespace orchid::train;
using orchid::test::require_error;
using Pairs = std::vector<std::pair<double, double>>;

namespace {

ConfusionCounts counted(int classes, const std::vector<int>& predicted,
                        const std::vector<int>& truth) {
  ConfusionCounts counts(classes);
  REQUIRE(predicted.size() == truth.size());
  for (std::size_t i = 0; i < truth.size(); ++i) counts.add(predicted[i], truth[i]);
  return counts;
}

ScorePairs paired(const Pairs& values) {
  ScorePairs pairs;
  for (const auto& [predicted, truth] : values) pairs.add(predicted, truth);
  return pairs;
}

/// Null stands for NaN.
void check_figure(const Json& expected, double got, const char* name) {
  INFO(name << ": expected " << expected.dump() << ", got " << got);
  if (expected.is_null())
    CHECK(std::isnan(got));
  else
    CHECK(std::abs(got - expected.get<double>()) <= 1e-12);
}

void check_case(const Json& json) {
  if (json.at("kind") == "classes") {
    const ConfusionCounts counts =
        counted(json.at("classes"), json.at("predicted"), json.at("truth"));
    check_figure(json.at("accuracy"), counts.accuracy(), "accuracy");
    check_figure(json.at("f1"), counts.f1(), "f1");
    check_figure(json.at("matthews"), counts.matthews(), "matthews");
    return;
  }
  const std::vector<double> predicted = json.at("predicted"), truth = json.at("truth");
  ScorePairs pairs;
  for (std::size_t i = 0; i < truth.size(); ++i) pairs.add(predicted.at(i), truth[i]);
  check_figure(json.at("pearson"), pairs.pearson(), "pearson");
  check_figure(json.at("spearman"), pairs.spearman(), "spearman");
}

}  // namespace

// Answers of scipy and scikit-learn, made by scripts/parity/glue_metrics.py, which also runs this
// on many more and larger cases through ORCHID_GLUE_METRICS.
TEST_CASE("figures are those of scipy and scikit-learn", "[train][glue][glue_metrics_parity]") {
  const char* other = std::getenv("ORCHID_GLUE_METRICS");
  const std::filesystem::path file =
      other != nullptr ? std::filesystem::path(other)
                       : orchid::test::source_dir() / "tests/train/data/glue_metrics.json";
  const Json cases = parse_json(orchid::test::slurp(file), orchid::ErrorKind::input_data);
  REQUIRE(cases.size() >= 60);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i << " of " << file << ": " << cases[i].at("kind") << ", "
                 << cases[i].at("what"));
    check_case(cases[i]);
  }
}

TEST_CASE("figures of two classes by hand", "[train][glue]") {
  // TP 3, FP 1, FN 2, TN 4.
  const ConfusionCounts counts =
      counted(2, {1, 1, 1, 1, 0, 0, 0, 0, 0, 0}, {1, 1, 1, 0, 1, 1, 0, 0, 0, 0});
  CHECK(counts.total() == 10);
  CHECK(counts.counts() == std::vector<std::int64_t>{4, 1, 2, 3});
  CHECK(counts.accuracy() == Approx(0.7).epsilon(1e-15));
  CHECK(counts.majority() == Approx(0.5).epsilon(1e-15));
  CHECK(counts.f1() == Approx(3 / (3 + 1.5)).epsilon(1e-15));
  CHECK(counts.matthews() == Approx((3.0 * 4 - 1 * 2) / std::sqrt(4.0 * 5 * 5 * 6)).epsilon(1e-15));
}

TEST_CASE("figures of classes where a denominator is zero", "[train][glue]") {
  const ConfusionCounts none(2);
  CHECK(std::isnan(none.accuracy()));
  CHECK(std::isnan(none.majority()));
  CHECK(none.f1() == 0);
  CHECK(none.matthews() == 0);
  const ConfusionCounts zeros = counted(2, {0, 0, 0}, {0, 0, 0});
  CHECK(zeros.accuracy() == 1);
  CHECK(zeros.f1() == 0);  // no positive anywhere
  CHECK(zeros.matthews() == 0);
  const ConfusionCounts ones = counted(2, {1, 1, 1}, {0, 1, 1});  // one class predicted
  CHECK(ones.f1() == Approx(0.8).epsilon(1e-15));
  CHECK(ones.matthews() == 0);
  CHECK(counted(2, {1, 0}, {0, 1}).matthews() == -1);
  CHECK(counted(3, {0, 1, 2, 2}, {0, 1, 2, 2}).matthews() == 1);
}

TEST_CASE("counts of parts add up to those of the whole, however it is cut", "[train][glue]") {
  const std::vector<int> predicted = {0, 2, 1, 1, 0, 2, 2}, truth = {0, 1, 1, 2, 0, 2, 0};
  const ConfusionCounts whole = counted(3, predicted, truth);
  for (std::size_t cut = 0; cut <= truth.size(); ++cut) {
    const auto at = static_cast<std::ptrdiff_t>(cut);
    ConfusionCounts back =
        counted(3, {predicted.begin() + at, predicted.end()}, {truth.begin() + at, truth.end()});
    back.merge(counted(3, {predicted.begin(), predicted.begin() + at},
                       {truth.begin(), truth.begin() + at}));
    CHECK(back.counts() == whole.counts());
  }
  ConfusionCounts two(2);
  require_error([&] { two.merge(whole); }, "expected counts of 2 classes, got 3");
  require_error([&] { two.add(2, 0); }, "expected classes from 0 to 1, got 2 predicted and 0 true");
  require_error([&] { two.add(0, -1); }, "0 predicted and -1 true");
  require_error([] { ConfusionCounts(1); }, "expected at least 2 classes, got 1");
}

TEST_CASE("correlations by hand, with ties", "[train][glue]") {
  // x: mean 2, sum of squares 2; y: mean 2, sum of squares 6; sum of products 3.
  const ScorePairs pairs = paired({{1, 1}, {2, 1}, {3, 4}});
  CHECK(pairs.pearson() == Approx(3 / std::sqrt(12.0)).epsilon(1e-15));
  // Ranks 1 2 3 and 1.5 1.5 3.
  CHECK(pairs.spearman() == Approx(1.5 / std::sqrt(2 * 1.5)).epsilon(1e-15));
  // Ranks 1 2 3 4 and 1 2.5 2.5 4.
  CHECK(paired({{1, 1}, {2, 2}, {3, 2}, {4, 4}}).spearman() ==
        Approx(4.5 / std::sqrt(5 * 4.5)).epsilon(1e-15));
  const ScorePairs cube = paired({{-2, -8}, {3, 27}, {1, 1}, {0, 0}});
  CHECK(cube.spearman() == 1);
  CHECK(cube.pearson() < 0.95);
  CHECK(paired({{1, 5}, {2, 4}}).pearson() == -1);
  CHECK(paired({{1, 5}, {2, 4}}).spearman() == -1);
}

TEST_CASE("a constant side, one pair, none or a NaN have no correlation", "[train][glue]") {
  const double nan = std::nan("");
  for (const Pairs& values :
       {Pairs{}, Pairs{{1, 2}}, Pairs{{1, 2}, {1, 3}, {1, 4}}, Pairs{{2, 1}, {3, 1}},
        Pairs{{1, 1}, {nan, 2}, {3, 3}}, Pairs{{1, 1}, {2, nan}, {3, 3}}}) {
    INFO(values.size() << " pairs");
    CHECK(std::isnan(paired(values).pearson()));
    CHECK(std::isnan(paired(values).spearman()));
  }
}

TEST_CASE("a correlation does not suffer from a large offset or a tiny spread", "[train][glue]") {
  // Steps of 2^-30 beside 2^20: the rounding of a plain mean is as large as the spread.
  const double step = 0x1p-30;
  ScorePairs far, near;
  for (const auto& [x, y] : Pairs{{0, 3}, {1, 1}, {2, 4}, {5, 1}, {7, 5}, {8, 9}, {11, 2}}) {
    far.add(0x1p20 + x * step, 0x1p20 + y * step);
    near.add(x, y);
  }
  CHECK(far.pearson() == Approx(near.pearson()).epsilon(1e-13));
  CHECK(paired({{1e-300, 3e-300}, {2e-300, 1e-300}, {3e-300, 2e-300}}).pearson() ==
        Approx(-0.5).epsilon(1e-13));
}

TEST_CASE("pairs that are merged correlate as the whole", "[train][glue]") {
  ScorePairs whole = paired({{1, 2}, {4, 3}, {2, 8}, {5, 5}}), part = paired({{1, 2}, {4, 3}});
  part.merge(paired({{2, 8}, {5, 5}}));
  CHECK(part.predicted() == whole.predicted());
  CHECK(part.truth() == whole.truth());
  CHECK(part.pearson() == whole.pearson());
  whole.merge(whole);
  CHECK(whole.truth() == std::vector<double>{2, 3, 8, 5, 2, 3, 8, 5});
  CHECK(whole.spearman() == Approx(part.spearman()).epsilon(1e-14));
}
