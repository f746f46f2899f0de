#include "model/plan.h"

#include "model/model.h"

namespace orchid::model {

namespace {

/// The planning context is no GPU: what a mixer leaves to the device is settled here.
void settle_for_gpu(ModelConfig& config) {
  MixerConfig& mixer =
      std::visit([](auto& model) -> MixerConfig& { return model.encoder.mixer; }, config);
  auto* orchid = std::get_if<OrchidMixerConfig>(&mixer);
  if (orchid && orchid->recompute == Recompute::automatic) orchid->recompute = Recompute::always;
}

/// A micro-batch without memory.
struct MakeInput {
  const Context& ctx;
  std::int64_t batch, length, targets;

  Input operator()(const BertConfig&) const {
    Input input;
    input.ids = ctx.empty({batch, length}, DType::i32);
    input.rows = ctx.empty({targets}, DType::i32);
    return input;
  }
  Input operator()(const VitConfig& vit) const {
    Input input;
    input.images = ctx.empty({batch, vit.image_size, vit.image_size, vit.channels}, DType::f32);
    return input;
  }
};

}  // namespace

Plan plan_model(const ModelConfig& config, std::int64_t batch, std::int64_t length,
                std::int64_t targets, PlanFor where) {
  Context ctx = Context::planning(where.compute);
  ModelConfig settled = config;
  if (where.gpu) settle_for_gpu(settled);
  const std::unique_ptr<Model> model = build_model(ctx, settled, 0, where.head);
  Plan plan;
  model->visit("", {[&](const std::string& name, Parameter& parameter) {
                      const Shape& shape = parameter.value.shape();
                      plan.tensors.push_back({name, shape, shape.count()});
                      plan.parameters += shape.count();
                    },
                    nullptr});
  allocate_gradients(ctx, *model);
  refresh_products(ctx, *model);
  ctx.tally = {};
  const std::size_t resident = ctx.memory()->in_use();

  const Input input = std::visit(MakeInput{ctx, batch, length, targets}, config);
  Tape tape(0, 0);
  const Tensor logits = model->forward(ctx, input, tape);
  plan.forward_flops = ctx.tally.flops;
  model->backward(ctx, logits, tape);  // the gradient overwrites the logits
  plan.backward_flops = ctx.tally.flops - plan.forward_flops;
  plan.bytes_moved = ctx.tally.bytes;
  plan.activation_bytes = static_cast<double>(ctx.memory()->peak() - resident);
  return plan;
}

}  // namespace orchid::model
