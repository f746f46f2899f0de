#include <nlohmann/json.hpp>

#include "train/golden/golden.h"

namespace orchid::train {
namespace {

using Json = nlohmann::json;

template <class Value>
Value choose(const std::string& key, const std::string& name,
             std::initializer_list<std::pair<const char*, Value>> choices) {
  for (const auto& [text, value] : choices)
    if (name == text) return value;
  throw Error(str(key, ": \"", name, "\" is not supported"), ErrorKind::usage);
}

/// A string; null is "none".
std::string text(const Json& config, const char* key, const char* missing) {
  if (!config.contains(key)) return missing;
  if (config[key].is_null()) return "none";
  return config[key].get<std::string>();
}

ops::TransformKind transform(const std::string& name) {
  using K = ops::TransformKind;
  return choose<K>("dxt", name,
                   {{"fft", K::fft},
                    {"fft-o", K::fft_ortho},
                    {"dct", K::dct},
                    {"dct2", K::dct},
                    {"dctxd", K::dct},
                    {"dctx2", K::dct},
                    {"dctx4", K::dct},
                    {"dctx4-o", K::dct},
                    {"dctxd-o", K::dct_ortho},
                    {"dctx2-o", K::dct_ortho}});
}

model::Conditioning conditioning(const std::string& name) {
  using C = model::Conditioning;
  if (name.find("mlp") != std::string::npos) return C::mlp;
  return choose<C>("nn", name,
                   {{"convtf", C::tf},
                    {"conv2tf", C::tf},
                    {"convt", C::t},
                    {"conv2t", C::t},
                    {"convf", C::f},
                    {"conv2f", C::f}});
}

/// The reference's names of functions to ours; what follows the name (+X, _abs) stays.
std::string function_name(const std::string& name) {
  const std::size_t end = name.find_first_of("+_");
  const std::string suffix = end == std::string::npos ? "" : name.substr(end);
  const std::string base = name.substr(0, end);
  if (base == "id" || base == "linear" || base == "none") return "identity" + suffix;
  if (base == "swish") return "silu" + suffix;
  if (base == "smax") return "softmax" + suffix;
  return base + suffix;
}

GoldenConfig parse(const Json& config) {
  GoldenConfig golden;
  golden.batch = config.at("B").get<std::int64_t>();
  golden.length = config.at("L").get<std::int64_t>();
  golden.width = config.at("d_model").get<std::int64_t>();
  model::OrchidMixerConfig& mixer = golden.mixer;
  using model::ConditioningNorm;
  using model::Kernel;
  mixer.kernel = choose<Kernel>(
      "type", config.at("type").get<std::string>(),
      {{"absfreq", Kernel::phase}, {"corrTime", Kernel::correlation}, {"freq", Kernel::frequency}});
  mixer.conditioning = conditioning(text(config, "nn", "convtf"));
  mixer.transform = transform(config.at("dxt").get<std::string>());
  mixer.kernel_domain =
      config.value("causal", true) ? model::KernelDomain::time : model::KernelDomain::frequency;
  mixer.short_conv = config.value("short_filter_order", std::int64_t{3});
  mixer.conditioning_width = config.value("conv_filter_size", std::int64_t{3});
  mixer.conditioning_layers = config.value("n_layer", std::int64_t{1});
  mixer.conditioning_activation =
      parse_enum<ops::ActivationKind>(function_name(text(config, "activation", "gelu")));
  mixer.conditioning_bias = config.value("cond_bias", true);
  mixer.padding = parse_enum<ops::Padding>(text(config, "padding_mode", "zeros"));
  mixer.norm = choose<ConditioningNorm>("norm", text(config, "norm", "layernorm"),
                                        {{"layernorm", ConditioningNorm::layer},
                                         {"batchnorm", ConditioningNorm::batch},
                                         {"none", ConditioningNorm::none}});
  mixer.sigma = function_name(text(config, "actq", "id"));
  if (mixer.kernel != Kernel::correlation) mixer.sigma = "identity";
  mixer.order = config.value("order", std::int64_t{2});
  mixer.residual_convolution = text(config, "residual_long_conv", "sconv") == "sconv";
  mixer.table_length = config.value("l_max", golden.length);
  mixer.filter.features = config.value("emb_dim", std::int64_t{3});
  mixer.filter.width = config.value("filter_order", std::int64_t{16});
  mixer.filter.inner_layers = config.value("num_inner_mlps", std::int64_t{2});
  mixer.filter.frequency = config.value("w", 1.0);
  mixer.filter.frequency_scale = config.value("w_mod", 1.0);
  mixer.filter.shift = config.value("shift", 0.0);
  mixer.filter.window = config.value("modulate", true);
  mixer.filter.normalized = config.value("normalized", false);
  mixer.filter.positions_trainable = !config.contains("lr_pos_emb") ||
                                     config["lr_pos_emb"].is_null() ||
                                     config["lr_pos_emb"].get<double>() != 0;
  model::validate(mixer, golden.length);
  return golden;
}

}  // namespace

GoldenConfig parse_golden_config(const std::string& json) {
  try {
    return parse(Json::parse(json));
  } catch (const Json::exception& error) {
    throw Error(str("config: ", error.what()), ErrorKind::input_data);
  }
}

}  // namespace orchid::train
