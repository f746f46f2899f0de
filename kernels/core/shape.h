#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>

namespace orchid {

/// Up to four extents, outermost first; prints as (8, 768, 128). A scalar has rank 0 and count 1.
class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t count() const;
  std::int64_t operator[](int axis) const;

  /// Extent of the last axis: channels in (B, L, D).
  std::int64_t last() const { return (*this)[rank_ - 1]; }
  /// Product of all extents but the last.
  std::int64_t rows() const { return rank_ == 0 ? 1 : count_before(rank_ - 1); }
  /// This shape with another last extent: (B, L, D) -> (B, L, extent).
  Shape with_last(std::int64_t extent) const;

  bool operator==(const Shape& other) const = default;

 private:
  std::int64_t count_before(int axis) const;

  std::array<std::int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream&, const Shape&);

}  // namespace orchid
