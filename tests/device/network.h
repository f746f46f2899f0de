#pragma once

#include <map>

#include "model/bert.h"
#include "tests/support/op_check.h"
#include "train/micro_step.h"
#include "train/optim/optimizer.h"
#include "train/tasks/task.h"

namespace orchid::test {

/// A BERT small enough for the host executor, with every part of the default one.
inline model::BertConfig small_bert() {
  model::BertConfig config;
  config.vocabulary = 40;
  config.length = 12;
  config.encoder.width = 16;
  config.encoder.layers = 2;
  config.encoder.mlp.expansion = 2;
  config.encoder.mlp.blocks = 2;
  auto& mixer = std::get<model::OrchidMixerConfig>(config.encoder.mixer);
  mixer.filter.width = 8;
  mixer.filter.inner_layers = 1;
  return config;
}

/// Random integers from 0 to `below` - 1 in host memory; `item` tells tensors of one seed apart.
inline Tensor random_integers(const Shape& shape, std::uint32_t below, std::uint64_t seed,
                              std::uint64_t item) {
  const Philox philox(seed, RandomPurpose::test);
  Tensor result = Tensor::empty(shape, DType::i32, make_host_pool());
  for (std::int64_t i = 0; i < shape.count(); ++i) {
    const auto word = philox.words(item, static_cast<std::uint64_t>(i))[0];
    result.data<std::int32_t>()[i] = static_cast<std::int32_t>(Philox::below(below, word));
  }
  return result;
}

/// Random tokens; rows end in padding.
inline data::Batch random_texts(std::int64_t rows, std::int64_t length, std::uint64_t seed) {
  data::Batch batch;
  batch.inputs = random_integers({rows, length}, 40, seed, 0);
  batch.lengths = random_integers({rows}, 3, seed, 1);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::int32_t& used = batch.lengths.data<std::int32_t>()[row];
    used = static_cast<std::int32_t>(length) - used;
  }
  batch.samples = rows;
  batch.tokens = rows * length;
  return batch;
}

/// The same with `targets` masked positions.
inline data::Batch random_batch(std::int64_t rows, std::int64_t length, std::int64_t targets,
                                std::uint64_t seed) {
  data::Batch batch = random_texts(rows, length, seed);
  batch.positions = Tensor::empty({targets}, DType::i32, make_host_pool());
  for (std::int64_t m = 0; m < targets; ++m)
    batch.positions.data<std::int32_t>()[m] =
        static_cast<std::int32_t>(m * rows * length / targets);
  batch.targets = random_integers({targets}, 40, seed, 2);
  return batch;
}

/// Adds noise to the initial weights, so that no gradient is as small as the rounding of others.
inline void enlarge(model::Model& model) {
  model.visit("", {[](const std::string& path, model::Parameter& parameter) {
                     if (path.ends_with("freq")) return;
                     Array values = download(parameter.value);
                     const Array noise = random_array(parameter.value.count(), path.size());
                     for (std::size_t i = 0; i < noise.size(); ++i) values[i] += 0.3 * noise[i];
                     set_values(parameter.value, values);
                   },
                   nullptr});
}

/// A model with its optimizer on one context; alike on all devices at first.
class Network {
 public:
  Network(Context& ctx, const model::ModelConfig& config, bool record = false,
          const train::TaskConfig& task = {})
      : ctx_(ctx),
        task_(train::make_task(task)),
        model_(model::build_model(ctx, config, 3, task_->head())),
        optimizer_(ctx, {.learning_rate = 0.01, .epsilon = 1e-3, .weight_decay = 0.1},
                   [this](const model::Visitor& visitor) { model_->visit("", visitor); }),
        micro_(ctx, *model_, *task_, 7, record) {
    enlarge(*model_);
    model::refresh_products(ctx, *model_);
  }

  /// Gradients and score of one batch.
  train::Score gradients(const data::Batch& batch, std::uint64_t number) {
    optimizer_.zero_grad(ctx_);
    set_values(micro_.sums(), {0, 0});
    micro_.run(batch, number);
    return train::read_score(micro_.sums(), static_cast<double>(task_->targets(batch)));
  }
  train::Score step(const data::Batch& batch, std::uint64_t number) {
    const train::Score score = gradients(batch, number);
    optimizer_.update(ctx_, micro_.sums(), {}, 1 / score.targets, 1);
    return score;
  }

  std::map<std::string, Array> values() const { return collect(&model::Parameter::value); }
  std::map<std::string, Array> grads() const { return collect(&model::Parameter::grad); }
  std::map<std::string, Array> products() const { return collect(&model::Parameter::product); }

  model::Model& model() { return *model_; }
  train::MicroStep& micro() { return micro_; }
  train::Optimizer& optimizer() { return optimizer_; }

 private:
  std::map<std::string, Array> collect(Tensor model::Parameter::*member) const {
    std::map<std::string, Array> all;
    model_->visit("", {[&](const std::string& path, model::Parameter& parameter) {
                         all[path] = download(parameter.*member);
                       },
                       nullptr});
    return all;
  }

  Context& ctx_;
  std::unique_ptr<train::Task> task_;
  std::unique_ptr<model::Model> model_;
  train::Optimizer optimizer_;
  train::MicroStep micro_;
};

}  // namespace orchid::test
