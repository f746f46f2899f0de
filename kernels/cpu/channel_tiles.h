#pragma once

#include <algorithm>

#include <omp.h>

#include "kernels/cpu/channel_pairs.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/parallel.h"

/// How the work of one op is divided among threads, scratch and vectors. A tile is several vectors
/// of pairs side by side: memory is read and written in long pieces of a row, because a piece of
/// 128 bytes in each of many pages costs several times as much.
namespace orchid::cpu {

/// Work of one op: `parts` (samples, or groups of them) times D channels, in tiles.
struct TilePlan {
  std::int64_t width, parts;
  std::int64_t work_size;  ///< complex vectors of scratch for each vector of pairs
  std::int64_t tile = 1;   ///< vectors of pairs in a tile
  double cost = 0;         ///< time of the busiest thread, in full vectors of pairs

  /// Scratch of a thread, at most, unless a single vector needs more.
  static constexpr std::int64_t kScratchBytes = 2 << 20;

  /// The largest tiles that keep the threads about equally busy.
  template <class V>
  static TilePlan choose(const Context& ctx, std::int64_t width, std::int64_t parts,
                         std::int64_t work_size);
  template <class V>
  std::int64_t vectors() const {
    constexpr std::int64_t kBlock = 2 * Tile<V, false>::kFull;
    return (width + kBlock - 1) / kBlock * Tile<V, false>::kParts;
  }
};

template <class V>
TilePlan TilePlan::choose(const Context& ctx, std::int64_t width, std::int64_t parts,
                          std::int64_t work_size) {
  TilePlan best{width, parts, work_size};
  const std::int64_t vectors = best.vectors<V>();
  const auto bytes = work_size * static_cast<std::int64_t>(sizeof(Complex<V>));
  const double speed = sizeof(V) == sizeof(Vec<Scalar<V>>) ? 1 : 0.6;
  const double ideal = speed * static_cast<double>(vectors * parts) / ctx.threads();
  for (std::int64_t tile = std::min(vectors, std::max<std::int64_t>(1, kScratchBytes / bytes));
       tile >= 1; --tile) {
    const std::int64_t items = (vectors + tile - 1) / tile * parts;
    const std::int64_t rounds = (items + ctx.threads() - 1) / ctx.threads();
    const double cost = speed * static_cast<double>(rounds * tile);
    if (best.cost == 0 || cost < 0.95 * best.cost) best.tile = tile, best.cost = cost;
    if (cost < 1.1 * ideal) break;
  }
  return best;
}

/// Calls body(plan, V{}) with the widest vector of T; for float, with the half where that keeps
/// more threads at work.
template <class T, class Body>
void with_tiles(const Context& ctx, std::int64_t width, std::int64_t parts, std::int64_t work_size,
                const Body& body) {
  const TilePlan plan = TilePlan::choose<Vec<T>>(ctx, width, parts, work_size);
  if constexpr (std::is_same_v<T, float> && kHalfVectorBytes < kVectorBytes) {
    const TilePlan half = TilePlan::choose<HalfVec<T>>(ctx, width, parts, work_size);
    if (half.cost < 0.9 * plan.cost) return body(half, HalfVec<T>{});
  }
  body(plan, Vec<T>{});
}

/// Complex vectors to transform that are worth waking a thread for.
inline constexpr std::int64_t kLeastWork = 2048;

/// Calls body(tile, part, work) for every tile and part, tiles of one part in order within a
/// thread. `work` is scratch for the call alone, work_size elements for each vector of the tile.
template <class V, class Body>
void for_each_tile(Context& ctx, const TilePlan& plan, const Body& body) {
  constexpr std::int64_t kOwn = kLanes<V>;
  const std::int64_t vectors = plan.vectors<V>(), tiles = (vectors + plan.tile - 1) / plan.tile;
  const std::int64_t items = tiles * plan.parts, size = plan.tile * plan.work_size;
  const auto threads = std::min<std::int64_t>(ctx.threads(), items);
  const Buffer buffer(ctx.memory(), static_cast<std::size_t>(threads * size) * sizeof(Complex<V>));
  parallel_for(ctx, items, 1 + kLeastWork / size, [&](std::int64_t begin, std::int64_t end) {
    auto* work = static_cast<Complex<V>*>(buffer.data()) + omp_get_thread_num() * size;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t part = item / tiles, first = item % tiles * plan.tile;
      const std::int64_t last = std::min(first + plan.tile, vectors);
      const auto is_whole = [&](std::int64_t v) {
        return Tile<V, false>{plan.width, v, 1}[0].second + kOwn <= plan.width;
      };
      std::int64_t whole = last;
      while (whole > first && !is_whole(whole - 1)) --whole;
      if (whole > first)
        body(Tile<V, false>{plan.width, first, static_cast<int>(whole - first)}, part, work);
      if (last > whole)
        body(Tile<V, true>{plan.width, whole, static_cast<int>(last - whole)}, part, work);
    }
  });
}

}  // namespace orchid::cpu
