#include "kernels/ops/spectral.h"

#include <algorithm>

#include "kernels/cpu/interleave.h"
#include "kernels/cpu/parallel.h"

namespace orchid::ops {
namespace {

using cpu::for_each_vector;
using cpu::load;
using cpu::store;

/// Least elements worth a thread.
constexpr std::int64_t kGrain = 16384;

/// Calls body(row) for each of `rows` rows of `width` elements.
template <class Body>
void for_each_row(const Context& ctx, std::int64_t rows, std::int64_t width, const Body& body) {
  cpu::parallel_for(ctx, rows, kGrain / width + 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) body(row);
  });
}

/// Calls body(V{}, i) for vectors of all `count` elements, where they need not be seen as rows.
template <class T, class Body>
void for_each_element(const Context& ctx, std::int64_t count, const Body& body) {
  cpu::parallel_for(ctx, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for_each_vector<T>(begin, end, body);
  });
}

// --- Power ---------------------------------------------------------------------------------------

template <class T>
void power(const Context& ctx, const T* z, T* s, const Shape& shape, bool complex) {
  const std::int64_t width = shape.last();
  if (!complex) {
    return for_each_element<T>(ctx, shape.count(), [&](auto v, std::int64_t i) {
      const auto a = load<decltype(v)>(z + i);
      store(s + i, a < T{} ? -a : a);
    });
  }
  for_each_row(ctx, shape.rows(), width, [&](std::int64_t row) {
    const T *re = z + 2 * row * width, *im = re + width;
    T* const to = s + row * width;
    for_each_vector<T>(0, width, [&](auto v, std::int64_t i) {
      const auto a = load<decltype(v)>(re + i), b = load<decltype(v)>(im + i);
      store(to + i, a * a + b * b);
    });
  });
}

template <class T>
void power_grad(const Context& ctx, const T* ds, const T* z, T* dz, const Shape& shape,
                bool complex) {
  const std::int64_t width = shape.last();
  if (!complex) {
    return for_each_element<T>(ctx, shape.count(), [&](auto v, std::int64_t i) {
      const auto a = load<decltype(v)>(z + i), d = load<decltype(v)>(ds + i);
      store(dz + i, a > T{} ? d : (a < T{} ? -d : decltype(v){}));
    });
  }
  for_each_row(ctx, shape.rows(), width, [&](std::int64_t row) {
    const T *re = z + 2 * row * width, *im = re + width, *from = ds + row * width;
    T *const to_re = dz + 2 * row * width, *const to_im = to_re + width;
    for_each_vector<T>(0, width, [&](auto v, std::int64_t i) {
      const auto d = load<decltype(v)>(from + i) * T{2};
      store(to_re + i, d * load<decltype(v)>(re + i));
      store(to_im + i, d * load<decltype(v)>(im + i));
    });
  });
}

// --- Products ------------------------------------------------------------------------------------

template <class T>
void conjugate_product(const Context& ctx, const T* k, const T* q, T* y, const Shape& shape,
                       bool complex) {
  if (!complex) {
    return for_each_element<T>(ctx, shape.count(), [&](auto v, std::int64_t i) {
      store(y + i, load<decltype(v)>(k + i) * load<decltype(v)>(q + i));
    });
  }
  const std::int64_t width = shape.last() / 2;
  for_each_row(ctx, shape.rows(), width, [&](std::int64_t row) {
    const std::int64_t re = 2 * row * width, im = re + width;
    for_each_vector<T>(0, width, [&](auto v, std::int64_t i) {
      using V = decltype(v);
      const V kr = load<V>(k + re + i), ki = load<V>(k + im + i);
      const V qr = load<V>(q + re + i), qi = load<V>(q + im + i);
      store(y + re + i, kr * qr + ki * qi);
      store(y + im + i, kr * qi - ki * qr);
    });
  });
}

template <class T>
void conjugate_product_grad(const Context& ctx, const T* dy, const T* k, const T* q, T* dk, T* dq,
                            const Shape& shape, bool complex) {
  if (!complex) {
    return for_each_element<T>(ctx, shape.count(), [&](auto v, std::int64_t i) {
      const auto d = load<decltype(v)>(dy + i);
      const auto to_k = d * load<decltype(v)>(q + i), to_q = d * load<decltype(v)>(k + i);
      store(dk + i, to_k);
      store(dq + i, to_q);
    });
  }
  const std::int64_t width = shape.last() / 2;
  for_each_row(ctx, shape.rows(), width, [&](std::int64_t row) {
    const std::int64_t re = 2 * row * width, im = re + width;
    for_each_vector<T>(0, width, [&](auto v, std::int64_t i) {
      using V = decltype(v);
      const V dr = load<V>(dy + re + i), di = load<V>(dy + im + i);
      const V kr = load<V>(k + re + i), ki = load<V>(k + im + i);
      const V qr = load<V>(q + re + i), qi = load<V>(q + im + i);
      store(dk + re + i, dr * qr + di * qi);
      store(dk + im + i, dr * qi - di * qr);
      store(dq + re + i, dr * kr - di * ki);
      store(dq + im + i, dr * ki + di * kr);
    });
  });
}

// --- Selection -----------------------------------------------------------------------------------

/// Where one filter's channels lie in a row of z.
struct Selection {
  std::int64_t width;           ///< D
  std::int64_t re, im, stride;  ///< of the first channel's parts; between channels
  bool complex, pairs;          ///< pairs: re and im alternate and fill the row

  template <class Op>
  Selection(const Op& op, const Shape& one)
      : width(op.complex ? one.last() / 2 : one.last()),
        re(op.filter),
        im(width * op.filters + op.filter),
        stride(op.filters),
        complex(op.complex),
        pairs(op.complex && op.layout == ComplexLayout::interleaved && op.filters == 1) {
    if (!complex || op.layout == ComplexLayout::planar) return;
    re = 2 * op.filter;
    im = re + 1;
    stride = 2 * op.filters;
  }
  std::int64_t row_of_one() const { return complex ? 2 * width : width; }
};

template <class T>
void select(const Selection& at, const T* z, T* h) {
  if (at.pairs) {
    return for_each_vector<T>(0, at.width, [&](auto v, std::int64_t i) {
      using V = decltype(v);
      const auto parts = cpu::deinterleave(load<V>(z + 2 * i), load<V>(z + 2 * i + cpu::kLanes<V>));
      store(h + i, parts.first);
      store(h + at.width + i, parts.second);
    });
  }
  if (at.stride == 1) return void(std::copy_n(z, at.row_of_one(), h));
  for (std::int64_t d = 0; d < at.width; ++d) h[d] = z[at.re + d * at.stride];
  if (!at.complex) return;
  for (std::int64_t d = 0; d < at.width; ++d) h[at.width + d] = z[at.im + d * at.stride];
}

template <class T>
void place(const Selection& at, const T* dh, T* dz) {
  if (at.pairs) {
    return for_each_vector<T>(0, at.width, [&](auto v, std::int64_t i) {
      using V = decltype(v);
      const auto parts = cpu::interleave(load<V>(dh + i), load<V>(dh + at.width + i));
      store(dz + 2 * i, parts.first);
      store(dz + 2 * i + cpu::kLanes<V>, parts.second);
    });
  }
  if (at.stride == 1) return void(std::copy_n(dh, at.row_of_one(), dz));
  for (std::int64_t d = 0; d < at.width; ++d) dz[at.re + d * at.stride] = dh[d];
  if (!at.complex) return;
  for (std::int64_t d = 0; d < at.width; ++d) dz[at.im + d * at.stride] = dh[at.width + d];
}

}  // namespace

void Power::cpu(Context& ctx) const {
  dispatch_float(z->dtype(), [&](auto zero) {
    using T = decltype(zero);
    power(ctx, z->data<T>(), s->data<T>(), s->shape(), complex);
  });
}

void PowerGrad::cpu(Context& ctx) const {
  dispatch_float(z->dtype(), [&](auto zero) {
    using T = decltype(zero);
    power_grad(ctx, ds->data<T>(), z->data<T>(), dz->data<T>(), ds->shape(), complex);
  });
}

void ConjugateProduct::cpu(Context& ctx) const {
  dispatch_float(k->dtype(), [&](auto zero) {
    using T = decltype(zero);
    conjugate_product(ctx, k->data<T>(), q->data<T>(), y->data<T>(), k->shape(), complex);
  });
}

void ConjugateProductGrad::cpu(Context& ctx) const {
  dispatch_float(k->dtype(), [&](auto zero) {
    using T = decltype(zero);
    conjugate_product_grad(ctx, dy->data<T>(), k->data<T>(), q->data<T>(), dk->data<T>(),
                           dq->data<T>(), k->shape(), complex);
  });
}

void SelectFilter::cpu(Context& ctx) const {
  const Selection at(*this, h->shape());
  dispatch_float(z->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = z->data<T>();
    T* const to = h->data<T>();
    for_each_row(ctx, h->shape().rows(), at.row_of_one(), [&](std::int64_t row) {
      select(at, from + row * z->shape().last(), to + row * at.row_of_one());
    });
  });
}

void SelectFilterGrad::cpu(Context& ctx) const {
  const Selection at(*this, dh->shape());
  dispatch_float(dh->dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* const from = dh->data<T>();
    T* const to = dz->data<T>();
    for_each_row(ctx, dh->shape().rows(), at.row_of_one(), [&](std::int64_t row) {
      place(at, from + row * at.row_of_one(), to + row * dz->shape().last());
    });
  });
}

}  // namespace orchid::ops
