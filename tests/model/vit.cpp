#include "model/vit.h"

#include "kernels/ops/cross_entropy.h"
#include "tests/model/gradients.h"
#include "tests/model/tiny_bert.h"
#include "tests/model/tiny_vit.h"
#include "tests/support/arrays.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::model;

namespace {

/// Three pictures of mixed classes.
struct Example {
  Example(const Context& ctx, const VitConfig& config)
      : input(random_pictures(ctx, config, 3)),
        targets(upload_i32(ctx, {1, 4, 0}, {3})),
        partners(upload_i32(ctx, {0, 4, 3}, {3})),
        shares(upload(ctx, Array{0.75, 0.5, 0.125}, {3}, DType::f32)) {}

  /// Sum of the losses; the gradient replaces `dlogits` where that is not null.
  double loss(Context& ctx, const Tensor& logits, Tensor* dlogits) const {
    Tensor each = ctx.empty({3}, DType::f64), correct = ctx.empty({3}, DType::i32);
    if (dlogits) *dlogits = ctx.empty(logits.shape());
    run(ctx, ops::CrossEntropy{.logits = logits,
                               .targets = targets,
                               .loss = each,
                               .correct = correct,
                               .dlogits = dlogits ? OptionalOut(*dlogits) : OptionalOut(),
                               .partners = partners,
                               .shares = shares,
                               .smoothing = 0.1});
    double sum = 0;
    for (const double value : download(each)) sum += value;
    return sum;
  }

  Input input;
  Tensor targets, partners, shares;
};

/// A model with the gradients of an example's loss.
struct Trained {
  explicit Trained(const VitConfig& config) : model(build_vit(ctx, config)), example(ctx, config) {
    enlarge(*model);
    allocate_gradients(ctx, *model);
    Tape tape(5, 11);
    Tensor dlogits;
    example.loss(ctx, model->forward(ctx, example.input, tape), &dlogits);
    model->backward(ctx, dlogits, tape);
    CHECK(tape.empty());
  }

  double loss() const {
    Tape again(5, 11);
    return example.loss(ctx, model->forward(ctx, example.input, again), nullptr);
  }

  mutable Context ctx = Context({}, DType::f64, 1);
  std::unique_ptr<Model> model;
  Example example;
};

void check_model_gradients(const VitConfig& config) {
  const Trained trained(config);
  check_all_gradients(*trained.model, [&] { return trained.loss(); });
}

/// The derivative of the loss where all parameters move together: two evaluations.
void check_direction(const VitConfig& config) {
  const Trained trained(config);
  double derivative = 0;
  const auto move = [&](double step) {
    trained.model->visit("", {[&](const std::string& path, Parameter& parameter) {
                                const Array along =
                                    random_array(parameter.value.count(), 100 + path.size());
                                double* values = parameter.value.data<double>();
                                for (std::size_t i = 0; i < along.size(); ++i)
                                  values[i] += step * along[i];
                                if (step == 0) derivative += dot(parameter.grad, along);
                              },
                              nullptr});
    return trained.loss();
  };
  constexpr double kStep = 1e-6;
  move(0);
  const double above = move(kStep), below = move(-2 * kStep);
  CHECK(derivative == Approx((above - below) / (2 * kStep)).epsilon(1e-6));
}

Array logits_of(Context& ctx, const Model& model, const Input& input) {
  Tape off = Tape::off();
  return download(model.forward(ctx, input, off));
}

Input rows_of(const Context& ctx, const Input& input, std::int64_t first, std::int64_t count) {
  const Shape& shape = input.images.shape();
  const Shape part{count, shape[1], shape[2], shape[3]};
  const Array all = download(input.images);
  const auto begin = all.begin() + first * part.count() / count;
  Input result;
  result.images = upload(ctx, Array(begin, begin + part.count()), part, DType::f32);
  return result;
}

}  // namespace

TEST_CASE("vit: whole-model gradients equal central differences", "[model][vit]") {
  VitConfig config = tiny_vit();
  SECTION("Orchid, learned positions, mean") {}
  SECTION("Orchid, class token, learned positions") {
    config.class_token = true;
  }
  SECTION("class token without positions, dense MLP") {
    config.class_token = true;
    config.positions = PatchPositions::none;
    config.encoder.mlp.blocks = 1;
  }
  SECTION("neither token nor positions") {
    config.positions = PatchPositions::none;
  }
  SECTION("fixed positions, dropout of all kinds") {
    config.positions = PatchPositions::sinusoidal;
    config.dropout = 0.2;
    config.encoder.dropout = 0.3;
    config.encoder.residual_dropout = 0.2;
    config.encoder.drop_path = 0.6;
  }
  SECTION("attention with class token, positions and stochastic depth") {
    config.class_token = true;
    config.encoder.mixer = AttentionMixerConfig{.heads = 2, .qkv_bias = false};
    config.encoder.mlp.blocks = 1;
    config.encoder.layers = 3;
    config.encoder.drop_path = 0.5;
    config.dropout = 0.1;
  }
  SECTION("attention, mean, fixed positions under a class token") {
    config.class_token = true;
    config.positions = PatchPositions::sinusoidal;
    config.encoder.mixer = AttentionMixerConfig{.heads = 4};
  }
  SECTION("post-norm blocks with stochastic depth") {
    config.encoder.norm = BlockNorm::post;
    config.encoder.mixer_residual = true;
    config.encoder.drop_path = 0.5;
  }
  SECTION("one block, patches of one pixel") {
    config.image_size = 3;
    config.patch = 1;
    config.encoder.layers = 1;
  }
  check_model_gradients(config);
}

TEST_CASE("vit: sequences of the lengths of the experiments run, and their gradients are right",
          "[model][vit]") {
  struct Size {
    std::int64_t image, patch;
    bool token;
    std::int64_t length;
  };
  // ImageNet, with and without a class token, and CIFAR-10 in patches of 4, 2 and 1 pixels.
  const auto size =
      GENERATE(Size{224, 16, false, 196}, Size{224, 16, true, 197}, Size{32, 4, false, 64},
               Size{32, 2, false, 256}, Size{32, 1, false, 1024});
  VitConfig config = tiny_vit();
  config.image_size = size.image;
  config.patch = size.patch;
  config.channels = 3;
  config.class_token = size.token;
  config.encoder.layers = 1;
  std::get<OrchidMixerConfig>(config.encoder.mixer).table_length = 1024;
  CHECK(config.length() == size.length);
  check_direction(config);
}

TEST_CASE("vit: a picture's answer depends on no other picture of its batch", "[model][vit]") {
  VitConfig config = tiny_vit();
  config.class_token = GENERATE(false, true);
  if (GENERATE(false, true)) config.encoder.mixer = AttentionMixerConfig{.heads = 2};
  config.encoder.drop_path = 0.5;  // no part of evaluation
  Context ctx({}, DType::f64, 1);
  const std::unique_ptr<Model> model = build_vit(ctx, config);
  enlarge(*model);
  const Input input = random_pictures(ctx, config, 3);
  const Array together = logits_of(ctx, *model, input);
  Array apart;
  for (std::int64_t b = 0; b < 3; ++b)
    for (const double value : logits_of(ctx, *model, rows_of(ctx, input, b, 1)))
      apart.push_back(value);
  check_close("logits one by one", apart, together, kF64);
  // Another picture in the middle.
  Array images = download(input.images);
  const auto each = static_cast<std::ptrdiff_t>(images.size() / 3);
  std::transform(images.begin() + each, images.begin() + 2 * each, images.begin() + each,
                 [](double v) { return 1 - v; });
  Input changed;
  changed.images = upload(ctx, images, input.images.shape(), DType::f32);
  const Array other = logits_of(ctx, *model, changed);
  const auto row = [](const Array& logits, std::ptrdiff_t b) {
    return Array(logits.begin() + b * kPictureClasses, logits.begin() + (b + 1) * kPictureClasses);
  };
  CHECK(row(other, 0) == row(together, 0));
  CHECK(row(other, 1) != row(together, 1));
  CHECK(row(other, 2) == row(together, 2));
}

TEST_CASE("vit: the first loss is that of guessing", "[model][vit]") {
  VitConfig config;
  config.image_size = 32;
  config.patch = 4;
  config.encoder.width = 128;
  config.encoder.layers = 6;
  config.class_token = GENERATE(false, true);
  const std::int64_t classes = GENERATE(10, 1000);
  Context ctx({}, DType::f32, 2);
  const std::unique_ptr<Model> model = build_vit(ctx, config, classes);
  constexpr std::int64_t kPictures = 16;
  Tape off = Tape::off();
  const Tensor logits = model->forward(ctx, random_pictures(ctx, config, kPictures), off);
  Tensor each = ctx.empty({kPictures}, DType::f64), correct = ctx.empty({kPictures}, DType::i32);
  std::vector<std::int32_t> targets(kPictures);
  for (std::size_t b = 0; b < targets.size(); ++b) targets[b] = static_cast<std::int32_t>(b % 10);
  run(ctx, ops::CrossEntropy{.logits = logits,
                             .targets = upload_i32(ctx, targets, {kPictures}),
                             .loss = each,
                             .correct = correct,
                             .dlogits = {}});
  double mean = 0;
  for (const double value : download(each)) mean += value / kPictures;
  // A logit's deviation is at most 0.02 sqrt(128) = 0.23, as |LN(.)|^2 = D.
  INFO("loss " << mean << " of " << classes << " classes");
  CHECK(std::abs(mean - std::log(static_cast<double>(classes))) < 0.2);
}

TEST_CASE("vit: a sample that skips a block leaves it without a gradient", "[model][vit]") {
  // In the last block nearly every sample is dropped, in the first none, with every seed here.
  VitConfig config = tiny_vit();
  config.encoder.drop_path = 0.999;
  const Trained trained(config);
  int skipped = 0;
  trained.model->visit("", {[&](const std::string& path, Parameter& parameter) {
                              const Array gradient = download(parameter.grad);
                              const bool zero = std::all_of(gradient.begin(), gradient.end(),
                                                            [](double g) { return g == 0; });
                              INFO(path);
                              CHECK(zero == path.starts_with("encoder.layers.1."));
                              skipped += zero;
                            },
                            nullptr});
  CHECK(skipped > 20);
}

TEST_CASE("vit: what does not fit is refused by name", "[model][vit][config]") {
  const auto refuses = [](const std::string& message, auto change) {
    VitConfig config;
    change(config);
    require_error([&] { validate(ModelConfig{config}); }, message);
  };
  refuses("model: patch: expected a divisor of image_size 224, got 15",
          [](VitConfig& c) { c.patch = 15; });
  refuses("patch: expected at least 1, got 0", [](VitConfig& c) { c.patch = 0; });
  refuses("channels: expected at least 1, got 0", [](VitConfig& c) { c.channels = 0; });
  refuses("image_size: expected at most 16384, got 100000",
          [](VitConfig& c) { c.image_size = 100000; });
  refuses("dropout: expected a rate in [0, 1), got 1", [](VitConfig& c) { c.dropout = 1; });
  refuses("model: encoder: drop_path: expected a rate in [0, 1), got 1",
          [](VitConfig& c) { c.encoder.drop_path = 1; });
  refuses("drop_path: it grows from 0", [](VitConfig& c) {
    c.encoder.drop_path = 0.1;
    c.encoder.layers = 1;
  });
  refuses("drop_path: needs a residual past the mixer", [](VitConfig& c) {
    c.encoder.drop_path = 0.1;
    c.encoder.norm = BlockNorm::post;
  });
  // 28 x 28 patches, and one class token more than the table has rows.
  refuses("mixer: table_length: expected at least the model's length 3136",
          [](VitConfig& c) { c.patch = 4; });
  refuses("table_length: expected at least the model's length 1025", [](VitConfig& c) {
    c.image_size = 32;
    c.patch = 1;
    c.class_token = true;
  });
  Context ctx({}, DType::f32, 1);
  require_error([&] { build_model(ctx, tiny_vit(), 1); }, "model: type vit classifies pictures");
  require_error([&] { build_model(ctx, tiny_bert(), 1, ClassifierHeadConfig{2}); },
                "model: type bert reads texts");
  const std::unique_ptr<Model> model = build_vit(ctx, tiny_vit());
  VitConfig larger = tiny_vit();
  larger.image_size = 8;
  require_error([&] { logits_of(ctx, *model, random_pictures(ctx, larger, 1)); },
                "vit: images: expected (1, 6, 6, 2) (model.image_size, model.channels), "
                "got (1, 8, 8, 2)");
  require_error([&] { logits_of(ctx, *model, Input{}); }, "vit: images: expected pictures");
}
