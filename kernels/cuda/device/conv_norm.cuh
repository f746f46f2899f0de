#pragma once

#include "kernels/cuda/device/conv_norm_layer.cuh"
#include "kernels/cuda/device/conv_norm_rows.cuh"
#include "kernels/ops/conv_norm.h"

/// From ConvNorm or its gradient to kernels.
namespace orchid::cuda {

/// Calls body(layer) with the layer of an op; `dx` null: forward.
template <class Op, class Body>
void with_layer(const Op& op, Tensor* dx, const Body& body) {
  const Shape &shape = op.x->shape(), &weight = op.weight->shape();
  const auto call = [&](auto source) {
    body(Layer<decltype(source)>{.source = source,
                                 .weight = elements<float>(*op.weight),
                                 .bias = op.bias.defined() ? elements<float>(*op.bias) : nullptr,
                                 .length = static_cast<int>(shape[1]),
                                 .groups = static_cast<int>(op.groups),
                                 .out = static_cast<int>(weight[0] / op.groups),
                                 .taps = static_cast<int>(weight[2]),
                                 .planar = op.planar});
  };
  const auto plain = [&](auto zero) {
    using T = decltype(zero);
    call(PlainRows<T>{elements<T>(*op.x) + op.x_column, dx ? elements<T>(*dx) : nullptr, shape[2],
                      op.groups});
  };
  if (!op.power) return dispatch_cuda_float(op.x->dtype(), plain);
  const float* const z = elements<float>(*op.x);
  float* const dz = dx ? elements<float>(*dx) : nullptr;
  if (op.complex) return call(ComplexPowerRows{z, dz, shape[2], op.groups});
  call(RealPowerRows{z, dz, shape[2], op.groups});
}

/// Calls body(Pack{}) with the packs that suit a layer; `others` are accessed in packs, too.
template <class Rows, class Body, class... Pointers>
void with_pack(const Layer<Rows>& layer, const Body& body, const Pointers*... others) {
  using T = typename Rows::Element;
  const bool vectors = layer.taps == 3 && layer.source.x_stride % kLanes<T> == 0 &&
                       vectorizable<T>(layer.groups, layer.source.x, layer.source.dx, layer.weight,
                                       layer.bias, others...);
  if (!vectors) return body(PackOf<1, 1, 0>{});
  if (layer.out == 1) return body(PackOf<kLanes<T>, 1, 3>{});
  body(PackOf<4, 2, 3>{});
}

}  // namespace orchid::cuda
