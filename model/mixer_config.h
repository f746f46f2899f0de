#pragma once

#include "model/config_enums.h"

namespace orchid::model {

// Each struct lists its own fields once; the list is the JSON reader, the writer, `--set` and
// `orchid describe`: field(key, reference, meaning). An initialiser is the default.

/// The static implicit filter: k = FFN(positions(t)) * window(t).
struct FilterConfig {
  std::int64_t features = 5;
  std::int64_t width = 128;
  std::int64_t inner_layers = 2;
  double frequency = 10;
  double frequency_scale = 1;
  double shift = 0;
  bool window = true;
  bool normalized = false;
  bool positions_trainable = true;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("features", self.features, "positional features per time, odd and at least 3");
    field("width", self.width, "hidden width of the filter network");
    field("inner_layers", self.inner_layers, "hidden-to-hidden layers of the filter network");
    field("frequency", self.frequency, "initial value of the trained sine frequencies");
    field("frequency_scale", self.frequency_scale, "constant factor on the sine frequencies");
    field("shift", self.shift, "constant added to the exponential window");
    field("window", self.window, "multiply by the exponential window of each channel");
    field("normalized", self.normalized, "divide by the L1 norm over channels at each time");
    field("positions_trainable", self.positions_trainable, "train the positional table");
  }
};

/// The Orchid operator (arXiv 2402.18508).
struct OrchidMixerConfig {
  static constexpr const char* type = "orchid";
  Kernel kernel = Kernel::phase;
  Conditioning conditioning = Conditioning::tf;
  ops::TransformKind transform = ops::TransformKind::dct_ortho;
  Convolution convolution = Convolution::circular;
  KernelDomain kernel_domain = KernelDomain::frequency;
  std::int64_t short_conv = 3;
  std::int64_t conditioning_width = 3;
  std::int64_t conditioning_layers = 1;
  ops::ActivationKind conditioning_activation = ops::ActivationKind::gelu;
  bool conditioning_bias = true;
  ops::Padding padding = ops::Padding::zeros;
  ConditioningNorm norm = ConditioningNorm::layer;
  std::string sigma = "identity";
  std::int64_t order = 2;
  bool residual_convolution = true;
  std::int64_t table_length = 0;
  bool mask_padding = false;
  Recompute recompute = Recompute::automatic;
  FilterConfig filter;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("kernel", self.kernel,
          "phase: |T(.)| (Type I); correlation: conj(T k) T q (Type II); frequency: T(.)");
    field("conditioning", self.conditioning,
          "where its convolutions act: time and frequency, time, frequency; mlp: dense then time");
    field("transform", self.transform, "transform along the sequence");
    field("convolution", self.convolution, "circular, or linear (Fourier only, zero-padded)");
    field("kernel_domain", self.kernel_domain,
          "where the data-dependent kernel is added to the static one");
    field("short_conv", self.short_conv,
          "taps of the causal depthwise convolution after the projection");
    field("conditioning_width", self.conditioning_width,
          "taps of the conditioning convolutions, odd");
    field("conditioning_layers", self.conditioning_layers, "layers of each conditioning stack");
    field("conditioning_activation", self.conditioning_activation, "between the layers of a stack");
    field("conditioning_bias", self.conditioning_bias, "bias in the conditioning convolutions");
    field("padding", self.padding, "edges of the conditioning convolutions");
    field("norm", self.norm, "normalisation after each conditioning layer");
    field(
        "sigma", self.sigma,
        "correlation only: nonlinearity on T q; NAME, NAME_abs, softmax, softshrink+X, sigmoid+X");
    field("order", self.order, "number of gates; order - 1 long convolutions");
    field("residual_convolution", self.residual_convolution,
          "add a static long convolution of the input");
    field("table_length", self.table_length,
          "length of the positional tables; 0: the model's length");
    field("mask_padding", self.mask_padding, "multiply input and output by the padding mask");
    field("recompute", self.recompute,
          "the kernels' spectra again in backward instead of keeping them; auto: on a GPU");
    field("filter", self.filter, "the static implicit filter");
  }
};

/// Softmax attention in several heads, the baseline.
struct AttentionMixerConfig {
  static constexpr const char* type = "attention";
  std::int64_t heads = 12;
  bool qkv_bias = true;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("heads", self.heads, "attention heads; divides the encoder's width");
    field("qkv_bias", self.qkv_bias, "bias in the projection to queries, keys and values");
  }
};

/// "mixer": {"type": "orchid", ...}. The compiler lists what else a new alternative needs.
using MixerConfig = std::variant<OrchidMixerConfig, AttentionMixerConfig>;

}  // namespace orchid::model
