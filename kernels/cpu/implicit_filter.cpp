#include "kernels/ops/implicit_filter.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/math.h"
#include "kernels/cpu/parallel.h"

namespace orchid::ops {
namespace {

/// Least elements worth a thread: each costs a sine or an exponential.
constexpr std::int64_t kGrain = 4096;

// --- Sine ----------------------------------------------------------------------------------------

template <class T>
void sine_rows(const T* x, const T* __restrict frequency, T* __restrict y, std::int64_t rows,
               std::int64_t width, T scale) {
  for (std::int64_t r = 0; r < rows; ++r, x += width, y += width)
    for (std::int64_t c = 0; c < width; ++c) y[c] = cpu::math::sin(scale * frequency[c] * x[c]);
}

/// `sums`, of one row, gets the sum over the rows of x cos(...) dy.
template <class T>
void sine_grad_rows(const T* dy, const T* x, const T* __restrict frequency, T* __restrict dx,
                    T* __restrict sums, std::int64_t rows, std::int64_t width, T scale) {
  std::fill(sums, sums + width, T{});
  for (std::int64_t r = 0; r < rows; ++r, dy += width, x += width, dx += width)
    for (std::int64_t c = 0; c < width; ++c) {
      const T w = scale * frequency[c];
      const T d = cpu::math::cos(w * x[c]) * dy[c];
      dx[c] = w * d;
      sums[c] += x[c] * d;
    }
}

/// In fixed chunks of rows, whose sums are added in order.
template <class T>
void sine_grad(Context& ctx, const SineGrad& op) {
  constexpr std::int64_t kMostChunks = 64, kLeastRows = 32;
  const std::int64_t rows = op.x->shape()[0], width = op.x->shape()[1];
  const std::int64_t chunk = std::max(kLeastRows, (rows + kMostChunks - 1) / kMostChunks);
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  Tensor partial = ctx.empty({chunks, width}, dtype_of<T>());
  T* const sums = partial.data<T>();
  const T *dy = op.dy->data<T>(), *x = op.x->data<T>(), *frequency = op.frequency->data<T>();
  T* const dx = op.dx->data<T>();
  const T scale = static_cast<T>(op.scale);
  cpu::parallel_for(ctx, chunks, kGrain / (chunk * width) + 1, [&](auto begin, auto end) {
    for (std::int64_t c = begin; c < end; ++c) {
      const std::int64_t first = c * chunk, count = std::min(chunk, rows - first);
      sine_grad_rows(dy + first * width, x + first * width, frequency, dx + first * width,
                     sums + c * width, count, width, scale);
    }
  });
  for (std::int64_t c = 1; c < chunks; ++c)
    for (std::int64_t i = 0; i < width; ++i) sums[i] += sums[c * width + i];
  T* const dfrequency = op.dfrequency->data<T>();
  for (std::int64_t i = 0; i < width; ++i) dfrequency[i] += scale * sums[i];
}

// --- Window --------------------------------------------------------------------------------------

/// One row of e, and where its channels lie in k: channel d of filter o at o * L * D + d.
template <class T>
struct WindowRow {
  std::int64_t width, filters, filter_stride;
  T minus_t, shift;
  bool window;
  const T* delta;

  std::int64_t channels() const { return width * filters; }
  T factor(std::int64_t c) const { return cpu::math::exp(minus_t * std::fabs(delta[c])) + shift; }
};

template <class T, class Op>
WindowRow<T> window_row(const Op& op, const Shape& split, std::int64_t row) {
  return {split[2],
          split[0],
          split[1] * split[2],
          -op.t->template data<T>()[row],
          static_cast<T>(op.shift),
          op.window,
          op.delta->template data<T>()};
}

/// out[i] = in[i] times the factor of channel first + i.
template <class T>
void apply_window(const WindowRow<T>& row, const T* in, std::int64_t first, std::int64_t count,
                  T* __restrict out) {
  if (!row.window) return void(std::copy_n(in, count, out));
  for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] * row.factor(first + i);
}

/// Calls body(first, count, block) for blocks of a row's channels, with room for their values: the
/// exponentials run over neighbours, whatever the order in k.
template <class T, class Body>
void for_each_block(const WindowRow<T>& row, const Body& body) {
  constexpr std::int64_t kBlock = 256;
  T block[kBlock];
  for (std::int64_t first = 0; first < row.channels(); first += kBlock)
    body(first, std::min(kBlock, row.channels() - first), block);
}

/// Calls body(i, j): channel first + i of the row is element j of k.
template <class T, class Body>
void for_each_place(const WindowRow<T>& row, std::int64_t first, std::int64_t count,
                    const Body& body) {
  for (std::int64_t o = 0; o < row.filters; ++o) {
    const std::int64_t skip = (o - first % row.filters + row.filters) % row.filters;
    std::int64_t j = o * row.filter_stride + (first + skip) / row.filters;
    for (std::int64_t i = skip; i < count; i += row.filters) body(i, j++);
  }
}

template <class T>
void window_forward(const WindowRow<T>& row, const T* e, T* k) {
  if (row.filters == 1) return apply_window(row, e, 0, row.width, k);
  for_each_block(row, [&](std::int64_t first, std::int64_t count, T* block) {
    apply_window(row, e + first, first, count, block);
    for_each_place(row, first, count, [&](std::int64_t i, std::int64_t j) { k[j] = block[i]; });
  });
}

template <class T>
void normalize(const WindowRow<T>& row, T* k) {
  T norm{};
  for (std::int64_t o = 0; o < row.filters; ++o)
    for (std::int64_t d = 0; d < row.width; ++d) norm += std::fabs(k[o * row.filter_stride + d]);
  for (std::int64_t o = 0; o < row.filters; ++o)
    for (std::int64_t d = 0; d < row.width; ++d) k[o * row.filter_stride + d] /= norm;
}

template <class T>
void window_backward(const WindowRow<T>& row, const T* dk, T* de) {
  if (row.filters == 1) return apply_window(row, dk, 0, row.width, de);
  for_each_block(row, [&](std::int64_t first, std::int64_t count, T* block) {
    for_each_place(row, first, count, [&](std::int64_t i, std::int64_t j) { block[i] = dk[j]; });
    apply_window(row, block, first, count, de + first);
  });
}

/// Turns de of k = v into de of k = v / norm: with de_c = dk_c f_c, and the sums
/// norm = sum |e_c f_c| and dot = sum dk_c v_c = sum de_c e_c.
template <class T>
void denormalize(const WindowRow<T>& row, const T* e, T* de) {
  const auto factor = [&](std::int64_t c) { return row.window ? row.factor(c) : T{1}; };
  T norm{}, dot{};
  for (std::int64_t c = 0; c < row.channels(); ++c) {
    norm += std::fabs(e[c] * factor(c));
    dot += de[c] * e[c];
  }
  for (std::int64_t c = 0; c < row.channels(); ++c) {
    const T f = factor(c), v = e[c] * f;
    const T sign = static_cast<T>(v > 0) - static_cast<T>(v < 0);
    de[c] = (de[c] - f * sign * dot / norm) / norm;
  }
}

/// Calls body(row, WindowRow) for the L rows of e.
template <class T, class Op, class Body>
void for_each_window_row(const Context& ctx, const Op& op, const Shape& split, const Body& body) {
  const std::int64_t rows = split[1], width = split[0] * split[2];
  cpu::parallel_for(ctx, rows, kGrain / width + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t l = begin; l < end; ++l) body(l, window_row<T>(op, split, l));
  });
}

}  // namespace

void Sine::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *from = x->data<T>(), *w = frequency->data<T>();
    T* const to = y->data<T>();
    const std::int64_t width = x->shape()[1];
    cpu::parallel_for(ctx, x->shape()[0], kGrain / width + 1, [&](auto begin, auto end) {
      sine_rows(from + begin * width, w, to + begin * width, end - begin, width,
                static_cast<T>(scale));
    });
  });
}

void SineGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) { sine_grad<decltype(zero)>(ctx, *this); });
}

void DecayWindow::cpu(Context& ctx) const {
  dispatch_float(e->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = e->data<T>();
    T* const to = k->data<T>();
    for_each_window_row<T>(ctx, *this, k->shape(), [&](std::int64_t l, const WindowRow<T>& row) {
      window_forward(row, from + l * row.channels(), to + l * row.width);
      if (normalized) normalize(row, to + l * row.width);
    });
  });
}

void DecayWindowGrad::cpu(Context& ctx) const {
  dispatch_float(e->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T *values = e->data<T>(), *from = dk->data<T>();
    T* const to = de->data<T>();
    for_each_window_row<T>(ctx, *this, dk->shape(), [&](std::int64_t l, const WindowRow<T>& row) {
      window_backward(row, from + l * row.width, to + l * row.channels());
      if (normalized) denormalize(row, values + l * row.channels(), to + l * row.channels());
    });
  });
}

}  // namespace orchid::ops
