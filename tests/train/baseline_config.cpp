// The baseline beside Orchid-BERT: BERT-base as published.

#include "model/plan.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "train/config/load.h"

using namespace orchid;
using namespace orchid::train;

TEST_CASE("the baseline is BERT-base with M2-BERT's recipe for it", "[train][config]") {
  const RunConfig config = load_config(test::source_dir() / "configs/mlm/bert_base.json");
  const auto& bert = std::get<model::BertConfig>(config.model);
  CHECK(std::tuple(bert.vocabulary, bert.length, bert.segments, bert.dropout) ==
        std::tuple(30528, 512, 2, 0.1));
  CHECK(bert.positions == model::Positions::learned);
  const model::EncoderConfig& encoder = bert.encoder;
  CHECK(std::tuple(encoder.width, encoder.layers, encoder.norm_epsilon) ==
        std::tuple(768, 12, 1e-12));
  CHECK((encoder.norm == model::BlockNorm::post && encoder.mixer_residual));
  CHECK(std::tuple(encoder.dropout, encoder.residual_dropout) == std::tuple(0, 0.1));
  const auto& mixer = std::get<model::AttentionMixerConfig>(encoder.mixer);
  CHECK((mixer.heads == 12 && mixer.qkv_bias));
  const model::MlpConfig& mlp = encoder.mlp;
  CHECK((!mlp.gated && mlp.expansion == 4 && mlp.blocks == 1 && mlp.input_bias));

  // The HF BERT-base column of the table of published recipes.
  const auto& task = std::get<MlmTaskConfig>(config.task);
  CHECK(std::tuple(task.mask_rate, task.evaluation_mask_rate) == std::tuple(0.15, 0.15));
  CHECK(std::get<TextShardsConfig>(config.data).length == 128);
  CHECK(config.optimizer.type == OptimizerKind::decoupled_adamw);
  CHECK(std::tuple(config.optimizer.learning_rate, config.optimizer.betas, config.optimizer.epsilon,
                   config.optimizer.weight_decay) ==
        std::tuple(5e-4, std::array{0.9, 0.98}, 1e-6, 1e-5));
  CHECK(config.schedule.type == ScheduleKind::linear);
  CHECK(std::tuple(config.schedule.steps, config.schedule.warmup_fraction,
                   config.schedule.final_fraction) == std::tuple(70000, 0.06, 0.02));
  CHECK(std::tuple(config.batch.global, config.batch.per_device) == std::tuple(4096, 128));
  CHECK(config.clip_norm == 0);
  CHECK(config.seed == 17);

  // 109,482,240 with a pooler and 30522 pieces; see tests/model/attention.cpp.
  CHECK(model::plan_model(config.model, 1, 128, 19).parameters == 109'518'912);
}
