#include "model/vit.h"

#include <cmath>

#include "kernels/ops/matmul.h"
#include "kernels/ops/patches.h"

namespace orchid::model {
namespace {

struct SavedPatches {
  Tensor patches;
};

constexpr double kTableDeviation = 0.02;

/// Column j of position l in a table of `width` columns.
double sinusoid(std::int64_t l, std::int64_t j, std::int64_t width) {
  const double power = static_cast<double>(j / 2 * 2) / static_cast<double>(width);
  const double angle = static_cast<double>(l) / std::pow(10000.0, power);
  return j % 2 == 0 ? std::sin(angle) : std::cos(angle);
}

Parameter make_positions(const Init& init, const VitConfig& config) {
  const std::int64_t width = config.encoder.width;
  const Shape shape{config.length(), width};
  if (config.positions == PatchPositions::none) return {};
  if (config.positions == PatchPositions::learned)
    return init.normal("positions", shape, kTableDeviation);
  return init.table("positions", shape,
                    [=](std::int64_t i) { return sinusoid(i / width, i % width, width); });
}

ClassifierHeadConfig classifier_of(const HeadConfig& head) {
  const auto* classifier = std::get_if<ClassifierHeadConfig>(&head);
  ORCHID_CHECK_USAGE(classifier, "model: type vit classifies pictures; expected a task that does");
  return *classifier;
}

}  // namespace

PatchEmbeddings::PatchEmbeddings(const Init& init, const VitConfig& config)
    : patch_(config.patch),
      trains_positions_(config.positions == PatchPositions::learned),
      positions_(make_positions(init, config)),
      dropout_(init, config.dropout) {
  // As a convolution's, whatever the model's rule for dense layers.
  const Init as_convolution = init.with(LinearInit::uniform);
  const std::int64_t width = config.encoder.width, inputs = patch_ * patch_ * config.channels;
  weight_ = as_convolution.linear_weight("weight", {width, inputs}, inputs);
  bias_ = as_convolution.linear_bias("bias", {width}, inputs);
  if (config.class_token) token_ = init.normal("class_token", {width}, kTableDeviation);
}

Tensor PatchEmbeddings::forward(Context& ctx, const Tensor& images, Tape& tape) const {
  const Shape& shape = images.shape();
  const std::int64_t count = shape[1] / patch_ * (shape[2] / patch_);
  const std::int64_t width = weight_.value.shape()[0];
  Tensor patches = ctx.empty({shape[0], count, weight_.value.shape()[1]});
  run(ctx, ops::Patches{.x = images, .y = patches, .patch = patch_});
  Tensor y = ctx.empty({shape[0], count, width});
  run(ctx, ops::Matmul{.a = patches,
                       .b = weight_.operand(ctx.compute()),
                       .bias = bias_.value,
                       .c = y,
                       .transpose_b = true});
  tape.save(SavedPatches{patches});
  if (adds_tokens()) {
    const bool token = token_.value.defined();
    Tensor longer = token ? ctx.empty({shape[0], count + 1, width}) : y;
    run(ctx, ops::PatchTokens{
                 .x = y, .token = token_.value, .positions = positions_.value, .y = longer});
    y = longer;
  }
  return dropout_.forward(ctx, y, tape);
}

void PatchEmbeddings::backward(Context& ctx, const Tensor& dy, Tape& tape) {
  Tensor dsum = dropout_.backward(ctx, dy, tape);
  const auto [patches] = tape.take<SavedPatches>();
  if (token_.value.defined() || trains_positions_) {
    Tensor dx;
    if (token_.value.defined())
      dx = ctx.empty(patches.shape().with_last(dy.shape().last()), dy.dtype());
    // Fixed positions have no gradient.
    run(ctx, ops::PatchTokensGrad{
                 .dy = dsum, .dx = dx, .dtoken = token_.grad, .dpositions = positions_.grad});
    if (dx.defined()) dsum = dx;
  }
  run(ctx,
      ops::MatmulAccumulate{
          .a = dsum, .b = patches, .c = weight_.grad, .a_sums = bias_.grad, .transpose_a = true});
}

void PatchEmbeddings::visit(const std::string& prefix, const Visitor& visitor) {
  if (visitor.parameter) {
    visitor.parameter(join(prefix, "weight"), weight_);
    visitor.parameter(join(prefix, "bias"), bias_);
    if (token_.value.defined()) visitor.parameter(join(prefix, "class_token"), token_);
    if (trains_positions_) visitor.parameter(join(prefix, "positions"), positions_);
  }
  if (visitor.buffer && positions_.value.defined() && !trains_positions_)
    visitor.buffer(join(prefix, "positions"), positions_.value);
}

Vit::Vit(const Init& init, const VitConfig& config, const HeadConfig& head)
    : config_(config),
      embeddings_(init.at("embeddings"), config),
      encoder_(init.at("encoder"), config.encoder, config.length()),
      head_(init.at("head"), classifier_of(head), config.encoder.width,
            config.class_token ? Pooling::first : Pooling::mean) {}

Tensor Vit::forward(Context& ctx, const Input& input, Tape& tape) const {
  ORCHID_CHECK(input.images.defined(), "vit: images: expected pictures, got none");
  const Shape& shape = input.images.shape();
  const std::int64_t size = config_.image_size;
  const Shape expected{shape[0], size, size, config_.channels};
  ORCHID_CHECK(shape == expected, "vit: images: expected ", expected, " (model.image_size, ",
               "model.channels), got ", shape);
  const Tensor x = embeddings_.forward(ctx, input.images, tape);
  return head_.forward(ctx, encoder_.forward(ctx, x, Tensor(), tape), input, tape);
}

void Vit::backward(Context& ctx, const Tensor& dlogits, Tape& tape) {
  const Tensor dy = head_.backward(ctx, dlogits, tape);
  embeddings_.backward(ctx, encoder_.backward(ctx, dy, tape), tape);
}

void Vit::visit(const std::string& prefix, const Visitor& visitor) {
  embeddings_.visit(join(prefix, "embeddings"), visitor);
  encoder_.visit(join(prefix, "encoder"), visitor);
  head_.visit(join(prefix, "head"), visitor);
}

}  // namespace orchid::model
