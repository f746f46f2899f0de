#include "kernels/ops/attention.h"

#include <limits>

#include "kernels/cpu/attention_tiles.h"
#include "kernels/cpu/math.h"

namespace orchid::ops {
namespace {

using cpu::kKeys;
using cpu::kQueries;

/// The softmax of scores (keys, kQueries), one block of keys after another: each query's largest
/// score so far and the sum of exp(score - largest).
template <class T>
struct RunningSoftmax {
  T largest[kQueries], total[kQueries];

  void clear() {
    std::fill_n(largest, kQueries, std::numeric_limits<T>::lowest());  // finite: no inf - inf
    std::fill_n(total, kQueries, T(0));
  }

  /// scores = exp(scores - the largest so far); factor[i] = what older terms of query i are worth.
  void add(T* scores, std::int64_t keys, T* factor) {
    T next[kQueries], sum[kQueries] = {};
    std::copy_n(largest, kQueries, next);
    for (std::int64_t l = 0; l < keys; ++l) {
      const T* const row = scores + l * kQueries;
#pragma omp simd
      for (std::int64_t i = 0; i < kQueries; ++i) next[i] = next[i] < row[i] ? row[i] : next[i];
    }
    for (std::int64_t l = 0; l < keys; ++l) {
      T* const row = scores + l * kQueries;
#pragma omp simd
      for (std::int64_t i = 0; i < kQueries; ++i) {
        row[i] = cpu::math::exp(row[i] - next[i]);
        sum[i] += row[i];
      }
    }
#pragma omp simd
    for (std::int64_t i = 0; i < kQueries; ++i) {
      factor[i] = cpu::math::exp(largest[i] - next[i]);
      total[i] = total[i] * factor[i] + sum[i];
      largest[i] = next[i];
    }
  }
};

/// A thread's memory: what one block of queries needs, whatever the length.
template <class T>
struct Work {
  std::int64_t head;  ///< channels of a head, in whole vectors
  T *turned, *rows, *k, *v, *scores, *result;

  static std::int64_t size(std::int64_t head) {
    return head * (3 * kQueries + 2 * kKeys) + kKeys * kQueries;
  }
  Work(T* memory, std::int64_t head_size)
      : head(head_size),
        turned(memory),
        rows(turned + head * kQueries),
        k(rows + kQueries * head),
        v(k + kKeys * head),
        scores(v + kKeys * head),
        result(scores + kKeys * kQueries) {}
};

template <class T>
struct Forward {
  const cpu::AttentionExtents& n;
  const cpu::KeptKeys& kept;
  const T* qkv;
  T *y, *logsumexp;

  /// Queries [first, first + count) of a head of a sample.
  void block(std::int64_t b, std::int64_t h, std::int64_t first, const Work<T>& work) const {
    const std::int64_t count = std::min(kQueries, n.length - first), keys = kept.count(b);
    load_queries(b, h, first, count, work);
    RunningSoftmax<T> softmax;
    softmax.clear();
    for (std::int64_t done = 0; done < keys; done += kKeys) {
      const std::int64_t here = std::min(kKeys, keys - done);
      for (std::int64_t l = 0; l < here; ++l) {
        const std::int64_t from = n.at(b, kept.of(b)[done + l], h, 1);
        cpu::copy_row(qkv + from, n.head(), work.k + l * work.head);
        cpu::copy_row(qkv + from + n.width, n.head(), work.v + l * work.head);
      }
      cpu::product<T>(here, kQueries, n.head(), {work.k, work.head, 1}, {work.turned, kQueries},
                      {work.scores, kQueries}, false);
      T factor[kQueries];
      softmax.add(work.scores, here, factor);
      for (std::int64_t i = 0; i < count && done > 0; ++i)
        cpu::copy_row(work.result + i * work.head, work.head, work.result + i * work.head,
                      factor[i]);
      cpu::product<T>(count, work.head, here, {work.scores, 1, kQueries}, {work.v, work.head},
                      {work.result, work.head}, done > 0);
    }
    finish(b, h, first, count, softmax, work);
  }

 private:
  /// q / sqrt(d), turned: (channels, kQueries).
  void load_queries(std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count,
                    const Work<T>& work) const {
    const T scale = static_cast<T>(n.scale());
    for (std::int64_t i = 0; i < count; ++i)
      cpu::copy_row(qkv + n.at(b, first + i, h, 0), n.head(), work.rows + i * work.head, scale);
    std::fill(work.rows + count * work.head, work.rows + kQueries * work.head, T(0));
    cpu::transpose<T>({work.rows, work.head}, kQueries, work.head, {work.turned, kQueries});
  }

  void finish(std::int64_t b, std::int64_t h, std::int64_t first, std::int64_t count,
              const RunningSoftmax<T>& softmax, const Work<T>& work) const {
    T* const log_sums = logsumexp + (b * n.heads + h) * n.length + first;
    for (std::int64_t i = 0; i < count; ++i) {
      T* const to = y + n.at(b, first + i, h);
      if (kept.count(b) == 0) {
        std::fill_n(to, n.head(), T(0));
        log_sums[i] = -std::numeric_limits<T>::infinity();
        continue;
      }
      const T share = T(1) / softmax.total[i], *const from = work.result + i * work.head;
#pragma omp simd
      for (std::int64_t c = 0; c < n.head(); ++c) to[c] = share * from[c];
      log_sums[i] = softmax.largest[i] + std::log(softmax.total[i]);
    }
  }
};

}  // namespace

void Attention::cpu(Context& ctx) const {
  const cpu::AttentionExtents n(y->shape(), heads);
  if (y->count() == 0) return;
  dispatch_float(qkv->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const cpu::KeptKeys kept(mask.tensor, n.batch, n.length);
    const Forward<T> forward{n, kept, qkv->data<T>(), y->data<T>(), logsumexp->data<T>()};
    const std::int64_t head = cpu::whole_vectors<T>(n.head()), size = Work<T>::size(head);
    const std::int64_t blocks = n.query_blocks(), items = n.batch * n.heads * blocks;
    Tensor memory = ctx.empty({std::min<std::int64_t>(ctx.threads(), items), size}, dtype_of<T>());
    T* const all = memory.data<T>();
    cpu::parallel_for(ctx, items, 1, [&](std::int64_t begin, std::int64_t end) {
      const Work<T> work(all + omp_get_thread_num() * size, head);
      for (std::int64_t item = begin; item < end; ++item)
        forward.block(item / blocks / n.heads, item / blocks % n.heads, item % blocks * kQueries,
                      work);
    });
  });
}

}  // namespace orchid::ops
