#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/context.h"
#include "model/model.h"
#include "train/comm/communicator.h"
#include "train/config/sections.h"
#include "train/optim/schedule.h"
#include "train/parallel/buckets.h"

namespace orchid::train {

/// A parameter of the model and where it lies in the arenas.
struct OptimizedParameter {
  std::string path;
  Shape shape;
  std::int64_t offset = 0;   ///< in elements
  double learning_rate = 0;  ///< peak, the layer's scale included
  double weight_decay = 0;
  double layer_scale = 1;  ///< of the whole rate, the schedule's offset included
};

/// How the ranks of a run share its parameters.
struct Sharing {
  int rank = 0;
  int world = 1;
  std::int64_t bucket = 0;  ///< elements; 0: all in one
  bool shard = false;  ///< this rank keeps moments of its share alone, and updates that (ZeRO-1)
};

/// AdamW over all parameters of a model (spec bert_glue 3.3), in ordinary and decoupled form.
///
/// Values, gradients and both moments lie in one flat tensor each; the model's parameters become
/// slices of the first two. So do the values' moving average, where one is kept. With shards the
/// moments are those of this rank's part of each bucket, one part after the other.
class Optimizer {
 public:
  using VisitParameters = std::function<void(const model::Visitor&)>;

  /// `visit` shows a visitor every parameter, always in the same order. Their values move into the
  /// arena: a handle copied before would see no updates.
  Optimizer(Context&, const OptimizerConfig&, const VisitParameters& visit,
            const EmaConfig& ema = {}, const Sharing& = {});

  void zero_grad(Context&);
  /// One update with the gradients of a loss summed over targets, `mean` = 1 / their number:
  /// measures their norm, clips it to `clip_norm` (0: not), and changes nothing if the norm or
  /// score[0], the summed loss, is not finite. Nothing is read back.
  void update(Context&, const Tensor& score, const ScheduledRate& rate, double mean,
              double clip_norm);
  /// The same in parts, for ranks. The sums of squares of the gradients that this rank updates
  /// with, (P) f64; with shards the ranks add them up.
  Tensor& measure(Context&);
  /// `targets` (1) f64: their number on all ranks; undefined: `mean` says it.
  void apply(Context&, const Tensor& score, const Tensor& targets, const ScheduledRate& rate,
             double mean, double clip_norm);
  /// The averages follow the values of the update; with shards once all values are there.
  void follow(Context&);
  /// What the last update decided, (4) f64: see ops::Control.
  const Tensor& control() const { return control_; }
  /// Updates made so far, as bias correction counts them; for a run that is resumed.
  void set_updates(std::int64_t updates);

  const std::vector<OptimizedParameter>& parameters() const { return parameters_; }
  /// Elements of all parameters, without the gaps between them.
  std::int64_t parameter_count() const { return parameter_count_; }
  /// What the arenas are cut into, the last elements first.
  const std::vector<Bucket>& buckets() const { return buckets_; }
  /// Where the parameters of each block begin.
  std::vector<std::int64_t> block_begins() const;
  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return grads_; }
  const Tensor& products() const { return products_; }  ///< undefined without bf16

  /// Both moments of all parameters, in the order of the arenas.
  struct Moments {
    Tensor first, second;
  };
  /// Without shards the optimizer's own; with them gathered into host memory of rank 0 (all ranks
  /// must call, the others get none).
  Moments moments(Context&, Communicator&) const;
  /// Room for what a checkpoint has, and taking it from there.
  Moments room_for_moments() const;
  void set_moments(const Moments&);
  /// Of moments on this rank.
  std::int64_t moment_bytes() const { return 2 * static_cast<std::int64_t>(m_.bytes()); }
  /// Moments of parameter number `index`, as slices; without shards.
  Tensor first_moment(std::size_t index) const { return slice(m_, index); }
  Tensor second_moment(std::size_t index) const { return slice(v_, index); }
  /// Parameter number `index` in a tensor that is laid out as the arenas.
  Tensor slice(const Tensor& arena, std::size_t index) const;
  Tensor value(std::size_t index) const { return slice(values_, index); }

  bool averages() const { return averages_.defined(); }
  /// Moving average of parameter number `index`, as a slice; only where one is kept.
  Tensor average(std::size_t index) const { return slice(averages_, index); }
  /// The averages begin anew at the values.
  void restart_averages() { copy(values_, averages_); }
  /// From now on the model computes with these. Updates need the values.
  enum class Weights { values, averages };
  void lend(Context&, model::Model&, Weights) const;

 private:
  void collect(const VisitParameters&);
  void build(Context&, const VisitParameters&);
  void check_groups() const;
  void decay_layers();
  /// What this rank updates: a part of the arenas, and where its moments lie.
  struct Piece {
    Bucket place;
    std::int64_t moments = 0;
    Tensor ranges{};  ///< (S, ops::AdamW::kRangeFields) f64: where settings change, see ops::AdamW
  };
  void cut();
  Tensor ranges_of(Context&, const Bucket&) const;

  OptimizerConfig config_;
  EmaConfig ema_;
  Sharing sharing_;
  std::vector<Bucket> buckets_;
  std::vector<Piece> pieces_;
  std::vector<OptimizedParameter> parameters_;
  std::int64_t parameter_count_ = 0;
  std::int64_t arena_count_ = 0;
  Tensor values_, grads_;  ///< (arena_count_)
  Tensor m_, v_;           ///< of all pieces
  Tensor averages_;        ///< (arena_count_); undefined without an average
  Tensor products_;        ///< bf16 copy of values_, where activations are bf16
  Tensor squares_;         ///< (P) f64, one a piece
  Tensor control_;         ///< (4) f64
  Tensor updates_;         ///< (1) i64
};

}  // namespace orchid::train
