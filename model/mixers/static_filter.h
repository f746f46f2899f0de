#pragma once

#include <vector>

#include "model/config.h"
#include "model/init.h"
#include "model/layers/linear.h"
#include "model/module.h"

namespace orchid::model {

/// The static kernels of a long convolution, made by a small sine network from positional features:
///   k[o, t, d] = FFN(z_t)[c] * (exp(-tau_t |delta_c|) + shift),   c = d * filters + o
/// with tau_t = t / (table - 1) and z_t = [tau_t, cos(f_j 2 pi t / table), -sin(...)], the bands
/// f_j evenly from 1e-4 to bands - 1. `skip` is the weight of the convolution's input beside it.
/// Names are those of the authors' layer, so that its state dict loads as it is.
class StaticFilter {
 public:
  StaticFilter(const Init& init, const FilterConfig&, std::int64_t width, std::int64_t filters,
               std::int64_t table_length);

  /// (filters, L, D) for the first L rows of the tables.
  Tensor forward(Context&, std::int64_t length, Tape&) const;
  void backward(Context&, const Tensor& dk, Tape&);
  void visit(const std::string& prefix, const Visitor&);

  /// Channel d * filters + o is the skip weight of feature d in convolution o.
  Parameter& skip() { return skip_; }
  const Parameter& skip() const { return skip_; }

 private:
  Tensor table_rows(const Tensor& table, std::int64_t length) const;

  FilterConfig config_;
  std::int64_t width_;
  std::int64_t filters_;
  std::int64_t table_length_;
  Parameter skip_;       ///< (D filters) "bias"
  Parameter positions_;  ///< (1, table, features) "pos_emb.z"; a buffer unless trainable
  Tensor times_;         ///< (1, table, 1) "pos_emb.t"
  Tensor deltas_;        ///< (1, 1, D filters) "modulation.deltas"
  Parameter frequency_;  ///< (1, width of the network), shared by all its sines
  std::vector<Linear> layers_;
};

}  // namespace orchid::model
