#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "train/comm/exchange.h"

namespace orchid::train {
namespace {

using Piece = Exchange::Piece;

/// Most bytes of a rank's own operand in one exchange: bounds the memory beside it.
constexpr std::int64_t kChunkBytes = std::int64_t{16} << 20;
/// Up to here everyone sends all to all, which takes one exchange instead of two.
constexpr std::int64_t kDirectBytes = std::int64_t{16} << 10;
constexpr std::int64_t kBlock = 512;

template <class T>
struct Sum {
  using type = T;
};
template <>
struct Sum<Bfloat16> {
  using type = float;
};

template <class A>
A combine(A a, A b, Reduce reduce) {
  if constexpr (std::is_integral_v<A>) {  // a sum beyond the type wraps, as on a GPU
    using U = std::make_unsigned_t<A>;
    return reduce == Reduce::sum ? static_cast<A>(static_cast<U>(a) + static_cast<U>(b))
                                 : std::max(a, b);
  } else {
    if (reduce == Reduce::sum) return a + b;
    return a >= b || a != a ? a : b;  // NaN stays
  }
}

/// out = elements [at, at + count) of parts first ... last - 1, in a pairwise tree: a block of a
/// power of two of them, then the rest.
template <class T, class A>
void combine_tree(std::span<const T* const> parts, std::int64_t at, std::int64_t count,
                  Reduce reduce, A* out) {
  if (parts.size() == 1) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<A>(parts[0][at + i]);
    return;
  }
  const std::size_t half = std::bit_ceil(parts.size()) / 2;
  std::array<A, kBlock> right;
  combine_tree<T, A>(parts.first(half), at, count, reduce, out);
  combine_tree<T, A>(parts.subspan(half), at, count, reduce, right.data());
  for (std::int64_t i = 0; i < count; ++i)
    out[i] = combine(out[i], right[static_cast<std::size_t>(i)], reduce);
}

class HostCommunicator final : public Communicator {
 public:
  explicit HostCommunicator(std::unique_ptr<Exchange> exchange)
      : Communicator(exchange->rank(), exchange->world()), exchange_(std::move(exchange)) {}
  const char* backend() const override { return exchange_->backend(); }

 private:
  struct Range {
    std::int64_t first = 0, count = 0;  ///< elements
  };

  void start(Context&, const CommCall& call) override { run(call); }
  void finish(Context&, const CommCall&) override {}
  void run_on_host(const CommCall& call) override { run(call); }
  void announce(const std::string& reason) override { exchange_->announce(reason); }

  void run(const CommCall&);
  template <class T>
  void all_reduce(const CommCall&, Range);
  template <class T>
  void all_reduce_directly(const CommCall&, Range);
  template <class T>
  void reduce_scatter(const CommCall&, Range);
  void all_gather(const CommCall&, Range);
  void broadcast(const CommCall&, Range);
  /// After every rank has its own slice of the range in `out`.
  void gather_slices(const CommCall&, Range);

  /// Slice `rank` of a range that is cut in `world` nearly equal parts.
  Range slice(Range, int rank) const;
  static Piece piece(const Tensor&, Range);
  /// `count` elements for what each rank sends; where the pieces of `own` stand in for this rank's.
  template <class T>
  std::vector<const T*> receive_into_scratch(std::int64_t count, const T* own,
                                             std::vector<Piece>& receive);
  template <class T>
  void combine_into(T* out, std::span<const T* const> parts, std::int64_t count, Reduce) const;

  std::unique_ptr<Exchange> exchange_;
  std::vector<std::byte> scratch_;
};

HostCommunicator::Range HostCommunicator::slice(Range whole, int rank) const {
  const std::int64_t begin = whole.count * rank / world();
  return {whole.first + begin, whole.count * (rank + 1) / world() - begin};
}

Piece HostCommunicator::piece(const Tensor& tensor, Range range) {
  Tensor handle = tensor;
  const std::size_t size = size_of(tensor.dtype());
  return {static_cast<std::byte*>(handle.raw()) + static_cast<std::size_t>(range.first) * size,
          static_cast<std::size_t>(range.count) * size};
}

template <class T>
std::vector<const T*> HostCommunicator::receive_into_scratch(std::int64_t count, const T* own,
                                                             std::vector<Piece>& receive) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
  scratch_.resize(std::max(scratch_.size(), bytes * static_cast<std::size_t>(world())));
  std::vector<const T*> parts(static_cast<std::size_t>(world()));
  for (std::size_t r = 0; r < parts.size(); ++r) {
    receive[r] = {scratch_.data() + r * bytes, bytes};
    parts[r] = reinterpret_cast<const T*>(receive[r].data);
  }
  parts[static_cast<std::size_t>(rank())] = own;
  return parts;
}

template <class T>
void HostCommunicator::combine_into(T* out, std::span<const T* const> parts, std::int64_t count,
                                    Reduce reduce) const {
  using A = typename Sum<T>::type;
  std::array<A, kBlock> sums;
  for (std::int64_t at = 0; at < count; at += kBlock) {
    const std::int64_t some = std::min(kBlock, count - at);
    combine_tree<T, A>(parts, at, some, reduce, sums.data());
    for (std::int64_t i = 0; i < some; ++i)
      out[at + i] = static_cast<T>(sums[static_cast<std::size_t>(i)]);
  }
}

template <class T>
void HostCommunicator::all_reduce_directly(const CommCall& call, Range range) {
  std::vector<Piece> send(static_cast<std::size_t>(world()), piece(call.in, range));
  std::vector<Piece> receive(send.size());
  T* own = reinterpret_cast<T*>(send[0].data);
  const auto parts = receive_into_scratch<T>(range.count, own, receive);
  exchange_->exchange(describe(call), send, receive);
  combine_into<T>(own, parts, range.count, call.reduce);
}

template <class T>
void HostCommunicator::all_reduce(const CommCall& call, Range range) {
  if (static_cast<std::size_t>(range.count) * sizeof(T) <= kDirectBytes)
    return all_reduce_directly<T>(call, range);
  std::vector<Piece> send(static_cast<std::size_t>(world())), receive(send.size());
  for (int r = 0; r < world(); ++r)
    send[static_cast<std::size_t>(r)] = piece(call.in, slice(range, r));
  const Range mine = slice(range, rank());
  T* own = reinterpret_cast<T*>(piece(call.in, mine).data);
  const auto parts = receive_into_scratch<T>(mine.count, own, receive);
  exchange_->exchange(describe(call), send, receive);
  combine_into<T>(own, parts, mine.count, call.reduce);
  gather_slices(call, range);
}

template <class T>
void HostCommunicator::reduce_scatter(const CommCall& call, Range range) {
  const std::int64_t part = call.out.count();
  std::vector<Piece> send(static_cast<std::size_t>(world())), receive(send.size());
  for (int r = 0; r < world(); ++r)
    send[static_cast<std::size_t>(r)] = piece(call.in, {r * part + range.first, range.count});
  const T* own = reinterpret_cast<const T*>(send[static_cast<std::size_t>(rank())].data);
  const auto parts = receive_into_scratch<T>(range.count, own, receive);
  exchange_->exchange(describe(call), send, receive);
  combine_into<T>(reinterpret_cast<T*>(piece(call.out, range).data), parts, range.count,
                  call.reduce);
}

void HostCommunicator::all_gather(const CommCall& call, Range range) {
  const std::int64_t part = call.in.count();
  std::vector<Piece> send(static_cast<std::size_t>(world()), piece(call.in, range));
  std::vector<Piece> receive(send.size());
  for (int r = 0; r < world(); ++r)
    receive[static_cast<std::size_t>(r)] = piece(call.out, {r * part + range.first, range.count});
  exchange_->exchange(describe(call), send, receive);
  const Piece own = receive[static_cast<std::size_t>(rank())];
  if (own.data != send[0].data) std::memcpy(own.data, send[0].data, own.bytes);
}

void HostCommunicator::gather_slices(const CommCall& call, Range range) {
  std::vector<Piece> send(static_cast<std::size_t>(world()), piece(call.out, slice(range, rank())));
  std::vector<Piece> receive(send.size());
  for (int r = 0; r < world(); ++r)
    receive[static_cast<std::size_t>(r)] = piece(call.out, slice(range, r));
  exchange_->exchange(describe(call), send, receive);
}

/// The root gives every rank a slice, then all give theirs to all: no rank sends everything to all.
void HostCommunicator::broadcast(const CommCall& call, Range range) {
  std::vector<Piece> send(static_cast<std::size_t>(world())), receive(send.size());
  if (rank() == call.root) {
    for (int r = 0; r < world(); ++r)
      send[static_cast<std::size_t>(r)] = piece(call.out, slice(range, r));
  } else {
    receive[static_cast<std::size_t>(call.root)] = piece(call.out, slice(range, rank()));
  }
  exchange_->exchange(describe(call), send, receive);
  gather_slices(call, range);
}

void HostCommunicator::run(const CommCall& call) {
  if (call.kind == CallKind::barrier) {
    const std::vector<Piece> nothing(static_cast<std::size_t>(world()));
    return exchange_->exchange(describe(call), nothing, nothing);
  }
  const bool scatters = call.kind == CallKind::reduce_scatter;
  const std::int64_t count = scatters ? call.out.count() : call.in.count();
  const std::int64_t chunk = kChunkBytes / static_cast<std::int64_t>(size_of(call.in.dtype()));
  // A reduce_scatter has the parts of all ranks in one exchange, and as much beside them.
  const std::int64_t most = scatters ? std::max<std::int64_t>(1, chunk / world()) : chunk;
  for (std::int64_t at = 0; at < count; at += most) {
    const Range range{at, std::min(most, count - at)};
    if (call.kind == CallKind::all_gather) {
      all_gather(call, range);
    } else if (call.kind == CallKind::broadcast) {
      broadcast(call, range);
    } else {
      dispatch_any(call.in.dtype(), [&](auto zero) {
        using T = decltype(zero);
        if (scatters) {
          reduce_scatter<T>(call, range);
        } else {
          all_reduce<T>(call, range);
        }
      });
    }
  }
}

}  // namespace

std::unique_ptr<Communicator> make_host_communicator(std::unique_ptr<Exchange> exchange) {
  return std::make_unique<HostCommunicator>(std::move(exchange));
}

}  // namespace orchid::train
