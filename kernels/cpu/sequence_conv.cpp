#include "kernels/ops/sequence_conv.h"

#include "kernels/cpu/parallel.h"
#include "kernels/cpu/sequence_conv_rows.h"

namespace orchid::ops {
namespace {

using cpu::ConvRows;
using cpu::for_each_vector;
using cpu::GradRows;
using cpu::kTileRows;
using cpu::PackedTaps;

// --- Rows as a convolution reads them ------------------------------------------------------------

/// Index of the row that lies at `s`, which may be outside [0, length); -1: zeros.
std::int64_t row_at(std::int64_t s, std::int64_t length, Padding padding) {
  if (s >= 0 && s < length) return s;
  switch (padding) {
    case Padding::zeros:
      return -1;
    case Padding::reflect:
      return s < 0 ? -s : 2 * (length - 1) - s;
    case Padding::circular:
      return (s % length + length) % length;
    case Padding::replicate:
      return s < 0 ? 0 : length - 1;
  }
  return -1;
}

template <class T>
struct Sequence {
  const T* data;
  std::int64_t length, stride;
  Padding padding;
  const T* zeros;  ///< a row of them

  /// Pointers to `count` rows of sample b, from row `first` on.
  void rows(std::int64_t b, std::int64_t first, int count, const T** to) const {
    for (int i = 0; i < count; ++i) {
      const std::int64_t s = row_at(first + i, length, padding);
      to[i] = s < 0 ? zeros : data + (b * length + s) * stride;
    }
  }
};

/// Items worth a thread, of which each takes `work` multiplications.
std::int64_t grain(std::int64_t work) {
  return 16384 / work + 1;
}

template <class T>
using RowPointers = const T * [kTileRows + kMaxTaps - 1];

// --- Kernels -------------------------------------------------------------------------------------

template <class T, int kIn, int kOut, int kTaps>
void conv_rows(const PackedTaps<T>& packed, const T* const* x, int rows, T* y,
               std::int64_t y_stride, std::int64_t begin, std::int64_t end) {
  if (rows == kTileRows) {
    for_each_vector<T>(begin, end, [&](auto v, std::int64_t g) {
      cpu::conv_tile<kTaps, kIn, kOut, kTileRows, decltype(v)>(packed, x, y, y_stride, g);
    });
    return;
  }
  for (int r = 0; r < rows; ++r)
    for_each_vector<T>(begin, end, [&](auto v, std::int64_t g) {
      cpu::conv_tile<kTaps, kIn, kOut, 1, decltype(v)>(packed, x + r, y + r * y_stride, 0, g);
    });
}

template <class T, int kIn, int kOut, int kTaps>
void grad_rows(const PackedTaps<T>& packed, const T* const* x, const T* const* dy, int rows,
               T* sums, std::int64_t begin, std::int64_t end) {
  if (rows == kTileRows) {
    for_each_vector<T>(begin, end, [&](auto v, std::int64_t g) {
      cpu::grad_tile<kTaps, kIn, kOut, kTileRows, decltype(v)>(packed, x, dy, sums, g);
    });
    return;
  }
  for (int r = 0; r < rows; ++r)
    for_each_vector<T>(begin, end, [&](auto v, std::int64_t g) {
      cpu::grad_tile<kTaps, kIn, kOut, 1, decltype(v)>(packed, x + r, dy + r, sums, g);
    });
}

/// Any number of channels per group: the outputs of a group are the lanes.
template <class T>
void conv_rows_general(const PackedTaps<T>& packed, const T* const* x, int rows, T* y,
                       std::int64_t y_stride, std::int64_t begin, std::int64_t end) {
  const std::int64_t in = packed.in, out = packed.out;
  for (std::int64_t g = begin; g < end; ++g)
    for_each_vector<T>(0, out, [&](auto v, std::int64_t o) {
      using V = decltype(v);
      V sum[kTileRows]{};
      if (packed.bias)
        for (V& row : sum) row = cpu::load<V>(packed.bias + g * out + o);
      const T* weight = packed.weight + g * packed.taps * in * out + o;
      for (int j = 0; j < packed.taps; ++j)
        for (std::int64_t i = 0; i < in; ++i, weight += out) {
          const V w = cpu::load<V>(weight);
          for (int r = 0; r < rows; ++r) sum[r] += x[r + j][g * in + i] * w;
        }
      for (int r = 0; r < rows; ++r) cpu::store(y + r * y_stride + g * out + o, sum[r]);
    });
}

template <class T>
struct Kernels {
  ConvRows<T> conv;
  GradRows<T> grad;  ///< null: there is only the general way
};

template <class T, int kIn, int kOut>
Kernels<T> kernels_for(int taps) {
  if constexpr (std::is_same_v<T, float>) {
    if (taps == 1) return {conv_rows<T, kIn, kOut, 1>, grad_rows<T, kIn, kOut, 1>};
    if (taps == 3) return {conv_rows<T, kIn, kOut, 3>, grad_rows<T, kIn, kOut, 3>};
    if (taps == 5) return {conv_rows<T, kIn, kOut, 5>, grad_rows<T, kIn, kOut, 5>};
  }
  return {conv_rows<T, kIn, kOut, 0>, grad_rows<T, kIn, kOut, 0>};
}

template <class T>
Kernels<T> kernels_for(int in, int out, int taps) {
  if (in == 1 && out == 1) return kernels_for<T, 1, 1>(taps);
  if (in == 1 && out == 2) return kernels_for<T, 1, 2>(taps);
  if (in == 2 && out == 1) return kernels_for<T, 2, 1>(taps);
  if (in == 2 && out == 2) return kernels_for<T, 2, 2>(taps);
  return {conv_rows_general<T>, nullptr};
}

// --- Weights -------------------------------------------------------------------------------------

/// Sizes of a convolution, from its weight.
struct Sizes {
  std::int64_t groups, plane;
  int in, out, taps;

  Sizes(const Shape& weight, std::int64_t group_count)
      : groups(group_count),
        plane((group_count + 15) / 16 * 16 | 16),  // an odd number of lines: other cache sets
        in(static_cast<int>(weight[1])),
        out(static_cast<int>(weight[0] / group_count)),
        taps(static_cast<int>(weight[2])) {}
  bool lanes_are_groups() const { return in <= 2 && out <= 2; }
  std::int64_t inputs() const { return groups * in; }
  std::int64_t outputs() const { return groups * out; }
  std::int64_t weight_size() const {
    return std::int64_t{in} * out * taps * (lanes_are_groups() ? plane : groups);
  }
};

/// `adjoint`: inputs and outputs change places and the taps are reversed, as dx needs them.
template <class T>
PackedTaps<T> pack_weight(const T* weight, const Sizes& n, bool adjoint, T* to) {
  const int in = adjoint ? n.out : n.in, out = adjoint ? n.in : n.out;
  const std::int64_t group_stride = n.lanes_are_groups() ? 1 : std::int64_t{n.taps} * in * out;
  for (std::int64_t g = 0; g < n.groups; ++g)
    for (int o = 0; o < n.out; ++o)
      for (int i = 0; i < n.in; ++i)
        for (int j = 0; j < n.taps; ++j) {
          const std::int64_t a = adjoint ? o : i, b = adjoint ? i : o,
                             c = adjoint ? n.taps - 1 - j : j;
          const std::int64_t index =
              n.lanes_are_groups() ? ((b * in + a) * n.taps + c) * n.plane : (c * in + a) * out + b;
          to[g * group_stride + index] = *weight++;
        }
  return {to, nullptr, n.groups, n.plane, in, out, n.taps};
}

template <class T>
const T* pack_bias(const T* bias, const Sizes& n, T* to) {
  if (!n.lanes_are_groups()) return bias;
  for (std::int64_t g = 0; g < n.groups; ++g)
    for (int o = 0; o < n.out; ++o) to[o * n.plane + g] = *bias++;
  return to;
}

// --- Forward -------------------------------------------------------------------------------------

/// y (batch, length, groups * out), dense.
template <class T>
void convolve(const Context& ctx, const Sequence<T>& x, std::int64_t batch, std::int64_t left,
              const PackedTaps<T>& packed, ConvRows<T> kernel, T* y) {
  const std::int64_t tiles = (x.length + kTileRows - 1) / kTileRows;
  const std::int64_t stride = packed.groups * packed.out;
  const std::int64_t work = kTileRows * stride * packed.in * packed.taps;
  cpu::parallel_for(ctx, batch * tiles, grain(work), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t b = item / tiles, s = item % tiles * kTileRows;
      const int rows = static_cast<int>(std::min<std::int64_t>(kTileRows, x.length - s));
      RowPointers<T> from;
      x.rows(b, s - left, rows + packed.taps - 1, from);
      kernel(packed, from, rows, y + (b * x.length + s) * stride, stride, 0, packed.groups);
    }
  });
}

template <class T>
void forward(Context& ctx, const SequenceConv& op) {
  const Sizes n(op.weight->shape(), op.groups);
  const Shape& wide = op.x->shape();
  Tensor scratch = ctx.zeros({n.weight_size() + n.out * n.plane + n.inputs()}, dtype_of<T>());
  T* const weight = scratch.data<T>();
  T* const bias = weight + n.weight_size();
  PackedTaps<T> packed = pack_weight(op.weight->data<T>(), n, false, weight);
  if (op.bias.defined()) packed.bias = pack_bias(op.bias->data<T>(), n, bias);
  const Sequence<T> x{op.x->data<T>() + op.x_column, wide[1], wide[2], op.padding,
                      bias + n.out * n.plane};
  convolve(ctx, x, wide[0], op.left, packed, kernels_for<T>(n.in, n.out, n.taps).conv,
           op.y->data<T>());
}

// --- Gradient ------------------------------------------------------------------------------------

/// Operands of a gradient, repacked. dx[s] = sum_j weight[j] dy[s + left - j] is itself a
/// convolution of dy, by the reversed taps and with zeros outside; what falls on rows outside of x
/// then goes to the rows that were read there.
template <class T>
struct Gradient {
  Sizes n;
  std::int64_t batch, left;
  Sequence<T> x, dy;
  PackedTaps<T> adjoint;
  Kernels<T> kernels;
  ConvRows<T> dx_kernel;
  T* dx;

  std::int64_t length() const { return x.length; }
  std::int64_t dy_first(std::int64_t s) const { return s + left - (n.taps - 1); }
};

/// Sums of one chunk of rows: dx of its rows and groups, and their part of the weight gradient.
template <class T>
void gradient_of_rows(const Gradient<T>& grad, std::int64_t row, std::int64_t row_end, T* sums,
                      std::int64_t begin, std::int64_t end) {
  const Sizes& n = grad.n;
  for (std::int64_t plane = 0; plane < n.out * (std::int64_t{n.in} * n.taps + 1); ++plane)
    std::fill(sums + plane * n.plane + begin, sums + plane * n.plane + end, T{});
  while (row < row_end) {
    const std::int64_t b = row / grad.length(), s = row % grad.length();
    const int rows =
        static_cast<int>(std::min({std::int64_t{kTileRows}, grad.length() - s, row_end - row}));
    RowPointers<T> x, dy;
    grad.x.rows(b, s - grad.left, rows + n.taps - 1, x);
    grad.dy.rows(b, grad.dy_first(s), rows + n.taps - 1, dy);
    grad.dx_kernel(grad.adjoint, dy, rows, grad.dx + row * n.inputs(), n.inputs(), begin, end);
    grad.dy.rows(b, s, rows, dy);
    const PackedTaps<T> sizes{nullptr, nullptr, n.groups, n.plane, n.in, n.out, n.taps};
    grad.kernels.grad(sizes, x, dy, rows, sums, begin, end);
    row += rows;
  }
}

/// One pass over fixed chunks of rows, whose sums are added in their order: the result does not
/// depend on the number of threads.
template <class T>
void gradient_by_chunks(Context& ctx, const Gradient<T>& grad, T* dweight, T* dbias) {
  constexpr std::int64_t kMostChunks = 64, kLeastRows = 128;
  const Sizes& n = grad.n;
  const std::int64_t rows = grad.batch * grad.length();
  const std::int64_t chunk =
      std::max(kLeastRows, (rows / kMostChunks + kTileRows) / kTileRows * kTileRows);
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  // Blocks of whole vectors of groups, where there are more threads than chunks.
  const std::int64_t blocks = (ctx.threads() + chunks - 1) / chunks;
  const std::int64_t block = ((n.groups + blocks - 1) / blocks + 15) / 16 * 16;
  const int weights = n.out * n.in * n.taps;
  const std::int64_t sums_size = (weights + n.out) * n.plane;
  Tensor partial = ctx.empty({chunks, sums_size}, dtype_of<T>());
  T* const sums = partial.data<T>();
  const std::int64_t work = std::min(chunk, rows) * block * weights * 2;
  cpu::parallel_for(ctx, chunks * blocks, grain(work), [&](auto first, auto last) {
    for (std::int64_t item = first; item < last; ++item) {
      const std::int64_t c = item % chunks, g = std::min(item / chunks * block, n.groups);
      gradient_of_rows(grad, c * chunk, std::min((c + 1) * chunk, rows), sums + c * sums_size, g,
                       std::min(g + block, n.groups));
    }
  });
  cpu::parallel_for(ctx, n.groups, grain(chunks * weights), [&](auto begin, auto end) {
    for (int plane = 0; plane < weights + n.out; ++plane) {
      T* const total = sums + plane * n.plane;
      for (std::int64_t c = 1; c < chunks; ++c)
        for (std::int64_t g = begin; g < end; ++g) total[g] += total[c * sums_size + g];
      const bool is_weight = plane < weights;
      T* const to = is_weight ? dweight + plane : dbias + (plane - weights);
      const std::int64_t stride = is_weight ? weights : n.out;
      if (is_weight || dbias)
        for (std::int64_t g = begin; g < end; ++g) to[g * stride] += total[g];
    }
  });
}

/// Adds to dx what falls on rows outside of the sequence, where these are copies of rows inside.
template <class T>
void fold_padding(Context& ctx, const Gradient<T>& grad) {
  const Sizes& n = grad.n;
  if (grad.x.padding == Padding::zeros || n.taps == 1) return;
  Tensor scratch = ctx.empty({grad.batch, n.inputs()}, dtype_of<T>());
  T* const outside = scratch.data<T>();
  const std::int64_t work = (n.taps - 1) * n.inputs() * n.out * n.taps;
  cpu::parallel_for(ctx, grad.batch, grain(work), [&](auto first, auto last) {
    for (std::int64_t b = first; b < last; ++b) {
      T* const row = outside + b * n.inputs();
      for (std::int64_t tap = 0; tap < n.taps - 1; ++tap) {
        const std::int64_t s = tap < grad.left ? tap - grad.left : grad.length() + tap - grad.left;
        RowPointers<T> dy;
        grad.dy.rows(b, grad.dy_first(s), n.taps, dy);
        grad.dx_kernel(grad.adjoint, dy, 1, row, 0, 0, n.groups);
        T* const to =
            grad.dx + (b * grad.length() + row_at(s, grad.length(), grad.x.padding)) * n.inputs();
        for (std::int64_t i = 0; i < n.inputs(); ++i) to[i] += row[i];
      }
    }
  });
}

/// Any number of channels per group: each output channel runs over all rows, summing blocks of
/// them first.
template <class T>
void weight_gradient_general(Context& ctx, const Gradient<T>& grad, T* dweight, T* dbias) {
  constexpr std::int64_t kBlockRows = 256;
  const Sizes& n = grad.n;
  const std::int64_t rows = grad.batch * grad.length(), inputs_taps = std::int64_t{n.in} * n.taps;
  Tensor scratch = ctx.zeros({n.outputs(), inputs_taps}, dtype_of<T>());
  T* const partial = scratch.data<T>();
  cpu::parallel_for(ctx, n.outputs(), grain(rows * inputs_taps), [&](auto first, auto last) {
    for (std::int64_t co = first; co < last; ++co) {
      T* const sums = partial + co * inputs_taps;  // (taps, in)
      const std::int64_t column = co / n.out * n.in;
      for (std::int64_t block = 0; block < rows; block += kBlockRows) {
        T bias_sum{};
        for (std::int64_t row = block; row < std::min(block + kBlockRows, rows); ++row) {
          RowPointers<T> x;
          grad.x.rows(row / grad.length(), row % grad.length() - grad.left, n.taps, x);
          const T d = grad.dy.data[row * n.outputs() + co];
          bias_sum += d;
          for (int j = 0; j < n.taps; ++j)
            for (int i = 0; i < n.in; ++i) sums[j * n.in + i] += d * x[j][column + i];
        }
        for (int i = 0; i < n.in; ++i)
          for (int j = 0; j < n.taps; ++j)
            dweight[co * inputs_taps + i * n.taps + j] += sums[j * n.in + i];
        std::fill(sums, sums + inputs_taps, T{});
        if (dbias) dbias[co] += bias_sum;
      }
    }
  });
}

template <class T>
void backward(Context& ctx, const SequenceConvGrad& op) {
  const Sizes n(op.weight->shape(), op.groups);
  const Shape& wide = op.x->shape();
  Tensor scratch = ctx.zeros({n.weight_size() + std::max(n.inputs(), n.outputs())}, dtype_of<T>());
  T* const zeros = scratch.data<T>() + n.weight_size();
  const Gradient<T> grad{.n = n,
                         .batch = wide[0],
                         .left = op.left,
                         .x = {op.x->data<T>() + op.x_column, wide[1], wide[2], op.padding, zeros},
                         .dy = {op.dy->data<T>(), wide[1], n.outputs(), Padding::zeros, zeros},
                         .adjoint = pack_weight(op.weight->data<T>(), n, true, scratch.data<T>()),
                         .kernels = kernels_for<T>(n.in, n.out, n.taps),
                         .dx_kernel = kernels_for<T>(n.out, n.in, n.taps).conv,
                         .dx = op.dx->data<T>()};
  T* const dweight = op.dweight->data<T>();
  T* const dbias = op.dbias.defined() ? op.dbias->data<T>() : nullptr;
  if (grad.kernels.grad) {
    gradient_by_chunks(ctx, grad, dweight, dbias);
  } else {
    convolve(ctx, grad.dy, grad.batch, n.taps - 1 - grad.left, grad.adjoint, grad.dx_kernel,
             grad.dx);
    weight_gradient_general(ctx, grad, dweight, dbias);
  }
  fold_padding(ctx, grad);
}

}  // namespace

void SequenceConv::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) { forward<decltype(zero)>(ctx, *this); });
}

void SequenceConvGrad::cpu(Context& ctx) const {
  dispatch_float(x->dtype(), [&](auto zero) { backward<decltype(zero)>(ctx, *this); });
}

}  // namespace orchid::ops
