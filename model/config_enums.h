#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "kernels/core/enum_names.h"
#include "kernels/ops/activation.h"
#include "kernels/ops/sequence_conv.h"
#include "kernels/ops/transform.h"

namespace orchid {

template <>
struct EnumNames<ops::TransformKind> {
  using K = ops::TransformKind;
  static constexpr EnumName<K> values[] = {
      {K::fft, "fft"}, {K::fft_ortho, "fft_ortho"}, {K::dct, "dct"}, {K::dct_ortho, "dct_ortho"}};
};

template <>
struct EnumNames<ops::TransformMethod> {
  using M = ops::TransformMethod;
  static constexpr EnumName<M> values[] = {
      {M::automatic, "auto"}, {M::fft, "fft"}, {M::product, "product"}, {M::fused, "fused"}};
};

template <>
struct EnumNames<ops::Padding> {
  using P = ops::Padding;
  static constexpr EnumName<P> values[] = {{P::zeros, "zeros"},
                                           {P::reflect, "reflect"},
                                           {P::circular, "circular"},
                                           {P::replicate, "replicate"}};
};

template <>
struct EnumNames<ops::ActivationKind> {
  using A = ops::ActivationKind;
  static constexpr EnumName<A> values[] = {{A::identity, "identity"},
                                           {A::gelu, "gelu"},
                                           {A::relu, "relu"},
                                           {A::tanh, "tanh"},
                                           {A::silu, "silu"},
                                           {A::sigmoid, "sigmoid"},
                                           {A::softplus, "softplus"},
                                           {A::rational, "rational"},
                                           {A::softshrink, "softshrink"},
                                           {A::shifted_sigmoid, "shifted_sigmoid"}};
};

namespace model {

// Each struct lists its own fields once; the list is the JSON reader, the writer, `--set` and
// `orchid describe`: field(key, reference, meaning). An initialiser is the default.

enum class Kernel { phase, correlation, frequency };
enum class Conditioning { tf, t, f, mlp };
enum class Convolution { circular, linear };
enum class KernelDomain { frequency, time };
enum class Recompute { automatic, always, never };
enum class ConditioningNorm { layer, batch, none };
enum class BlockNorm { post, pre };
enum class Positions { learned, none };
enum class PatchPositions { learned, sinusoidal, none };
enum class Pooling { first, mean };

}  // namespace model

template <>
struct EnumNames<model::Kernel> {
  using K = model::Kernel;
  static constexpr EnumName<K> values[] = {
      {K::phase, "phase"}, {K::correlation, "correlation"}, {K::frequency, "frequency"}};
};
template <>
struct EnumNames<model::Conditioning> {
  using C = model::Conditioning;
  static constexpr EnumName<C> values[] = {
      {C::tf, "tf"}, {C::t, "t"}, {C::f, "f"}, {C::mlp, "mlp"}};
};
template <>
struct EnumNames<model::Convolution> {
  using C = model::Convolution;
  static constexpr EnumName<C> values[] = {{C::circular, "circular"}, {C::linear, "linear"}};
};
template <>
struct EnumNames<model::Recompute> {
  using R = model::Recompute;
  static constexpr EnumName<R> values[] = {
      {R::automatic, "auto"}, {R::always, "always"}, {R::never, "never"}};
};

template <>
struct EnumNames<model::KernelDomain> {
  using K = model::KernelDomain;
  static constexpr EnumName<K> values[] = {{K::frequency, "frequency"}, {K::time, "time"}};
};
template <>
struct EnumNames<model::ConditioningNorm> {
  using N = model::ConditioningNorm;
  static constexpr EnumName<N> values[] = {
      {N::layer, "layer"}, {N::batch, "batch"}, {N::none, "none"}};
};
template <>
struct EnumNames<model::BlockNorm> {
  using N = model::BlockNorm;
  static constexpr EnumName<N> values[] = {{N::post, "post"}, {N::pre, "pre"}};
};
template <>
struct EnumNames<model::Positions> {
  using P = model::Positions;
  static constexpr EnumName<P> values[] = {{P::learned, "learned"}, {P::none, "none"}};
};
template <>
struct EnumNames<model::PatchPositions> {
  using P = model::PatchPositions;
  static constexpr EnumName<P> values[] = {
      {P::learned, "learned"}, {P::sinusoidal, "sinusoidal"}, {P::none, "none"}};
};
template <>
struct EnumNames<model::Pooling> {
  using P = model::Pooling;
  static constexpr EnumName<P> values[] = {{P::first, "first"}, {P::mean, "mean"}};
};

}  // namespace orchid
