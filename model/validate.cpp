#include "model/config.h"
#include "model/mixers/conditioning.h"

namespace orchid::model {
namespace {

constexpr std::int64_t kMostLayers = 4096;

void positive(const char* key, std::int64_t value) {
  ORCHID_CHECK_USAGE(value >= 1, key, ": expected at least 1, got ", value);
}

void at_most(const char* key, std::int64_t value, std::int64_t most) {
  ORCHID_CHECK_USAGE(value <= most, key, ": expected at most ", most, ", got ", value);
}

void rate(const char* key, double value) {
  ORCHID_CHECK_USAGE(value >= 0 && value < 1, key, ": expected a rate in [0, 1), got ", value);
}

void validate_filter(const FilterConfig& filter) {
  ORCHID_CHECK_USAGE(
      filter.features >= 3 && filter.features % 2 == 1,
      "filter.features: expected an odd number of at least 3 (time, cosines, sines), ", "got ",
      filter.features);
  positive("filter.width", filter.width);
  ORCHID_CHECK_USAGE(filter.inner_layers >= 0, "filter.inner_layers: expected at least 0, got ",
                     filter.inner_layers);
}

/// Which combinations have a meaning: section 6 of the operator's definition.
void validate_combination(const OrchidMixerConfig& mixer) {
  const bool fourier = ops::is_fourier(mixer.transform);
  const bool correlation = mixer.kernel == Kernel::correlation;
  const auto conditioning = enum_name(mixer.conditioning);
  ORCHID_CHECK_USAGE(
      !correlation || mixer.conditioning != Conditioning::f,
      "conditioning: kernel correlation needs its two branches in time: expected tf, t ",
      "or mlp, got f");
  ORCHID_CHECK_USAGE(correlation || mixer.conditioning != Conditioning::mlp,
                     "conditioning: mlp goes with kernel correlation only; kernel is ",
                     enum_name(mixer.kernel));
  ORCHID_CHECK_USAGE(
      mixer.kernel != Kernel::frequency || mixer.conditioning != Conditioning::t || !fourier,
      "conditioning: kernel frequency with t needs a cosine transform (2D real channels would ",
      "stand for D complex ones); transform is ", enum_name(mixer.transform));
  ORCHID_CHECK_USAGE(
      !correlation || mixer.kernel_domain == KernelDomain::frequency || !fourier,
      "kernel_domain: time does not go with kernel correlation and a Fourier transform");
  ORCHID_CHECK_USAGE(mixer.convolution == Convolution::circular || fourier,
                     "convolution: linear needs transform fft or fft_ortho, got ",
                     enum_name(mixer.transform));
  if (mixer.order == 2) return;
  ORCHID_CHECK_USAGE(!mixer.residual_convolution,
                     "residual_convolution: only with order 2; order is ", mixer.order);
  const bool frequency_pairs = mixer.kernel == Kernel::frequency &&
                               mixer.conditioning == Conditioning::f && fourier && mixer.order == 3;
  const bool dense = mixer.conditioning == Conditioning::mlp && mixer.order == 3;
  ORCHID_CHECK_USAGE(frequency_pairs || dense,
                     "order: 3 goes with kernel frequency, conditioning f and ",
                     "a Fourier transform, or with conditioning mlp; got order ", mixer.order,
                     " with kernel ", enum_name(mixer.kernel), ", conditioning ", conditioning,
                     ", transform ", enum_name(mixer.transform));
}

void validate_mixer(const OrchidMixerConfig& mixer, std::int64_t length) {
  positive("short_conv", mixer.short_conv);
  positive("conditioning_layers", mixer.conditioning_layers);
  ORCHID_CHECK_USAGE(
      mixer.conditioning_width >= 1 && mixer.conditioning_width % 2 == 1,
      "conditioning_width: expected an odd number (an even one would lose a bin), got ",
      mixer.conditioning_width);
  ORCHID_CHECK_USAGE(mixer.order >= 2, "order: expected 2 or 3, got ", mixer.order);
  const Sigma sigma = Sigma::parse(mixer.sigma);
  ORCHID_CHECK_USAGE(sigma.identity() || mixer.kernel == Kernel::correlation,
                     "sigma: only kernel correlation has one; kernel is ", enum_name(mixer.kernel));
  ORCHID_CHECK_USAGE(mixer.table_length >= 0, "table_length: expected at least 0, got ",
                     mixer.table_length);
  ORCHID_CHECK_USAGE(mixer.table_length == 0 || mixer.table_length >= length,
                     "table_length: expected at least the model's length ", length, " or 0, got ",
                     mixer.table_length);
  validate_combination(mixer);
  with_context("filter", [&] { validate_filter(mixer.filter); });
}

/// Any mixer, in an encoder of this width and sequences of at most this length.
struct MixerRules {
  std::int64_t width, length;

  void operator()(const OrchidMixerConfig& mixer) const { validate_mixer(mixer, length); }
  void operator()(const AttentionMixerConfig& mixer) const {
    ORCHID_CHECK_USAGE(mixer.heads >= 1 && width % mixer.heads == 0,
                       "heads: expected a divisor of width ", width, ", got ", mixer.heads);
  }
};

void validate_drop_path(const EncoderConfig& encoder) {
  rate("drop_path", encoder.drop_path);
  if (encoder.drop_path == 0) return;
  ORCHID_CHECK_USAGE(encoder.layers > 1,
                     "drop_path: it grows from 0 in the first block to its value in the last; "
                     "expected 0 with one layer, got ",
                     encoder.drop_path);
  ORCHID_CHECK_USAGE(encoder.norm == BlockNorm::pre || encoder.mixer_residual,
                     "drop_path: needs a residual past the mixer: norm pre, or mixer_residual");
}

void validate_encoder(const EncoderConfig& encoder, std::int64_t length) {
  positive("width", encoder.width);
  positive("layers", encoder.layers);
  at_most("layers", encoder.layers, kMostLayers);
  rate("dropout", encoder.dropout);
  rate("residual_dropout", encoder.residual_dropout);
  validate_drop_path(encoder);
  const MlpConfig& mlp = encoder.mlp;
  positive("mlp.expansion", mlp.expansion);
  positive("mlp.blocks", mlp.blocks);
  ORCHID_CHECK_USAGE(encoder.width % mlp.blocks == 0, "mlp.blocks: expected a divisor of width ",
                     encoder.width, ", got ", mlp.blocks);
  ORCHID_CHECK_USAGE(encoder.norm == BlockNorm::post || !encoder.mixer_residual,
                     "mixer_residual: pre-norm blocks always have one; leave the key out");
  with_context("mixer", [&] { std::visit(MixerRules{encoder.width, length}, encoder.mixer); });
}

void validate_bert(const BertConfig& bert) {
  positive("vocabulary", bert.vocabulary);
  positive("length", bert.length);
  positive("segments", bert.segments);
  rate("dropout", bert.dropout);
  with_context("encoder", [&] { validate_encoder(bert.encoder, bert.length); });
}

void validate_vit(const VitConfig& vit) {
  positive("image_size", vit.image_size);
  positive("patch", vit.patch);
  positive("channels", vit.channels);
  at_most("image_size", vit.image_size, 16384);  // whose patches can be counted
  at_most("channels", vit.channels, 16384);
  ORCHID_CHECK_USAGE(vit.image_size % vit.patch == 0, "patch: expected a divisor of image_size ",
                     vit.image_size, ", got ", vit.patch);
  rate("dropout", vit.dropout);
  with_context("encoder", [&] { validate_encoder(vit.encoder, vit.length()); });
}

/// One call operator a network.
struct ModelRules {
  void operator()(const BertConfig& bert) const { validate_bert(bert); }
  void operator()(const VitConfig& vit) const { validate_vit(vit); }
};

}  // namespace

void validate(const OrchidMixerConfig& mixer, std::int64_t length) {
  validate_mixer(mixer, length);
}

void validate(const ModelConfig& config) {
  with_context("model", [&] { std::visit(ModelRules{}, config); });
}

}  // namespace orchid::model
