#include "tests/support/op_check.h"
#include "train/config/load.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::require_error;

namespace {

/// The ViT of a configuration whose model has these members beside its type.
model::VitConfig read(const std::string& members, const std::vector<std::string>& sets = {}) {
  const std::string text = R"({"name": "a", "model": {"type": "vit")" + members +
                           R"(}, "task": {"type": "image_classification", "classes": 10},
       "data": {"type": "images", "train": "t"}})";
  return std::get<model::VitConfig>(parse_config(text, "x.json", sets).model);
}

const model::OrchidMixerConfig& mixer_of(const model::VitConfig& vit) {
  return std::get<model::OrchidMixerConfig>(vit.encoder.mixer);
}

}  // namespace

TEST_CASE("a ViT has its own defaults, also of the mixer that is named", "[train][config]") {
  // Naming the type of what stands there changes nothing; keys beside it change themselves alone.
  for (const std::string members :
       {"", R"(, "encoder": {"mixer": {"type": "orchid"}})",
        R"(, "encoder": {"mixer": {"type": "orchid", "kernel": "phase"}})"}) {
    INFO(members);
    const model::VitConfig vit = read(members);
    CHECK(mixer_of(vit).short_conv == 5);
    CHECK(mixer_of(vit).table_length == 1024);
    CHECK(mixer_of(vit).filter.features == 33);
    CHECK(vit.encoder.norm == model::BlockNorm::pre);
    CHECK(!vit.encoder.mlp.gated);
  }
}

TEST_CASE("another mixer in a ViT has its own defaults", "[train][config]") {
  const model::VitConfig vit =
      read(R"(, "encoder": {"mixer": {"type": "attention"}})", {"model.class_token=true"});
  CHECK(std::get<model::AttentionMixerConfig>(vit.encoder.mixer).heads == 12);
  CHECK(vit.class_token);
}

TEST_CASE("describe tells a ViT's own defaults", "[train][config]") {
  const auto default_of = [](const std::string& key) {
    for (const KeyDescription& description : describe_config(""))
      if (description.key == key) return description.default_json;
    return std::string("no such key");
  };
  CHECK(default_of("model(vit).encoder.mixer(orchid).short_conv") == "5");
  CHECK(default_of("model(bert).encoder.mixer(orchid).short_conv") == "3");
  CHECK(default_of("model(vit).encoder.norm_epsilon") == "1e-05");
}
