#pragma once

#include <cmath>
#include <vector>

namespace orchid::reference {

/// Softmax attention by its definition, head by head and query by query: qkv (B, L, 3 D) -> y
/// (B, L, D). `mask` (B, L) is 0 or 1.
struct Attention {
  std::size_t length, width, heads;
  std::vector<double> mask;

  std::size_t samples() const { return mask.size() / length; }
  std::size_t head() const { return width / heads; }
  /// Element of channel c of head h at position l of sample b; part 0: q, 1: k, 2: v.
  std::size_t at(std::size_t b, std::size_t l, std::size_t part, std::size_t h,
                 std::size_t c) const {
    return ((b * length + l) * 3 + part) * width + h * head() + c;
  }

  double dot(const std::vector<double>& qkv, std::size_t b, std::size_t h, std::size_t i,
             std::size_t l) const {
    double sum = 0;
    for (std::size_t c = 0; c < head(); ++c) sum += qkv[at(b, i, 0, h, c)] * qkv[at(b, l, 1, h, c)];
    return sum;
  }

  /// log sum over the keys that count of exp(q k / sqrt(d)): (B, heads, L).
  std::vector<double> logsumexp(const std::vector<double>& qkv) const {
    std::vector<double> result;
    for (std::size_t b = 0; b < samples(); ++b)
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t i = 0; i < length; ++i) {
          double largest = -INFINITY, sum = 0;
          for (std::size_t l = 0; l < length; ++l)
            if (mask[b * length + l] != 0)
              largest = std::max(largest, dot(qkv, b, h, i, l) * scale());
          for (std::size_t l = 0; l < length; ++l)
            if (mask[b * length + l] != 0)
              sum += std::exp(dot(qkv, b, h, i, l) * scale() - largest);
          result.push_back(sum > 0 ? largest + std::log(sum) : -INFINITY);
        }
    return result;
  }

  std::vector<double> operator()(const std::vector<double>& qkv) const {
    std::vector<double> y(qkv.size() / 3);
    for_each_weight(qkv, [&](double p, std::size_t b, std::size_t h, std::size_t i, std::size_t l) {
      for (std::size_t c = 0; c < head(); ++c)
        y[(b * length + i) * width + h * head() + c] += p * qkv[at(b, l, 2, h, c)];
    });
    return y;
  }

  /// The adjoint: of the softmax, ds = p (dp - sum p dp).
  std::vector<double> gradient(const std::vector<double>& qkv,
                               const std::vector<double>& dy) const {
    std::vector<double> dqkv(qkv.size());
    const auto dp = [&](std::size_t b, std::size_t h, std::size_t i, std::size_t l) {
      double sum = 0;
      for (std::size_t c = 0; c < head(); ++c)
        sum += dy[(b * length + i) * width + h * head() + c] * qkv[at(b, l, 2, h, c)];
      return sum;
    };
    std::vector<double> mean(samples() * heads * length);  // sum over l of p dp
    const auto query = [&](std::size_t b, std::size_t h, std::size_t i) {
      return (b * heads + h) * length + i;
    };
    for_each_weight(qkv, [&](double p, std::size_t b, std::size_t h, std::size_t i, std::size_t l) {
      mean[query(b, h, i)] += p * dp(b, h, i, l);
    });
    for_each_weight(qkv, [&](double p, std::size_t b, std::size_t h, std::size_t i, std::size_t l) {
      const double ds = p * (dp(b, h, i, l) - mean[query(b, h, i)]) * scale();
      for (std::size_t c = 0; c < head(); ++c) {
        dqkv[at(b, i, 0, h, c)] += ds * qkv[at(b, l, 1, h, c)];
        dqkv[at(b, l, 1, h, c)] += ds * qkv[at(b, i, 0, h, c)];
        dqkv[at(b, l, 2, h, c)] += p * dy[(b * length + i) * width + h * head() + c];
      }
    });
    return dqkv;
  }

 private:
  double scale() const { return 1 / std::sqrt(static_cast<double>(head())); }

  /// body(p, b, h, i, l) for every query i and every key l that counts.
  template <class Body>
  void for_each_weight(const std::vector<double>& qkv, const Body& body) const {
    const std::vector<double> sums = logsumexp(qkv);
    for (std::size_t b = 0; b < samples(); ++b)
      for (std::size_t h = 0; h < heads; ++h)
        for (std::size_t i = 0; i < length; ++i)
          for (std::size_t l = 0; l < length; ++l)
            if (mask[b * length + l] != 0)
              body(std::exp(dot(qkv, b, h, i, l) * scale() - sums[(b * heads + h) * length + i]), b,
                   h, i, l);
  }
};

}  // namespace orchid::reference
