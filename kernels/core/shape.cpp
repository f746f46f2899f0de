#include "kernels/core/shape.h"

#include <ostream>

#include "kernels/core/error.h"

namespace orchid {

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : rank_(static_cast<int>(extents.size())) {
  ORCHID_CHECK(extents.size() <= kMaxRank, "shape: expected at most ", kMaxRank, " extents, got ",
               extents.size());
  int axis = 0;
  for (const std::int64_t extent : extents) {
    ORCHID_CHECK(extent >= 0, "shape: negative extent ", extent);
    extents_[static_cast<std::size_t>(axis++)] = extent;
  }
}

std::int64_t Shape::count_before(int axis) const {
  std::int64_t product = 1;
  for (int i = 0; i < axis; ++i) product *= extents_[static_cast<std::size_t>(i)];
  return product;
}

std::int64_t Shape::count() const {
  return count_before(rank_);
}

std::int64_t Shape::operator[](int axis) const {
  ORCHID_CHECK(axis >= 0 && axis < rank_, "shape: axis ", axis, " of ", *this);
  return extents_[static_cast<std::size_t>(axis)];
}

Shape Shape::with_last(std::int64_t extent) const {
  ORCHID_CHECK(rank_ > 0 && extent >= 0, "shape: last extent ", extent, " for ", *this);
  Shape shape = *this;
  shape.extents_[static_cast<std::size_t>(rank_ - 1)] = extent;
  return shape;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int axis = 0; axis < shape.rank(); ++axis) out << (axis ? ", " : "") << shape[axis];
  return out << ')';
}

}  // namespace orchid
