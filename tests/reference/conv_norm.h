#pragma once

#include "tests/reference/norm.h"
#include "tests/reference/sequence_conv.h"
#include "tests/reference/spectral.h"

namespace orchid::reference {

/// The layer by its definition, in double.
struct ConvNorm {
  long batch = 1, length = 1, channels = 1, outputs = 1, taps = 3;  ///< outputs of a channel
  bool power = false, complex = true, planar = false;
  double eps = 1e-5;
  Values x{}, weight{}, bias{}, gamma{}, beta{};

  Values convolved() const {
    const auto width = static_cast<std::size_t>(channels);
    return sequence_conv({.batch = batch,
                          .length = length,
                          .inputs = channels,
                          .outputs = channels * outputs,
                          .taps = taps,
                          .groups = channels,
                          .left = (taps - 1) / 2},
                         power ? reference::power(x, width, complex) : x, weight, bias);
  }

  Normalized forward() const {
    Normalized n = layer_norm(convolved(), gamma, beta, eps);
    if (planar) n.y = to_planar(from_interleaved(n.y), static_cast<std::size_t>(channels));
    return n;
  }
};

}  // namespace orchid::reference
