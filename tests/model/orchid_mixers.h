#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace orchid::test {

struct MixerCase {
  std::string name;
  std::int64_t length;
  std::int64_t width;
  model::OrchidMixerConfig config;
};

/// Every option of the operator at least once, at sizes that differ in parity.
inline std::vector<MixerCase> mixer_cases() {
  using namespace model;
  using K = ops::TransformKind;
  const auto base = [] {
    OrchidMixerConfig config;
    config.filter.width = 6;
    config.filter.inner_layers = 1;
    config.filter.frequency = 2;
    return config;
  };
  std::vector<MixerCase> cases;
  const auto add = [&](const std::string& name, std::int64_t length, std::int64_t width,
                       auto change) {
    OrchidMixerConfig config = base();
    change(config);
    cases.push_back({name, length, width, config});
  };
  for (const K kind : {K::fft, K::fft_ortho, K::dct, K::dct_ortho})
    for (const Kernel kernel : {Kernel::phase, Kernel::frequency, Kernel::correlation})
      add(str(enum_name(kind), " ", enum_name(kernel)), 7, 4, [&](OrchidMixerConfig& c) {
        c.transform = kind;
        c.kernel = kernel;
      });
  add("phase t, zero phase", 6, 3, [](auto& c) {
    c.transform = K::fft_ortho;
    c.conditioning = Conditioning::t;
  });
  add("phase f, two layers of five taps, no bias", 8, 3, [](auto& c) {
    c.transform = K::fft;
    c.conditioning = Conditioning::f;
    c.conditioning_layers = 2;
    c.conditioning_width = 5;
    c.conditioning_bias = false;
  });
  add("frequency f", 6, 4, [](auto& c) {
    c.transform = K::fft_ortho;
    c.kernel = Kernel::frequency;
    c.conditioning = Conditioning::f;
  });
  add("correlation t", 7, 3, [](auto& c) {
    c.transform = K::fft_ortho;
    c.kernel = Kernel::correlation;
    c.conditioning = Conditioning::t;
  });
  add("correlation mlp, two layers", 5, 4, [](auto& c) {
    c.transform = K::fft;
    c.kernel = Kernel::correlation;
    c.conditioning = Conditioning::mlp;
    c.conditioning_layers = 2;
    c.conditioning_activation = ops::ActivationKind::tanh;
  });
  add("order 3, correlation mlp", 6, 3, [](auto& c) {
    c.transform = K::fft_ortho;
    c.kernel = Kernel::correlation;
    c.conditioning = Conditioning::mlp;
    c.order = 3;
    c.residual_convolution = false;
  });
  add("order 3, frequency f", 5, 4, [](auto& c) {
    c.transform = K::fft_ortho;
    c.kernel = Kernel::frequency;
    c.conditioning = Conditioning::f;
    c.order = 3;
    c.residual_convolution = false;
  });
  for (const char* sigma : {"tanh", "silu_abs", "softmax", "sigmoid+1", "softplus", "gelu_abs"})
    add(str("sigma ", sigma), 6, 3, [&](auto& c) {
      c.transform = K::fft_ortho;
      c.kernel = Kernel::correlation;
      c.sigma = sigma;
    });
  for (const ops::Padding padding :
       {ops::Padding::reflect, ops::Padding::circular, ops::Padding::replicate})
    add(str("padding ", enum_name(padding)), 7, 3, [&](auto& c) {
      c.transform = K::fft_ortho;
      c.padding = padding;
    });
  for (const ConditioningNorm norm : {ConditioningNorm::none, ConditioningNorm::batch})
    add(str("norm ", enum_name(norm)), 6, 3, [&](auto& c) {
      c.transform = K::fft_ortho;
      c.norm = norm;
    });
  for (const K kind : {K::fft, K::fft_ortho})
    for (const KernelDomain domain : {KernelDomain::frequency, KernelDomain::time})
      add(str("linear ", enum_name(kind), " ", enum_name(domain)), 6, 3, [&](auto& c) {
        c.transform = kind;
        c.convolution = Convolution::linear;
        c.kernel_domain = domain;
      });
  add("time kernel, zero phase", 5, 3, [](auto& c) {
    c.transform = K::fft;
    c.kernel_domain = KernelDomain::time;
    c.conditioning = Conditioning::t;
  });
  add("filter options", 5, 3, [](auto& c) {
    c.transform = K::fft_ortho;
    c.filter.normalized = true;
    c.filter.shift = 0.1;
    c.filter.inner_layers = 0;
    c.filter.frequency_scale = 0.5;
    c.filter.features = 9;
    c.table_length = 9;
    c.short_conv = 5;
  });
  add("constant positions, no window, one tap", 5, 3, [](auto& c) {
    c.transform = K::dct;
    c.filter.positions_trainable = false;
    c.filter.window = false;
    c.short_conv = 1;
    c.conditioning_width = 1;
  });
  add("length 1", 1, 3, [](auto&) {});
  add("width 1", 6, 1, [](auto& c) { c.transform = K::fft_ortho; });
  return cases;
}

}  // namespace orchid::test
