#pragma once

#include "kernels/cuda/device/async_copy.cuh"
#include "kernels/cuda/device/conv_norm_runs.cuh"

/// What runs read, on its way in shared memory: each thread has slots for its packs of some groups
/// of R rows, and nobody else looks at them.
namespace orchid::cuda {

inline constexpr int kAhead = 3;  ///< groups on their way while one is computed

/// The rows of x.
template <class Rows, class Pack, int R>
struct RowRing {
  using T = typename Rows::Element;
  static constexpr int V = Pack::V, kParts = Rows::kParts, kGroups = kAhead + 1;
  static constexpr int kBytes = kGroups * R * kParts * V * int{sizeof(T)};  ///< of each thread
  const T* from;  ///< this thread's pack of position 0
  T* own;
  int pitch, x_stride, width;

  __device__ RowRing(const Rows& source, const RunThread<Pack>& at, const Run& run, void* shared)
      : from(source.x + run.row * source.x_stride + at.group),
        own(static_cast<T*>(shared) + at.thread * V),
        pitch(at.threads * V),
        x_stride(static_cast<int>(source.x_stride)),
        width(static_cast<int>(source.width)) {}
  __device__ T* slot(int i, int r, int part) const {
    return own + ((i % kGroups * R + r) * kParts + part) * pitch;
  }
  __device__ const T* element(int position, int part) const {
    return from + std::int64_t{position} * x_stride + part * width;
  }
  /// Starts the copies of group i: the rows from `position` on.
  __device__ void start(const Run& run, int position, int i) const {
#pragma unroll
    for (int r = 0; r < R; ++r) {
      if (!run.has(position + r)) continue;
#pragma unroll
      for (int part = 0; part < kParts; ++part)
        copy_async<V * sizeof(T)>(slot(i, r, part), element(position + r, part));
    }
  }
  /// These rows, which have come; zeros outside the sample.
  __device__ void take(const Run& run, int position, int i, float (*z)[kParts * V]) const {
#pragma unroll
    for (int r = 0; r < R; ++r)
      read(run.has(position + r), z[r], [&](int part) { return slot(i, r, part); });
  }
  /// One row, from memory.
  __device__ void load_row(const Run& run, int position, float (&z)[kParts * V]) const {
    read(run.has(position), z, [&](int part) { return element(position, part); });
  }

 private:
  template <class From>
  static __device__ void read(bool there, float (&z)[kParts * V], const From& from) {
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      float pack[V] = {};
      if (there) load_pack(static_cast<const T*>(from(part)), pack);
#pragma unroll
      for (int v = 0; v < V; ++v) z[part * V + v] = pack[v];
    }
  }
};

/// dy, likewise, of a run's rows and one on each side.
template <class Pack, int R>
struct OutputRing {
  static constexpr int kGroups = kAhead + 1, kBytes = kGroups * R * int{sizeof(float4)};
  const float* from;  ///< the sample's row of position 0
  float4* own;
  int pitch, outputs, first, second;  ///< columns of both halves of a pack

  template <class Rows>
  __device__ OutputRing(const Layer<Rows>& layer, const float* dy, const RunThread<Pack>& at,
                        const Run& run, void* shared)
      : from(dy + run.row * layer.outputs()),
        own(static_cast<float4*>(shared) + at.thread),
        pitch(at.threads),
        outputs(layer.outputs()),
        first(layer.planar ? at.group : at.co),
        second(layer.planar ? layer.groups + at.group : at.co + 2) {}
  __device__ float* slot(int i, int r) const {
    return reinterpret_cast<float*>(own + (i % kGroups * R + r) * pitch);
  }
  __device__ void start(const Run& run, int position, int i) const {
#pragma unroll
    for (int r = 0; r < R; ++r) {
      if (!run.has_near(position + r)) continue;
      const float* const row = from + std::int64_t{position + r} * outputs;
      if constexpr (Pack::kOut == 1) {
        copy_async<16>(slot(i, r), row + first);
      } else {
        copy_async<8>(slot(i, r), row + first);
        copy_async<8>(slot(i, r) + 2, row + second);
      }
    }
  }
  __device__ void take(const Run& run, int position, int i, float (*dy)[4]) const {
#pragma unroll
    for (int r = 0; r < R; ++r) {
      float all[4] = {};
      if (run.has_near(position + r)) load(slot(i, r), all);
      const bool planar = Pack::kOut == 2 && second != first + 2;
#pragma unroll
      for (int k = 0; k < 4; ++k) dy[r][k] = planar ? all[k % 2 * 2 + k / 2] : all[k];
    }
  }
};

/// The convolution of a pack, its parameters in registers.
template <class Rows, class Pack>
struct RunConv {
  static constexpr int N = Pack::kSize, kWindow = Rows::kParts * Pack::V;
  float weight[N * 3], bias[N];

  __device__ RunConv(const Layer<Rows>& layer, int co) : bias{} {
    load(layer.weight + std::int64_t{co} * 3, weight);
    if (layer.bias) load(layer.bias + co, bias);
  }
  /// s of output k as row z has it.
  static __device__ float value(const float (&z)[kWindow], int k) {
    return Rows::value(z, k / Pack::kOut);
  }
  /// u of output k of the row in the middle of three.
  __device__ float operator()(const float (*z)[kWindow], int k) const {
    float u = bias[k];
#pragma unroll
    for (int j = 0; j < 3; ++j) u += weight[k * 3 + j] * value(z[j], k);
    return u;
  }
};

}  // namespace orchid::cuda
