#pragma once

#include "kernels/core/enum_names.h"

namespace orchid {
namespace data {

// The choices of options.h, which says what they mean.

enum class CropKind { none, random_resized, shifted };
enum class Interpolation { random, bilinear, bicubic };
enum class DamagedImages { skip, fail };

}  // namespace data

template <>
struct EnumNames<data::CropKind> {
  using K = data::CropKind;
  static constexpr EnumName<K> values[] = {
      {K::none, "none"}, {K::random_resized, "random_resized"}, {K::shifted, "shifted"}};
};
template <>
struct EnumNames<data::Interpolation> {
  using I = data::Interpolation;
  static constexpr EnumName<I> values[] = {
      {I::random, "random"}, {I::bilinear, "bilinear"}, {I::bicubic, "bicubic"}};
};
template <>
struct EnumNames<data::DamagedImages> {
  using D = data::DamagedImages;
  static constexpr EnumName<D> values[] = {{D::skip, "skip"}, {D::fail, "fail"}};
};

}  // namespace orchid
