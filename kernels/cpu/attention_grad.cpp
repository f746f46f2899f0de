#include "kernels/cpu/attention_tiles.h"
#include "kernels/cpu/math.h"
#include "kernels/ops/attention.h"

namespace orchid::ops {
namespace {

using cpu::kKeys;
using cpu::kQueries;

/// A thread's memory. `key_sums` rows of dk and of dv: those of a block, or of all keys.
template <class T>
struct Work {
  std::int64_t head;                 ///< channels of a head, in whole vectors
  T *q, *dy, *turned_q, *turned_dy;  ///< rows, and (channels, kQueries); q scaled
  T *k, *v;
  T *weights, *dscores;  ///< (keys, kQueries)
  T *logsumexp, *dot;    ///< of a query; dot = dy y
  T *dq, *dk, *dv;

  static std::int64_t size(std::int64_t head, std::int64_t key_sums) {
    return head * (5 * kQueries + 2 * kKeys + 2 * key_sums) + 2 * kQueries * (kKeys + 1);
  }
  Work(T* memory, std::int64_t head_size, std::int64_t key_sums) : head(head_size) {
    const auto take = [&](std::int64_t count) { return std::exchange(memory, memory + count); };
    for (T** const each : {&q, &dy, &turned_q, &turned_dy, &dq}) *each = take(kQueries * head);
    for (T** const each : {&k, &v}) *each = take(kKeys * head);
    for (T** const each : {&weights, &dscores}) *each = take(kKeys * kQueries);
    for (T** const each : {&logsumexp, &dot}) *each = take(kQueries);
    for (T** const each : {&dk, &dv}) *each = take(key_sums * head);
  }
};

/// The sums of a query block run over blocks of keys in order, those of a key block over blocks of
/// queries in order: the three ways below to go through the tiles of a head give the same bits.
template <class T>
struct Backward {
  const cpu::AttentionExtents& n;
  const cpu::KeptKeys& kept;
  const T *dy, *qkv, *y, *logsumexp;
  T* dqkv;

  /// All of a head of a sample.
  void whole(std::int64_t b, std::int64_t h, const Work<T>& work) const {
    for (std::int64_t first = 0; first < n.length; first += kQueries) {
      const std::int64_t count = load_queries(b, h, first, work);
      for (std::int64_t key = 0; key < kept.count(b); key += kKeys) {
        const std::int64_t keys = load_keys(b, h, key, work);
        make_tile(keys, work);
        add_dq(count, keys, key > 0, work);
        add_dk_dv(count, keys, first > 0, key, work);
      }
      write_dq(b, h, first, count, work);
    }
    write_dk_dv(b, h, 0, kept.count(b), work);
  }

  /// dq of the queries from `first` on.
  void queries(std::int64_t b, std::int64_t h, std::int64_t first, const Work<T>& work) const {
    const std::int64_t count = load_queries(b, h, first, work);
    for (std::int64_t key = 0; key < kept.count(b); key += kKeys) {
      const std::int64_t keys = load_keys(b, h, key, work);
      make_tile(keys, work);
      add_dq(count, keys, key > 0, work);
    }
    write_dq(b, h, first, count, work);
  }

  /// dk and dv of a block of the keys that count, from number `key` on.
  void keys(std::int64_t b, std::int64_t h, std::int64_t key, const Work<T>& work) const {
    if (key >= kept.count(b)) return;
    const std::int64_t keys = load_keys(b, h, key, work);
    for (std::int64_t first = 0; first < n.length; first += kQueries) {
      const std::int64_t count = load_queries(b, h, first, work);
      make_tile(keys, work);
      add_dk_dv(count, keys, first > 0, 0, work);
    }
    write_dk_dv(b, h, key, keys, work);
  }

 private:
  std::int64_t load_queries(std::int64_t b, std::int64_t h, std::int64_t first,
                            const Work<T>& work) const {
    const std::int64_t count = std::min(kQueries, n.length - first);
    const T scale = static_cast<T>(n.scale());
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t at = n.at(b, first + i, h);
      cpu::copy_row(qkv + n.at(b, first + i, h, 0), n.head(), work.q + i * work.head, scale);
      cpu::copy_row(dy + at, n.head(), work.dy + i * work.head);
      T dot = 0;
#pragma omp simd reduction(+ : dot)
      for (std::int64_t c = 0; c < n.head(); ++c) dot += dy[at + c] * y[at + c];
      work.dot[i] = dot;
      work.logsumexp[i] = logsumexp[(b * n.heads + h) * n.length + first + i];
    }
    for (T* const rows : {work.q, work.dy})
      std::fill(rows + count * work.head, rows + kQueries * work.head, T(0));
    for (T* const each : {work.dot, work.logsumexp}) std::fill(each + count, each + kQueries, T(0));
    cpu::transpose<T>({work.q, work.head}, kQueries, work.head, {work.turned_q, kQueries});
    cpu::transpose<T>({work.dy, work.head}, kQueries, work.head, {work.turned_dy, kQueries});
    return count;
  }

  std::int64_t load_keys(std::int64_t b, std::int64_t h, std::int64_t key,
                         const Work<T>& work) const {
    const std::int64_t count = std::min(kKeys, kept.count(b) - key);
    for (std::int64_t l = 0; l < count; ++l) {
      const std::int64_t from = n.at(b, kept.of(b)[key + l], h, 1);
      cpu::copy_row(qkv + from, n.head(), work.k + l * work.head);
      cpu::copy_row(qkv + from + n.width, n.head(), work.v + l * work.head);
    }
    return count;
  }

  /// The weights of the loaded keys for the loaded queries, and ds.
  void make_tile(std::int64_t keys, const Work<T>& work) const {
    cpu::product<T>(keys, kQueries, n.head(), {work.k, work.head, 1}, {work.turned_q, kQueries},
                    {work.weights, kQueries}, false);
    cpu::product<T>(keys, kQueries, n.head(), {work.v, work.head, 1}, {work.turned_dy, kQueries},
                    {work.dscores, kQueries}, false);
    const T *const log_sums = work.logsumexp, *const dot = work.dot;
    for (std::int64_t l = 0; l < keys; ++l) {
      T *const p = work.weights + l * kQueries, *const ds = work.dscores + l * kQueries;
#pragma omp simd
      for (std::int64_t i = 0; i < kQueries; ++i) {
        p[i] = cpu::math::exp(p[i] - log_sums[i]);
        ds[i] = p[i] * (ds[i] - dot[i]);
      }
    }
  }

  void add_dq(std::int64_t count, std::int64_t keys, bool accumulate, const Work<T>& work) const {
    cpu::product<T>(count, work.head, keys, {work.dscores, 1, kQueries}, {work.k, work.head},
                    {work.dq, work.head}, accumulate);
  }

  /// To rows `row` .. of the sums.
  void add_dk_dv(std::int64_t count, std::int64_t keys, bool accumulate, std::int64_t row,
                 const Work<T>& work) const {
    const std::int64_t at = row * work.head;
    cpu::product<T>(keys, work.head, count, {work.dscores, kQueries, 1}, {work.q, work.head},
                    {work.dk + at, work.head}, accumulate);
    cpu::product<T>(keys, work.head, count, {work.weights, kQueries, 1}, {work.dy, work.head},
                    {work.dv + at, work.head}, accumulate);
  }

  void write_dq(std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count,
                const Work<T>& work) const {
    const T scale = static_cast<T>(n.scale());
    for (std::int64_t i = 0; i < count; ++i) {
      T* const to = dqkv + n.at(b, first + i, h, 0);
      const T* const from = work.dq + i * work.head;
      if (kept.count(b) == 0) {
        std::fill_n(to, n.head(), T(0));
        continue;
      }
#pragma omp simd
      for (std::int64_t c = 0; c < n.head(); ++c) to[c] = scale * from[c];
    }
  }

  void write_dk_dv(std::int64_t b, std::int64_t h, std::int64_t key, std::int64_t keys,
                   const Work<T>& work) const {
    for (std::int64_t l = 0; l < keys; ++l) {
      T* const to = dqkv + n.at(b, kept.of(b)[key + l], h, 1);
      std::copy_n(work.dk + l * work.head, n.head(), to);
      std::copy_n(work.dv + l * work.head, n.head(), to + n.width);
    }
  }
};

/// dk and dv of the keys that do not count.
template <class T>
void clear_other_keys(const Context& ctx, const Tensor& mask, const cpu::AttentionExtents& n,
                      T* dqkv) {
  const auto* const counts = mask.data<std::uint8_t>();
  cpu::parallel_for(ctx, n.batch * n.length, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t l = begin; l < end; ++l)
      if (counts[l] == 0) std::fill_n(dqkv + n.at(0, l, 0, 1), 2 * n.width, T(0));
  });
}

/// Calls body(item, work) for every item.
template <class T, class Body>
void for_each_item(Context& ctx, const cpu::AttentionExtents& n, std::int64_t items,
                   std::int64_t key_sums, const Body& body) {
  const std::int64_t head = cpu::whole_vectors<T>(n.head()), size = Work<T>::size(head, key_sums);
  Tensor memory = ctx.empty({std::min<std::int64_t>(ctx.threads(), items), size}, dtype_of<T>());
  T* const all = memory.data<T>();
  cpu::parallel_for(ctx, items, 1, [&](std::int64_t begin, std::int64_t end) {
    const Work<T> work(all + omp_get_thread_num() * size, head, key_sums);
    for (std::int64_t item = begin; item < end; ++item) body(item, work);
  });
}

template <class T>
void run_backward(Context& ctx, const cpu::AttentionExtents& n, const Backward<T>& backward) {
  const std::int64_t parts = n.batch * n.heads, threads = ctx.threads();
  const std::int64_t query_blocks = n.query_blocks(), key_blocks = (n.length + kKeys - 1) / kKeys;
  const auto rounds = [&](std::int64_t items) { return (items + threads - 1) / threads; };
  // Five products a tile in one pass, or seven in two passes whose items are smaller.
  const std::int64_t tiles = query_blocks * key_blocks;
  if (5 * rounds(parts) * tiles <=
      3 * rounds(parts * query_blocks) * key_blocks + 4 * rounds(parts * key_blocks) * query_blocks)
    return for_each_item<T>(ctx, n, parts, n.length, [&](std::int64_t item, const Work<T>& work) {
      backward.whole(item / n.heads, item % n.heads, work);
    });
  for_each_item<T>(ctx, n, parts * query_blocks, 0, [&](std::int64_t item, const Work<T>& work) {
    const std::int64_t part = item / query_blocks;
    backward.queries(part / n.heads, part % n.heads, item % query_blocks * kQueries, work);
  });
  for_each_item<T>(ctx, n, parts * key_blocks, kKeys, [&](std::int64_t item, const Work<T>& work) {
    const std::int64_t part = item / key_blocks;
    backward.keys(part / n.heads, part % n.heads, item % key_blocks * kKeys, work);
  });
}

}  // namespace

void AttentionGrad::cpu(Context& ctx) const {
  const cpu::AttentionExtents n(y->shape(), heads);
  if (y->count() == 0) return;
  dispatch_float(qkv->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const cpu::KeptKeys kept(mask.tensor, n.batch, n.length);
    if (mask.defined()) clear_other_keys(ctx, *mask, n, dqkv->data<T>());
    run_backward(ctx, n,
                 Backward<T>{n, kept, dy->data<T>(), qkv->data<T>(), y->data<T>(),
                             logsumexp->data<T>(), dqkv->data<T>()});
  });
}

}  // namespace orchid::ops
