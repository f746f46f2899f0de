#pragma once

#include <string>
#include <vector>

namespace orchid::reference {

struct SequenceConv {
  long batch, length, inputs, outputs, taps, groups, left;
  std::string padding = "zeros";
};

/// y[b, s, co] = bias[co] + sum_{ci in group} sum_j weight[co, ci, j] x[b, s - left + j, ci],
/// outside of the sequence by the kind of padding. Without a bias: an empty one.
inline std::vector<double> sequence_conv(const SequenceConv& n, const std::vector<double>& x,
                                         const std::vector<double>& weight,
                                         const std::vector<double>& bias) {
  const long group_in = n.inputs / n.groups, group_out = n.outputs / n.groups;
  std::vector<double> y;
  for (long b = 0; b < n.batch; ++b)
    for (long s = 0; s < n.length; ++s)
      for (long co = 0; co < n.outputs; ++co) {
        double sum = bias.empty() ? 0 : bias[static_cast<std::size_t>(co)];
        for (long j = 0; j < n.taps; ++j) {
          long at = s - n.left + j;
          if (at < 0 || at >= n.length) {
            if (n.padding == "zeros") continue;
            if (n.padding == "reflect") at = at < 0 ? -at : 2 * (n.length - 1) - at;
            if (n.padding == "replicate") at = at < 0 ? 0 : n.length - 1;
            while (at < 0) at += n.length;
            while (at >= n.length) at -= n.length;
          }
          for (long ci = 0; ci < group_in; ++ci)
            sum += weight[static_cast<std::size_t>((co * group_in + ci) * n.taps + j)] *
                   x[static_cast<std::size_t>((b * n.length + at) * n.inputs +
                                              co / group_out * group_in + ci)];
        }
        y.push_back(sum);
      }
  return y;
}

}  // namespace orchid::reference
