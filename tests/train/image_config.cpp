// Configurations of pictures: sizes, recipes, rules.

#include "model/plan.h"
#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "train/config/load.h"
#include "train/optim/optimizer.h"
#include "train/optim/pattern.h"
#include "train/plan.h"
#include "train/tasks/task.h"

using namespace orchid;
using namespace orchid::train;
namespace fs = std::filesystem;

namespace {

RunConfig image_config(const std::string& name, const std::vector<std::string>& sets = {}) {
  return load_config(test::source_dir() / "configs/image" / (name + ".json"), sets);
}

/// The configuration is refused with a usage error that begins so.
void check_refused(const std::vector<std::string>& sets, const std::string& message) {
  INFO(message);
  try {
    image_config("mnist", sets);
    FAIL("expected an error: " << message);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(std::string(error.what()).find(": " + message) != std::string::npos);
    INFO(error.what());
  }
}

}  // namespace

TEST_CASE("image networks have their published sizes", "[train][config][images]") {
  // Spec experiments 3.7 and 4.5; mnist and imagenette are ours.
  const std::map<std::string, std::int64_t> sizes = {
      {"imagenet_orchid_vit_b", 48'067'816},
      {"imagenet_orchid_vit_b_ablation_short_table", 47'412'040},
      {"imagenet_orchid_vit_b_ablation_deeper_filter", 47'808'328},
      {"imagenet_vit_b", 86'540'008},
      {"cifar10_orchid_vit_a", 735'114},
      {"cifar10_orchid_vit_a_patch2", 736'266},
      {"cifar10_orchid_vit_a_patch1", 758'154},
      {"cifar10_orchid_vit_b", 735'370},
      {"cifar10_orchid_vit_b_patch2", 755'338},
      {"cifar10_orchid_vit_b_patch1", 852'490},
      {"cifar10_quick", 735'370},
      {"cifar10_vit", 1'197'450},
      {"cifar10_vit_blockdiag", 607'626},
      {"mnist", 150'562},
      {"imagenette", 1'526'730},
  };
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator(test::source_dir() / "configs/image")) {
    const std::string name = entry.path().stem().string();
    INFO(name);
    REQUIRE(sizes.contains(name));
    const RunConfig config = image_config(name);
    CHECK(config.name == name);
    CHECK(plan_run(config).model.parameters == sizes.at(name));
    ++found;
  }
  CHECK(found == sizes.size());
}

TEST_CASE("every pattern of an image recipe matches a parameter, and none is left out",
          "[train][config][images]") {
  for (const auto& entry : fs::directory_iterator(test::source_dir() / "configs/image")) {
    const RunConfig config = image_config(entry.path().stem().string());
    INFO(config.name);
    std::map<std::string, int> used;
    for (const auto& tensor : plan_run(config).model.tensors) {
      const auto& groups = config.optimizer.groups;
      const auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& candidate) {
        return matches(candidate.match, tensor.name);
      });
      const bool decays = group == groups.end() || !group->weight_decay;
      const bool own_rate = group != groups.end() && group->learning_rate;
      if (group != groups.end()) ++used[group->match];
      // Spec experiments 7.4: biases, norms, positions and filters do not decay.
      const auto has = [&](const char* part) {
        return tensor.name.find(part) != std::string::npos;
      };
      INFO(tensor.name);
      CHECK(decays == !(tensor.name.ends_with("bias") || has("norm") || has("positions") ||
                        has("class_token") || has("implicit_filter") || has("pos_emb")));
      CHECK(own_rate == has("pos_emb"));
      if (own_rate) CHECK(*group->learning_rate == 1e-5);
    }
    CHECK(used.size() == config.optimizer.groups.size());
  }
}

TEST_CASE("Orchid-ViT-b and ViT-b have the recommended recipe", "[train][config][images]") {
  for (const char* name : {"imagenet_orchid_vit_b", "imagenet_vit_b"}) {
    const RunConfig config = image_config(name);
    INFO(name);
    CHECK(config.optimizer.type == OptimizerKind::adamw);
    CHECK(std::tuple(config.optimizer.learning_rate, config.optimizer.betas,
                     config.optimizer.epsilon, config.optimizer.weight_decay) ==
          std::tuple(1e-3, std::array{0.9, 0.999}, 1e-8, 0.05));
    CHECK(config.schedule.type == ScheduleKind::cosine_to_rate);
    CHECK(config.schedule.update == ScheduleUnit::epoch);
    CHECK(std::tuple(config.schedule.epochs, config.schedule.warmup_epochs,
                     config.schedule.warmup_rate,
                     config.schedule.final_rate) == std::tuple(300, 10, 1e-6, 1e-5));
    CHECK(config.batch.global == 1024);
    CHECK(config.clip_norm == 0);
    CHECK(config.ema.decay == 0);
    const auto& task = std::get<ImageClassificationTaskConfig>(config.task);
    CHECK(std::tuple(task.classes, task.label_smoothing, task.double_smoothing) ==
          std::tuple(1000, 0.1, false));
    const auto& data = std::get<data::ImageDataOptions>(config.data);
    const data::AugmentationOptions& changes = data.augmentation;
    CHECK(std::tuple(changes.randaugment.operations, changes.randaugment.magnitude,
                     changes.randaugment.deviation,
                     changes.randaugment.probability) == std::tuple(2, 9, 0.5, 0.5));
    CHECK(std::tuple(changes.mixup, changes.cutmix, changes.mix_probability,
                     changes.switch_probability) == std::tuple(0.8, 1, 1, 0.5));
    CHECK(std::tuple(changes.erasing, changes.flip, changes.scale[0]) ==
          std::tuple(0.25, 0.5, 0.08));
    CHECK(changes.crop == data::CropKind::random_resized);
    CHECK(std::tuple(data.size, data.resize, data.repeats) == std::tuple(224, 248, 1));
    const auto& vit = std::get<model::VitConfig>(config.model);
    CHECK(vit.encoder.drop_path == 0.1);
    CHECK(vit.class_token == (config.name == "imagenet_vit_b"));
  }
}

TEST_CASE("data, network and task of pictures must fit each other", "[train][config][images]") {
  check_refused({"data.size=32"}, "model.image_size: expected data.size = 32, got 28");
  check_refused({"data.channels=3", "data.mean=0.5,0.5,0.5", "data.deviation=1,1,1"},
                "model.channels: expected data.channels = 3, got 1");
  check_refused({R"(task={"type": "mlm"})"},
                "task.type: data.type images needs image_classification, got mlm");
  check_refused({R"(model={"type": "bert"})"}, "model.type: data.type images needs vit, got bert");
  check_refused({R"(data={"type": "text_shards", "train": "t"})", R"(task={"type": "mlm"})"},
                "model.type: data.type text_shards needs bert, got vit");
  check_refused({R"(data={"type": "images", "size": 28, "channels": 1, "mean": [0],
                          "deviation": [1]})"},
                "data.train: required, and missing");
  check_refused({"data.augmentation.flip=2"}, "data: ");
  check_refused({"data.resize=8193"}, "data: resize: expected 0, or from the size, 28, to 8192");
  check_refused({"data.threads=4294967296"}, "data.threads: expected at most 256");
  check_refused({"data.prefetch=1025"}, "data.prefetch: expected at most 1024, got 1025");
  check_refused({"data.augmentation.mixup=0.2", "batch.per_device=1"},
                "batch.per_device: mixup and cutmix need an even number, got 1");
  check_refused({"data.augmentation.cutmix=1", "batch.per_device=64", "batch.global=33"},
                "batch.per_device: mixup and cutmix need an even number, got 33");
  check_refused({"task.labels=a,b"}, "task.labels: expected 10, as task.classes says, got 2");
  check_refused({"task.classes=1"}, "task.classes: expected at least 2, got 1");
  check_refused({"task.label_smoothing=1"},
                "task.label_smoothing: expected a number in [0, 1), got 1");
  check_refused({"checkpoint.best=true", "data.valid="}, "checkpoint.best: needs validation data");
}

TEST_CASE("schedule, average and layer-wise rates have their ranges", "[train][config][images]") {
  check_refused({"schedule.epochs=0"},
                "schedule.epochs: required by schedule.type cosine_to_rate, and missing");
  check_refused({"schedule.warmup_epochs=7"},
                "schedule.warmup_epochs: expected a number in [0, schedule.epochs = 6], got 7");
  check_refused({"schedule.cooldown_epochs=6"},
                "schedule.cooldown_epochs: expected at most 5, got 6");
  check_refused({"schedule.final_rate=-1"},
                "schedule.final_rate: expected a number of 0 or more, got -1");
  check_refused({"ema.decay=1"}, "ema.decay: expected a number in [0, 1), got 1");
  check_refused({"optimizer.layer_decay=0"},
                "optimizer.layer_decay: expected a number in (0, 1], got 0");
  CHECK(image_config("mnist", {"ema.decay=0.5", "optimizer.layer_decay=0.75"}).ema.decay == 0.5);
}
