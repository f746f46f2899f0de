#include "train/parallel/data_parallel.h"

#include "kernels/ops/arithmetic.h"

namespace orchid::train {

DataParallel::DataParallel(Context& ctx, Communicator& comm, const ParallelConfig& config,
                           Arenas arenas)
    : ctx_(ctx),
      comm_(comm),
      config_(config),
      arenas_(std::move(arenas)),
      communicates_(comm.world() > 1 || std::string_view(comm.backend()) != "single") {}

Tensor DataParallel::part(const Tensor& arena, const Bucket& bucket) const {
  return arena.slice(bucket.offset, {bucket.count});
}

void DataParallel::backward_leaves(std::int64_t block) {
  if (!reducing_) return;
  const std::int64_t complete_from = arenas_.blocks.at(static_cast<std::size_t>(block));
  while (reduced_ < arenas_.buckets.size() && arenas_.buckets[reduced_].offset >= complete_from)
    reduce(reduced_++);
}

void DataParallel::reduce(std::size_t bucket) {
  const Bucket& place = arenas_.buckets[bucket];
  const std::string name = str("gradients ", bucket);
  Tensor whole = part(arenas_.gradients, place);
  Transfer transfer{.bucket = bucket};
  if (config_.gradients == GradientType::bf16) {
    transfer.rounded = ctx_.empty(whole.shape(), DType::bf16);
    run(ctx_, ops::Cast{.x = whole, .y = transfer.rounded});
    whole = transfer.rounded;
  }
  if (sharded()) {
    const Bucket shard = shard_of({0, place.count}, comm_.rank(), comm_.world());
    Tensor mine = part(whole, shard);
    transfer.ticket = comm_.begin_reduce_scatter(ctx_, whole, mine, Reduce::sum, name);
  } else {
    transfer.ticket = comm_.begin_all_reduce(ctx_, whole, Reduce::sum, name);
  }
  gradients_.push_back(std::move(transfer));
}

void DataParallel::complete(Transfer& transfer) {
  comm_.wait(ctx_, transfer.ticket);
  if (!transfer.rounded.defined()) return;
  const Bucket& place = arenas_.buckets[transfer.bucket];
  Tensor whole = part(arenas_.gradients, place);
  run(ctx_, ops::Cast{.x = transfer.rounded, .y = whole});
}

void DataParallel::finish_gradients(Tensor& score) {
  if (!communicates()) return;
  while (reduced_ < arenas_.buckets.size()) reduce(reduced_++);
  for (Transfer& transfer : gradients_) complete(transfer);
  gradients_.clear();
  reduced_ = 0;
  reducing_ = false;
  comm_.all_reduce(ctx_, score, Reduce::sum, "score");
}

void DataParallel::begin_values() {
  if (!sharded()) return;
  for (std::size_t i = arenas_.buckets.size(); i-- > 0;) {  // the first elements first
    const Bucket& place = arenas_.buckets[i];
    const Tensor mine = part(arenas_.values, shard_of(place, comm_.rank(), comm_.world()));
    Tensor whole = part(arenas_.values, place);
    const auto ticket = comm_.begin_all_gather(ctx_, mine, whole, str("values ", i));
    values_.insert(values_.begin(), {.ticket = ticket, .bucket = i});
  }
}

void DataParallel::complete_values_below(std::int64_t offset) {
  while (!values_.empty() && arenas_.buckets[values_.back().bucket].offset < offset) {
    comm_.wait(ctx_, values_.back().ticket);
    const Bucket& place = arenas_.buckets[values_.back().bucket];
    values_.pop_back();
    if (!arenas_.products.defined()) continue;
    Tensor rounded = part(arenas_.products, place);
    run(ctx_, ops::Cast{.x = part(arenas_.values, place), .y = rounded});
  }
}

void DataParallel::begin_forward() {
  complete_values_below(arenas_.blocks.empty() ? arenas_.values.count() : arenas_.blocks.front());
}

void DataParallel::forward_reaches(std::int64_t block) {
  const auto next = static_cast<std::size_t>(block) + 1;
  if (next >= arenas_.blocks.size()) return finish_values();
  complete_values_below(arenas_.blocks[next]);
}

void DataParallel::finish_values() {
  complete_values_below(arenas_.values.count());
}

}  // namespace orchid::train
