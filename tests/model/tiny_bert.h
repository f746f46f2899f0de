#pragma once

#include "model/bert.h"
#include "tests/support/op_check.h"

namespace orchid::test {

/// A BERT small enough for central differences at all its parameters.
inline model::BertConfig tiny_bert() {
  model::BertConfig config;
  config.vocabulary = 24;
  config.length = 6;
  config.encoder.width = 8;
  config.encoder.layers = 2;
  config.encoder.mlp.expansion = 2;
  config.encoder.mlp.blocks = 2;
  auto& mixer = std::get<model::OrchidMixerConfig>(config.encoder.mixer);
  mixer.filter.width = 6;
  mixer.filter.inner_layers = 1;
  return config;
}

/// Weights of a size that makes every gradient visible (the initial 0.02 leaves some near zero).
inline void enlarge(model::Model& model) {
  model.visit("", {[&](const std::string& path, model::Parameter& parameter) {
                     if (path.ends_with("freq")) return;
                     double* data = parameter.value.data<double>();
                     const Array noise = random_array(parameter.value.count(), path.size());
                     for (std::size_t i = 0; i < noise.size(); ++i) data[i] += 0.3 * noise[i];
                   },
                   nullptr});
}

}  // namespace orchid::test
