#include "kernels/cpu/gemm.h"

#include <atomic>

#include <dnnl.h>

#include "kernels/cpu/parallel.h"

namespace orchid::cpu {
namespace {

/// Multiply-adds worth a thread: about 20 microseconds.
constexpr double kProductGrain = 1 << 20;
/// Tiles start at multiples of these, the register block of oneDNN's kernel.
constexpr std::int64_t kRowBlock = 8, kColumnBlock = 48;

/// oneDNN takes its thread count from OpenMP. Within a parallel region it uses one thread anyway.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

bool multiply(const ProductShape& p, MatrixView<const float> a, MatrixView<const float> b,
              MatrixView<float> c, bool accumulate) {
  const OneThread scope;
  return dnnl_sgemm(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', p.m, p.n, p.k, 1.0f,
                    a.data, a.stride, b.data, b.stride, accumulate ? 1.0f : 0.0f, c.data,
                    c.stride) == dnnl_success;
}

bool multiply(const ProductShape& p, MatrixView<const double> a, MatrixView<const double> b,
              MatrixView<double> c, bool accumulate) {
  const std::int64_t a_row = p.transpose_a ? 1 : a.stride, a_step = p.transpose_a ? a.stride : 1;
  const std::int64_t b_row = p.transpose_b ? 1 : b.stride, b_step = p.transpose_b ? b.stride : 1;
  for (std::int64_t i = 0; i < p.m; ++i) {
    double* const row = c.data + i * c.stride;
    if (!accumulate) std::fill_n(row, p.n, 0.0);
    for (std::int64_t k = 0; k < p.k; ++k) {
      const double factor = a.data[i * a_row + k * a_step];
      const double* const other = b.data + k * b_row;
      for (std::int64_t j = 0; j < p.n; ++j) row[j] += factor * other[j * b_step];
    }
  }
  return true;
}

/// Rows and columns of tiles.
struct Grid {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
};

/// As many tiles as threads, shaped so that they read least of a and b: each tile packs its own
/// rows of a and columns of b.
Grid make_grid(const ProductShape& p, std::int64_t threads) {
  const double work =
      static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  const std::int64_t most = static_cast<std::int64_t>(work / kProductGrain) + 1;
  threads = std::min(threads, most);
  const std::int64_t row_blocks = (p.m + kRowBlock - 1) / kRowBlock;
  const std::int64_t column_blocks = (p.n + kColumnBlock - 1) / kColumnBlock;
  Grid best;
  double least = 0;
  for (std::int64_t rows = 1; rows <= threads; ++rows) {
    const Grid grid{std::min(rows, row_blocks), std::min(threads / rows, column_blocks)};
    const auto per_tile = [](std::int64_t blocks, std::int64_t parts, std::int64_t block) {
      return static_cast<double>((blocks + parts - 1) / parts * block);
    };
    const double m = per_tile(row_blocks, grid.rows, kRowBlock);
    const double n = per_tile(column_blocks, grid.columns, kColumnBlock);
    // Time of the largest tile: its products, and its packing at 1/32 of their rate.
    const double cost = m * n + 32.0 * (m + n);
    if (rows > 1 && cost >= least) continue;
    least = cost;
    best = grid;
  }
  return best;
}

/// One tile: rows [i, i + m) and columns [j, j + n) of c.
template <class T>
bool multiply_tile(const ProductShape& tile, std::int64_t i, std::int64_t j, MatrixView<const T> a,
                   MatrixView<const T> b, const T* bias, MatrixView<T> c, Update update) {
  a.data += tile.transpose_a ? i : i * a.stride;
  b.data += tile.transpose_b ? j * b.stride : j;
  c.data += i * c.stride + j;
  bool accumulate = update == Update::accumulate;
  if (bias) {
    for (std::int64_t row = 0; row < tile.m; ++row) {
      T* const out = c.data + row * c.stride;
      for (std::int64_t column = 0; column < tile.n; ++column)
        out[column] = (accumulate ? out[column] : T(0)) + bias[j + column];
    }
    accumulate = true;
  }
  if (tile.k == 0) {  // nothing to add; oneDNN does not promise to clear c
    for (std::int64_t row = 0; row < tile.m && !accumulate; ++row)
      std::fill_n(c.data + row * c.stride, tile.n, T(0));
    return true;
  }
  return multiply(tile, a, b, c, accumulate);
}

template <class T>
void product(const Context& ctx, const ProductShape& p, MatrixView<const T> a,
             MatrixView<const T> b, const T* bias, MatrixView<T> c, Update update) {
  if (p.m == 0 || p.n == 0) return;
  const Grid grid = make_grid(p, ctx.threads());
  const std::int64_t row_blocks = (p.m + kRowBlock - 1) / kRowBlock;
  const std::int64_t column_blocks = (p.n + kColumnBlock - 1) / kColumnBlock;
  std::atomic<bool> failed = false;
  parallel_for(ctx, grid.rows * grid.columns, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t r = tile / grid.columns, s = tile % grid.columns;
      const std::int64_t i = row_blocks * r / grid.rows * kRowBlock;
      const std::int64_t j = column_blocks * s / grid.columns * kColumnBlock;
      ProductShape part = p;
      part.m = std::min(p.m, row_blocks * (r + 1) / grid.rows * kRowBlock) - i;
      part.n = std::min(p.n, column_blocks * (s + 1) / grid.columns * kColumnBlock) - j;
      if (!multiply_tile(part, i, j, a, b, bias, c, update)) failed = true;
    }
  });
  ORCHID_CHECK(!failed, "gemm: oneDNN refused ", p.m, " x ", p.n, " x ", p.k);
}

}  // namespace

void gemm(const Context& ctx, const ProductShape& p, MatrixView<const float> a,
          MatrixView<const float> b, const float* bias, MatrixView<float> c, Update update) {
  product(ctx, p, a, b, bias, c, update);
}

void gemm(const Context& ctx, const ProductShape& p, MatrixView<const double> a,
          MatrixView<const double> b, const double* bias, MatrixView<double> c, Update update) {
  product(ctx, p, a, b, bias, c, update);
}

}  // namespace orchid::cpu
