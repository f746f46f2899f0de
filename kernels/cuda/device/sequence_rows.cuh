#pragma once

#include "kernels/cuda/device/vector.cuh"
#include "kernels/ops/sequence_conv.h"

/// What the two directions of SequenceConv share.
namespace orchid::cuda {

/// y[b, s, group g's outputs] = sum over j of weight[j] x[b, s - left + j, group g's inputs], both
/// ways: the gradient of x is the same sum of dy, by the reversed taps, with zeros outside.
struct ConvShape {
  int batch, length, groups;
  int x_stride;       ///< elements of x from a position to the next
  int in, out, taps;  ///< in and out: channels per group
  int left;
  ops::Padding padding;  ///< of x
  /// Gradient only: that of the other direction. What falls on positions outside of y belongs to
  /// the positions that were read there.
  ops::Padding folded = ops::Padding::zeros;

  __host__ __device__ int outputs() const { return groups * out; }
  __device__ std::int64_t x_sample() const { return std::int64_t{length} * x_stride; }
  __device__ std::int64_t y_sample() const { return std::int64_t{length} * outputs(); }
};

/// For op SequenceConv or SequenceConvGrad, of y.
template <class Op>
ConvShape conv_shape(const Op& op) {
  const Shape &wide = op.x->shape(), &kernel = op.weight->shape();
  for (const std::int64_t extent : {wide[0], wide[1], wide[2], kernel[0]})
    ORCHID_CHECK(extent < 1 << 30, Op::name, ": x: expected fewer than 2^30 along an axis, got ",
                 extent);
  return {.batch = static_cast<int>(wide[0]),
          .length = static_cast<int>(wide[1]),
          .groups = static_cast<int>(op.groups),
          .x_stride = static_cast<int>(wide[2]),
          .in = static_cast<int>(kernel[1]),
          .out = static_cast<int>(kernel[0] / op.groups),
          .taps = static_cast<int>(kernel[2]),
          .left = static_cast<int>(op.left),
          .padding = op.padding};
}

/// Blocks of kWarp packs of channels by kRunRows runs; what is beyond the limits of a grid the
/// kernels reach by striding over it.
inline constexpr int kRunRows = 4;
inline dim3 conv_grid(const ConvShape& s, int packs, int runs) {
  const auto least = [](int a, int b) { return static_cast<unsigned>(a < b ? a : b); };
  return dim3(blocks_for(packs, kWarp), least((runs + kRunRows - 1) / kRunRows, 65535),
              least(s.batch, 65535));
}

}  // namespace orchid::cuda
