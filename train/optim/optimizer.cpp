#include "train/optim/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "kernels/ops/adamw.h"
#include "kernels/ops/arithmetic.h"
#include "train/optim/pattern.h"

namespace orchid::train {
namespace {

/// Parameters begin at multiples of this many elements: 64 bytes of float32. The gaps stay zero.
constexpr std::int64_t kAlignment = 16;

std::int64_t aligned(std::int64_t count) {
  return (count + kAlignment - 1) / kAlignment * kAlignment;
}

/// Number of the encoder block a parameter belongs to; -1: of none.
std::int64_t block_of(const std::string& path) {
  constexpr std::string_view kBlocks = "encoder.layers.";
  const std::size_t at = path.find(kBlocks);
  if (at == std::string::npos) return -1;
  return std::stoll(path.substr(at + kBlocks.size()));
}

/// What is trained after the blocks: it keeps its rate.
bool after_blocks(const std::string& path) {
  return path.starts_with("head.") || path.starts_with("encoder.norm") || path.starts_with("norm.");
}

}  // namespace

Optimizer::Optimizer(Context& ctx, const OptimizerConfig& config, const VisitParameters& visit,
                     const EmaConfig& ema, const Sharing& sharing)
    : config_(config), ema_(ema), sharing_(sharing) {
  collect(visit);
  if (config_.layer_decay != 1) decay_layers();
  cut();
  build(ctx, visit);
}

void Optimizer::collect(const VisitParameters& visit) {
  visit({[&](const std::string& path, model::Parameter& parameter) {
           OptimizedParameter entry{path, parameter.value.shape(), arena_count_,
                                    config_.learning_rate, config_.weight_decay};
           for (const OptimizerGroupConfig& group : config_.groups)
             if (matches(group.match, path)) {
               entry.learning_rate = group.learning_rate.value_or(entry.learning_rate);
               entry.weight_decay = group.weight_decay.value_or(entry.weight_decay);
               break;
             }
           parameter_count_ += parameter.value.count();
           arena_count_ += aligned(parameter.value.count());
           parameters_.push_back(std::move(entry));
         },
         nullptr});
  ORCHID_CHECK(!parameters_.empty(), "optimizer: the model has no parameters");
  check_groups();
}

/// With N blocks: block i (from 0) has its rate times d^(N - i), what comes before the blocks
/// d^(N + 1), what comes after them 1.
void Optimizer::decay_layers() {
  std::int64_t blocks = 0;
  for (const OptimizedParameter& parameter : parameters_)
    blocks = std::max(blocks, block_of(parameter.path) + 1);
  for (OptimizedParameter& parameter : parameters_) {
    const std::int64_t block = block_of(parameter.path);
    if (block < 0 && after_blocks(parameter.path)) continue;
    parameter.layer_scale = std::pow(config_.layer_decay, static_cast<double>(blocks - block));
    parameter.learning_rate *= parameter.layer_scale;
  }
}

void Optimizer::check_groups() const {
  for (const OptimizerGroupConfig& group : config_.groups)
    ORCHID_CHECK_USAGE(
        std::any_of(parameters_.begin(), parameters_.end(),
                    [&](const auto& parameter) { return matches(group.match, parameter.path); }),
        "optimizer.groups: no parameter matches \"", group.match, "\"; the first is \"",
        parameters_.front().path, "\"");
}

void Optimizer::build(Context& ctx, const VisitParameters& visit) {
  for (Tensor* arena : {&values_, &grads_}) *arena = ctx.zeros({arena_count_}, ctx.accumulate());
  const std::int64_t moments = pieces_.back().moments + pieces_.back().place.count;
  for (Tensor* part : {&m_, &v_}) *part = ctx.zeros({moments}, ctx.accumulate());
  if (ctx.compute() != ctx.accumulate()) products_ = ctx.zeros({arena_count_});
  std::size_t index = 0;
  visit({[&](const std::string& path, model::Parameter& parameter) {
           ORCHID_CHECK(parameter.value.dtype() == values_.dtype(), "optimizer: ", path,
                        ": expected ", name_of(values_.dtype()), ", got ",
                        name_of(parameter.value.dtype()));
           Tensor home = slice(values_, index);
           copy(parameter.value, home);
           parameter.value = home;
           parameter.grad = slice(grads_, index);
           if (products_.defined()) parameter.product = slice(products_, index);
           ++index;
         },
         nullptr});
  if (ema_.decay > 0) {
    averages_ = ctx.empty({arena_count_}, ctx.accumulate());
    restart_averages();
  }
  for (Piece& piece : pieces_) piece.ranges = ranges_of(ctx, piece.place);
  squares_ = ctx.zeros({std::ssize(pieces_)}, DType::f64);
  control_ = ctx.zeros({ops::kControls}, DType::f64);
  updates_ = ctx.zeros({1}, DType::i64);
}

/// Buckets, and the pieces that this rank updates.
void Optimizer::cut() {
  const std::int64_t multiple = kAlignment * sharing_.world;
  arena_count_ = (arena_count_ + multiple - 1) / multiple * multiple;
  buckets_ =
      cut_buckets(arena_count_, sharing_.bucket > 0 ? sharing_.bucket : arena_count_, multiple);
  if (!sharing_.shard) {
    pieces_.push_back({{0, arena_count_}});
    return;
  }
  std::int64_t moments = 0;
  for (const Bucket& bucket : buckets_) {
    pieces_.push_back({shard_of(bucket, sharing_.rank, sharing_.world), moments});
    moments += pieces_.back().place.count;
  }
}

Tensor Optimizer::ranges_of(Context& ctx, const Bucket& place) const {
  constexpr std::int64_t kFields = ops::AdamW::kRangeFields;
  std::vector<double> ranges;
  for (const OptimizedParameter& parameter : parameters_) {
    // The gap behind the last parameter belongs to it.
    const bool last = &parameter == &parameters_.back();
    const std::int64_t parameter_end =
        last ? arena_count_ : parameter.offset + aligned(parameter.shape.count());
    if (parameter_end <= place.offset || parameter.offset >= place.offset + place.count) continue;
    const auto end = static_cast<double>(std::min(parameter_end - place.offset, place.count));
    const std::array row = {end, parameter.learning_rate, parameter.weight_decay,
                            parameter.layer_scale};
    static_assert(row.size() == kFields);
    const bool as_before =
        !ranges.empty() && std::equal(row.begin() + 1, row.end(), ranges.end() - kFields + 1);
    if (as_before) ranges.resize(ranges.size() - kFields);
    ranges.insert(ranges.end(), row.begin(), row.end());
  }
  Tensor table = ctx.empty({std::ssize(ranges) / kFields, kFields}, DType::f64);
  set_values(table, ranges);
  return table;
}

std::vector<std::int64_t> Optimizer::block_begins() const {
  std::vector<std::int64_t> begins;
  for (const OptimizedParameter& parameter : parameters_)
    if (block_of(parameter.path) == std::ssize(begins)) begins.push_back(parameter.offset);
  return begins;
}

Tensor Optimizer::slice(const Tensor& arena, std::size_t index) const {
  const OptimizedParameter& parameter = parameters_[index];
  return arena.slice(parameter.offset, parameter.shape);
}

void Optimizer::zero_grad(Context& ctx) {
  run(ctx, ops::Fill{.y = grads_, .value = 0});
}

void Optimizer::update(Context& ctx, const Tensor& score, const ScheduledRate& rate, double mean,
                       double clip_norm) {
  measure(ctx);
  apply(ctx, score, {}, rate, mean, clip_norm);
  follow(ctx);
}

Tensor& Optimizer::measure(Context& ctx) {
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Bucket& place = pieces_[i].place;
    Tensor square = squares_.slice(static_cast<std::int64_t>(i), {1});
    run(ctx, ops::SumOfSquares{.x = grads_.slice(place.offset, {place.count}), .result = square});
  }
  return squares_;
}

void Optimizer::apply(Context& ctx, const Tensor& score, const Tensor& targets,
                      const ScheduledRate& rate, double mean, double clip_norm) {
  run(ctx, ops::ClipScale{.sum_of_squares = squares_,
                          .score = score,
                          .targets = targets,
                          .control = control_,
                          .applied = updates_,
                          .mean = mean,
                          .clip_norm = clip_norm});
  for (const Piece& piece : pieces_) {
    const auto part = [&](const Tensor& arena) {
      return arena.slice(piece.place.offset, {piece.place.count});
    };
    Tensor value = part(values_), product = products_.defined() ? part(products_) : Tensor();
    Tensor m = m_.slice(piece.moments, {piece.place.count});
    Tensor v = v_.slice(piece.moments, {piece.place.count});
    run(ctx, ops::AdamW{.value = value,
                        .grad = part(grads_),
                        .m = m,
                        .v = v,
                        .ranges = piece.ranges,
                        .control = control_,
                        .applied = updates_,
                        .product = product,
                        .rate = rate.factor,
                        .beta1 = config_.betas[0],
                        .beta2 = config_.betas[1],
                        .epsilon = config_.epsilon,
                        .decoupled = config_.type == OptimizerKind::decoupled_adamw,
                        .offset = rate.offset});
  }
}

void Optimizer::follow(Context& ctx) {
  if (!averages()) return;
  run(ctx, ops::MovingAverage{.value = values_,
                              .average = averages_,
                              .control = control_,
                              .applied = updates_,
                              .decay = ema_.decay,
                              .warmup = ema_.warmup});
}

Optimizer::Moments Optimizer::moments(Context& ctx, Communicator& comm) const {
  if (!sharing_.shard) return {m_, v_};
  Moments all;
  if (sharing_.rank == 0) all = room_for_moments();
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Bucket& bucket = buckets_[i];
    Tensor whole = ctx.empty({bucket.count}, m_.dtype());
    for (const auto& [mine, home] : {std::pair{&m_, &all.first}, {&v_, &all.second}}) {
      comm.all_gather(ctx, mine->slice(pieces_[i].moments, {pieces_[i].place.count}), whole,
                      str("moments ", i));
      if (!home->defined()) continue;
      Tensor part = home->slice(bucket.offset, {bucket.count});
      copy(whole, part);
    }
  }
  return all;
}

Optimizer::Moments Optimizer::room_for_moments() const {
  if (!sharing_.shard) return {m_, v_};
  const auto room = [&] {
    Tensor arena = Tensor::empty({arena_count_}, m_.dtype(), make_host_pool());
    arena.memory()->zero(arena.raw(), arena.bytes());
    return arena;
  };
  return {room(), room()};
}

void Optimizer::set_moments(const Moments& all) {
  if (!sharing_.shard) return;  // they are where they belong
  for (const Piece& piece : pieces_)
    for (const auto& [mine, home] : {std::pair{&m_, &all.first}, {&v_, &all.second}}) {
      Tensor part = mine->slice(piece.moments, {piece.place.count});
      copy(home->slice(piece.place.offset, {piece.place.count}), part);
    }
}

void Optimizer::lend(Context& ctx, model::Model& model, Weights weights) const {
  std::size_t index = 0;
  model.visit("", {[&](const std::string&, model::Parameter& parameter) {
                     parameter.value =
                         slice(weights == Weights::values ? values_ : averages_, index++);
                   },
                   nullptr});
  model::refresh_products(ctx, model);
}

void Optimizer::set_updates(std::int64_t updates) {
  set_values(updates_, {static_cast<double>(updates)});
}

}  // namespace orchid::train
