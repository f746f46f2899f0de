#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace orchid::reference {

using Values = std::vector<double>;

struct Normalized {
  Values y, mean, rstd, variance;
};

/// `groups` sets of elements share a mean and a variance: element i belongs to group(i).
template <class Group>
Normalized normalize(const Values& x, std::size_t groups, const Group& group, double eps) {
  Normalized r{Values(x.size()), Values(groups), Values(groups), Values(groups)};
  const double n = static_cast<double>(x.size() / groups);
  for (std::size_t i = 0; i < x.size(); ++i) r.mean[group(i)] += x[i] / n;
  for (std::size_t i = 0; i < x.size(); ++i)
    r.variance[group(i)] += std::pow(x[i] - r.mean[group(i)], 2) / n;
  for (std::size_t s = 0; s < groups; ++s) r.rstd[s] = 1 / std::sqrt(r.variance[s] + eps);
  for (std::size_t i = 0; i < x.size(); ++i) r.y[i] = (x[i] - r.mean[group(i)]) * r.rstd[group(i)];
  return r;
}

inline void affine(Values& y, const Values& gamma, const Values& beta) {
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = y[i] * gamma[i % gamma.size()] + beta[i % beta.size()];
}

/// Over the last axis.
inline Normalized layer_norm(const Values& x, const Values& gamma, const Values& beta, double eps) {
  const std::size_t width = gamma.size();
  Normalized r = normalize(
      x, x.size() / width, [=](std::size_t i) { return i / width; }, eps);
  affine(r.y, gamma, beta);
  return r;
}

struct NormGradients {
  Values dx, dgamma, dbeta;
};

/// Of sum(dy * layer_norm(x)), written out.
inline NormGradients layer_norm_grad(const Values& dy, const Values& x, const Values& gamma,
                                     const Values& mean, const Values& rstd) {
  const std::size_t width = gamma.size();
  NormGradients r{Values(x.size()), Values(width), Values(width)};
  for (std::size_t row = 0; row < mean.size(); ++row) {
    double sum_g = 0, sum_gn = 0;
    for (std::size_t c = 0; c < width; ++c) {
      const double d = dy[row * width + c], n = (x[row * width + c] - mean[row]) * rstd[row];
      sum_g += gamma[c] * d;
      sum_gn += gamma[c] * d * n;
      r.dgamma[c] += d * n;
      r.dbeta[c] += d;
    }
    for (std::size_t c = 0; c < width; ++c) {
      const double n = (x[row * width + c] - mean[row]) * rstd[row];
      r.dx[row * width + c] = rstd[row] * (gamma[c] * dy[row * width + c] -
                                           (sum_g + n * sum_gn) / static_cast<double>(width));
    }
  }
  return r;
}

/// Over the rows, per channel.
inline Normalized batch_norm(const Values& x, const Values& gamma, const Values& beta, double eps) {
  const std::size_t width = gamma.size();
  Normalized r = normalize(
      x, width, [=](std::size_t i) { return i % width; }, eps);
  affine(r.y, gamma, beta);
  return r;
}

/// y[b, l, c] = exp(x[b, l, c]) / sum over l' of exp(x[b, l', c]).
inline Values sequence_softmax(const Values& x, std::size_t length, std::size_t channels) {
  Values y(x.size()), sum(x.size() / length);
  const auto sequence = [=](std::size_t i) {
    return i / (length * channels) * channels + i % channels;
  };
  for (std::size_t i = 0; i < x.size(); ++i) sum[sequence(i)] += std::exp(x[i]);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = std::exp(x[i]) / sum[sequence(i)];
  return y;
}

/// dx = y (dy - sum over l of y dy).
inline Values sequence_softmax_grad(const Values& dy, const Values& y, std::size_t length,
                                    std::size_t channels) {
  Values dx(y.size()), dot(y.size() / length);
  const auto sequence = [=](std::size_t i) {
    return i / (length * channels) * channels + i % channels;
  };
  for (std::size_t i = 0; i < y.size(); ++i) dot[sequence(i)] += y[i] * dy[i];
  for (std::size_t i = 0; i < y.size(); ++i) dx[i] = y[i] * (dy[i] - dot[sequence(i)]);
  return dx;
}

}  // namespace orchid::reference
