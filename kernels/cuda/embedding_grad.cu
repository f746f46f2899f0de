#include "kernels/cuda/device/matrix_columns.cuh"
#include "kernels/cuda/device/stable_order.cuh"
#include "kernels/ops/embedding.h"

namespace orchid::ops {
namespace {

using namespace orchid::cuda;

// Positions are sorted by token, so that each row of the table gains the sum of one run of rows of
// dy. Blocks take equal chunks of the sorted positions, however long the runs are: a run inside one
// chunk goes to the table at once; the parts of longer ones are added in order by a second kernel.

constexpr int kChunk = 64;   ///< sorted positions of a block
constexpr int kBlock = 128;  ///< threads over columns

/// Tokens that gain nothing become `vocabulary`, behind all others.
__global__ void __launch_bounds__(256)
    make_keys(const std::int32_t* ids, std::int64_t n, int vocabulary, std::int64_t padding_id,
              int* keys) {
  const std::int64_t i = grid_thread();
  if (i >= n) return;
  const int id = ids[i];
  keys[i] = id < 0 || id >= vocabulary || id == padding_id ? vocabulary : id;
}

struct Runs {
  const int* keys;    ///< ascending
  const int* places;  ///< rows of dy
  std::int64_t count, chunks, width;
  int vocabulary;
  float* heads;  ///< (chunks, width): of the run that began in an earlier chunk
  float* tails;  ///< (chunks, width): of the run that began here and goes on
  float* table;  ///< (V, width)

  __device__ bool goes_on_after(std::int64_t last) const {
    return last + 1 < count && keys[last + 1] == keys[last];
  }
  __device__ bool began_before(std::int64_t first) const {
    return first > 0 && keys[first - 1] == keys[first];
  }
};

/// Grid: chunks, and blocks of kBlock * V columns.
template <class T, int V>
__global__ void __launch_bounds__(kBlock) sum_chunks(const T* dy, Runs s) {
  const std::int64_t chunk = blockIdx.x, first = chunk * kChunk;
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.y) * kBlock + threadIdx.x) * V;
  const std::int64_t end = first + kChunk < s.count ? first + kChunk : s.count;
  if (c >= s.width) return;
  float sum[V] = {};
  bool continued = s.began_before(first);
  for (std::int64_t i = first; i < end; ++i) {
    const int key = s.keys[i];
    if (key == s.vocabulary) return;  // so are all that follow
    float row[V];
    load(dy + s.places[i] * s.width + c, row);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += row[v];
    const bool goes_on = s.goes_on_after(i);
    if (goes_on && i + 1 < end) continue;
    float* const to = continued ? s.heads + chunk * s.width
                      : goes_on ? s.tails + chunk * s.width
                                : s.table + key * s.width;
    if (!continued && !goes_on) {
      load(to + c, row);
#pragma unroll
      for (int v = 0; v < V; ++v) sum[v] += row[v];
    }
    store(to + c, sum);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] = 0;
    continued = false;
  }
}

/// A run that begins in this chunk and goes on: its tail and the heads of the chunks that follow.
template <int V>
__global__ void __launch_bounds__(kBlock) join_runs(Runs s) {
  const std::int64_t c = (static_cast<std::int64_t>(blockIdx.y) * kBlock + threadIdx.x) * V;
  std::int64_t chunk = blockIdx.x, last = (chunk + 1) * kChunk - 1;
  if (c >= s.width || last >= s.count || !s.goes_on_after(last)) return;
  const int key = s.keys[last];
  const std::int64_t first = chunk * kChunk;
  const bool begins_here = s.keys[first] != key || !s.began_before(first);
  if (key == s.vocabulary || !begins_here) return;
  float sum[V], part[V];
  load(s.tails + chunk * s.width + c, sum);
  for (bool goes_on = true; goes_on;) {
    load(s.heads + ++chunk * s.width + c, part);
#pragma unroll
    for (int v = 0; v < V; ++v) sum[v] += part[v];
    last += kChunk;
    goes_on = last < s.count && s.keys[last] == key && s.goes_on_after(last);
  }
  load(s.table + key * s.width + c, part);
#pragma unroll
  for (int v = 0; v < V; ++v) part[v] += sum[v];
  store(s.table + key * s.width + c, part);
}

template <class T>
void add_to_tokens(Context& ctx, const EmbeddingGrad& op) {
  const std::int64_t count = op.ids->count(), width = op.dtokens->shape()[1];
  const int vocabulary = static_cast<int>(op.dtokens->shape()[0]);
  const cudaStream_t stream = stream_of(ctx);
  Tensor keys = ctx.empty({count}, DType::i32);
  launch({.grid = blocks_for(count, 256), .block = 256, .stream = stream, .name = op.name},
         make_keys, elements<std::int32_t>(*op.ids), count, vocabulary, op.padding_id,
         elements<int>(keys));
  Sorted sorted = sort_stable(ctx, op.name, keys, vocabulary);
  const std::int64_t chunks = (count + kChunk - 1) / kChunk;
  Tensor heads = ctx.empty({chunks, width}, DType::f32);
  Tensor tails = ctx.empty({chunks, width}, DType::f32);
  const T* const dy = elements<T>(*op.dy);
  const Runs runs{elements<int>(sorted.keys),
                  elements<int>(sorted.places),
                  count,
                  chunks,
                  width,
                  vocabulary,
                  elements<float>(heads),
                  elements<float>(tails),
                  elements<float>(*op.dtokens)};
  const bool vectors = vectorizable<float>(width, dy, runs.table);
  const LaunchConfig config{
      .grid = dim3(static_cast<unsigned>(chunks), blocks_for(width, kBlock, vectors ? 4 : 1)),
      .block = kBlock,
      .stream = stream,
      .name = op.name};
  launch(config, vectors ? sum_chunks<T, 4> : sum_chunks<T, 1>, dy, runs);
  launch(config, vectors ? join_runs<4> : join_runs<1>, runs);
}

/// dy where its segment is `first`, and where it is first + 1.
template <class T>
struct TypeColumns {
  const T* dy;
  const std::int32_t* segments;  ///< null: 0 everywhere
  std::int64_t width;
  int first;

  template <int V>
  __device__ void operator()(std::int64_t r, std::int64_t c, float (&out)[2][V]) const {
    float row[V];
    load(dy + r * width + c, row);
    const int type = (segments ? segments[r] : 0) - first;
#pragma unroll
    for (int v = 0; v < V; ++v) {
      out[0][v] = type == 0 ? row[v] : 0.0f;
      out[1][v] = type == 1 ? row[v] : 0.0f;
    }
  }
};

template <class T>
void add_to_types(Context& ctx, const EmbeddingGrad& op) {
  const std::int64_t width = op.dtypes->shape()[1], types = op.dtypes->shape()[0];
  const T* const dy = elements<T>(*op.dy);
  const auto* const segments =
      op.segments.defined() ? elements<std::int32_t>(*op.segments) : nullptr;
  float* const sums = elements<float>(*op.dtypes);
  const bool vectors = vectorizable<float>(width, dy, sums);
  const std::int64_t used = segments ? types : 1;
  for (std::int64_t type = 0; type < used; type += 2) {
    float* const second = type + 1 < used ? sums + (type + 1) * width : nullptr;
    accumulate_columns<2>(ctx, op.name, TypeColumns<T>{dy, segments, width, static_cast<int>(type)},
                          op.ids->count(), width, {{sums + type * width, second}}, vectors);
  }
}

}  // namespace

void EmbeddingGrad::cuda(Context& ctx) const {
  if (dy->count() == 0) return;
  ORCHID_CHECK(ids->count() <= INT32_MAX, name, ": ids: at most 2^31 positions on a GPU, got ",
               ids->count());
  dispatch_cuda_float(dy->dtype(), [&](auto zero) {
    using T = decltype(zero);
    add_to_tokens<T>(ctx, *this);
    if (dtypes.defined()) add_to_types<T>(ctx, *this);
    if (!dpositions.defined()) return;
    // Column sums of dy as a matrix of B rows: the first L rows of the table, one after another.
    const std::int64_t columns = ids->shape()[1] * dpositions->shape()[1];
    add_column_sums_of(ctx, name, elements<T>(*dy), ids->shape()[0], columns, columns,
                       elements<float>(*dpositions));
  });
}

}  // namespace orchid::ops
