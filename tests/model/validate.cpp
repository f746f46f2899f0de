#include "model/config.h"
#include "tests/support/op_check.h"

using namespace orchid;
using namespace orchid::model;
using orchid::test::require_error;

TEST_CASE("mixer options that have no meaning are refused by name", "[model][config]") {
  const auto refuses = [](const std::string& message, auto change) {
    OrchidMixerConfig config;
    change(config);
    require_error([&] { validate(config, 16); }, message);
  };
  using C = OrchidMixerConfig;
  refuses("conditioning_width: expected an odd number", [](C& c) { c.conditioning_width = 4; });
  refuses("filter: filter.features: expected an odd number", [](C& c) { c.filter.features = 4; });
  refuses("kernel correlation needs its two branches", [](C& c) {
    c.kernel = Kernel::correlation;
    c.conditioning = Conditioning::f;
  });
  refuses("mlp goes with kernel correlation", [](C& c) { c.conditioning = Conditioning::mlp; });
  refuses("frequency with t needs a cosine transform", [](C& c) {
    c.kernel = Kernel::frequency;
    c.conditioning = Conditioning::t;
    c.transform = ops::TransformKind::fft;
  });
  refuses("kernel_domain: time", [](C& c) {
    c.kernel = Kernel::correlation;
    c.kernel_domain = KernelDomain::time;
    c.transform = ops::TransformKind::fft;
  });
  refuses("convolution: linear needs", [](C& c) { c.convolution = Convolution::linear; });
  refuses("residual_convolution: only with order 2", [](C& c) { c.order = 3; });
  refuses("order: 3 goes with", [](C& c) {
    c.order = 3;
    c.residual_convolution = false;
  });
  refuses("order: expected 2 or 3", [](C& c) { c.order = 1; });
  refuses("sigma: only kernel correlation", [](C& c) { c.sigma = "tanh"; });
  refuses("sigma: expected identity", [](C& c) { c.sigma = "tahn"; });
  refuses("expected a number after", [](C& c) { c.sigma = "softshrink+x"; });
  refuses("table_length: expected at least the model's length", [](C& c) { c.table_length = 8; });
  validate(OrchidMixerConfig{}, 16);
}

TEST_CASE("model sizes that do not fit together are refused by name", "[model][config]") {
  const auto refuses = [](const std::string& message, auto change) {
    BertConfig config;
    change(config);
    require_error([&] { validate(ModelConfig{config}); }, message);
  };
  refuses("mlp.blocks: expected a divisor", [](BertConfig& c) { c.encoder.mlp.blocks = 7; });
  refuses("dropout: expected a rate", [](BertConfig& c) { c.dropout = 1; });
  refuses("layers: expected at least 1", [](BertConfig& c) { c.encoder.layers = 0; });
  refuses("mixer_residual: pre-norm", [](BertConfig& c) {
    c.encoder.norm = BlockNorm::pre;
    c.encoder.mixer_residual = true;
  });
}
