#include "data/permutation.h"

#include <set>
#include <vector>

#include "tests/support/catch.h"

using orchid::data::Permutation;

TEST_CASE("a permutation hits every element once", "[data][permutation]") {
  for (std::int64_t n = 1; n <= 200; ++n) {
    const Permutation order(n, 7, 3);
    std::vector<int> hits(static_cast<std::size_t>(n), 0);
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t element = order(i);
      REQUIRE(element >= 0);
      REQUIRE(element < n);
      ++hits[static_cast<std::size_t>(element)];
    }
    REQUIRE(hits == std::vector<int>(static_cast<std::size_t>(n), 1));
  }
}

TEST_CASE("a large permutation hits every element once", "[data][permutation]") {
  const std::int64_t n = 100003;
  const Permutation order(n, 1, 0);
  std::vector<bool> hit(static_cast<std::size_t>(n), false);
  for (std::int64_t i = 0; i < n; ++i) hit[static_cast<std::size_t>(order(i))] = true;
  CHECK(std::count(hit.begin(), hit.end(), true) == n);
}

TEST_CASE("a permutation of C4's size stays in range without collisions", "[data][permutation]") {
  const std::int64_t n = 364868892;
  const Permutation order(n, 9176, 1);
  std::set<std::int64_t> seen;
  for (std::int64_t i = 0; i < 20000; ++i) {
    const std::int64_t element = order(i * 18243);
    REQUIRE(element >= 0);
    REQUIRE(element < n);
    seen.insert(element);
  }
  CHECK(seen.size() == 20000);
}

TEST_CASE("seeds and epochs give different orders, equal ones the same", "[data][permutation]") {
  const std::int64_t n = 1000;
  const auto equal_places = [&](const Permutation& a, const Permutation& b) {
    int equal = 0;
    for (std::int64_t i = 0; i < n; ++i) equal += a(i) == b(i);
    return equal;
  };
  CHECK(equal_places({n, 1, 0}, {n, 1, 0}) == n);
  // Unrelated orders agree in one place on average (Poisson).
  CHECK(equal_places({n, 1, 0}, {n, 1, 1}) < 8);
  CHECK(equal_places({n, 1, 0}, {n, 2, 0}) < 8);
}

TEST_CASE("a shuffled order has no drift", "[data][permutation]") {
  // The mean of the first tenth is that of a uniform draw: 0.5 n with sigma 0.29 n / sqrt(count).
  const std::int64_t n = 50000, count = n / 10;
  for (std::uint64_t epoch = 0; epoch < 8; ++epoch) {
    const Permutation order(n, 3, epoch);
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += static_cast<double>(order(i));
    const double mean = sum / static_cast<double>(count * n);
    CHECK(std::abs(mean - 0.5) < 4 * 0.2887 / std::sqrt(static_cast<double>(count)));
  }
}
