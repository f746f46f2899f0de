#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/image/option_enums.h"

namespace orchid::data {

// What a run's configuration says of pictures, in the pattern of model/config.h: each struct lists
// its fields once, and an initialiser is the default. By default nothing is augmented.

/// timm's rand-m9-mstd0.5-inc1 is {2, 9, 0.5, 0.5}.
struct RandAugmentSettings {
  std::int64_t operations = 0;
  double magnitude = 9;
  double deviation = 0.5;
  double probability = 0.5;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("operations", self.operations, "operations drawn for each picture; 0: none");
    field("magnitude", self.magnitude, "mean strength, of 10");
    field("deviation", self.deviation, "of the strength, drawn for each operation");
    field("probability", self.probability, "that an operation which was drawn is applied");
  }
};

struct JitterSettings {
  double brightness = 0;
  double contrast = 0;
  double color = 0;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("brightness", self.brightness, "x: a factor of 1 - x to 1 + x; 0: none");
    field("contrast", self.contrast, "the same");
    field("color", self.color, "the same; of the saturation");
  }
};

/// What is done to the pictures of training, in this order (mixing last, on whole batches).
struct AugmentationOptions {
  CropKind crop = CropKind::none;
  std::array<double, 2> scale = {0.08, 1.0};
  std::array<double, 2> ratio = {3.0 / 4, 4.0 / 3};
  std::int64_t padding = 4;
  Interpolation interpolation = Interpolation::random;
  double flip = 0;
  RandAugmentSettings randaugment;
  JitterSettings jitter;
  double erasing = 0;
  double mixup = 0;
  double cutmix = 0;
  double mix_probability = 1;
  double switch_probability = 0.5;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("crop", self.crop,
          "none: as in evaluation; random_resized: a random part brought to the size; shifted: by "
          "up to `padding` pixels, mirrored beyond the edge");
    field("scale", self.scale, "random_resized: least and largest share of the area");
    field("ratio", self.ratio, "random_resized: least and largest width over height");
    field("padding", self.padding, "shifted: pixels either way at most");
    field("interpolation", self.interpolation,
          "random_resized: bilinear, bicubic, or for each picture either (random)");
    field("flip", self.flip, "probability of left for right");
    field("randaugment", self.randaugment, "RandAugment");
    field("jitter", self.jitter, "random changes of brightness, contrast, color");
    field("erasing", self.erasing, "probability that a random box becomes noise");
    field("mixup", self.mixup, "alpha of mixup, a blend of two pictures of a batch; 0: none");
    field("cutmix", self.cutmix, "alpha of cutmix, a box of one picture in another; 0: none");
    field("mix_probability", self.mix_probability, "that a batch is mixed at all");
    field("switch_probability", self.switch_probability,
          "that a mixed batch is cutmix, where there are both");
  }
};

/// Pictures with a class each.
struct ImageDataOptions {
  static constexpr const char* type = "images";
  std::string train;
  std::string valid;
  double valid_fraction = 0;
  std::uint64_t split_seed = 42;
  std::int64_t size = 224;
  std::int64_t channels = 3;
  std::vector<double> mean = {0.485, 0.456, 0.406};
  std::vector<double> deviation = {0.229, 0.224, 0.225};
  std::int64_t resize = 248;
  Interpolation filter = Interpolation::bicubic;
  AugmentationOptions augmentation;
  std::int64_t repeats = 1;
  DamagedImages damaged = DamagedImages::skip;
  bool shuffle = true;
  std::int64_t threads = 1;
  std::int64_t prefetch = 4;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("train", self.train,
          "pictures to train on: folder of MNIST, CIFAR-10 or class folders, tar, packed folder");
    field("valid", self.valid, "pictures to evaluate on, the same; empty: see valid_fraction");
    field("valid_fraction", self.valid_fraction,
          "share of `train` to evaluate on and not to train on; above 0 in place of `valid`");
    field("split_seed", self.split_seed, "draws that share");
    field("size", self.size, "height and width of what the network sees");
    field("channels", self.channels, "3, or 1: brightness alone");
    field("mean", self.mean, "subtracted from values of 0 ... 1, by channel");
    field("deviation", self.deviation, "what they are divided by then, by channel");
    field("resize", self.resize,
          "evaluation: the shorter side before the center is cut out; 0: pictures have their size");
    field("filter", self.filter, "evaluation: bilinear | bicubic");
    field("augmentation", self.augmentation, "random changes in training");
    field("repeats", self.repeats,
          "repeated augmentation: times a picture is shown in a row, each time changed otherwise; "
          "an epoch keeps its length, so sees that much fewer pictures");
    field("damaged", self.damaged,
          "a picture that cannot be read: skip (the next takes its place, named once) or fail");
    field("shuffle", self.shuffle, "a new order of the training samples each epoch");
    field("threads", self.threads, "threads that prepare batches; 0: the training thread does");
    field("prefetch", self.prefetch, "batches kept ready");
  }
};

/// Throws a usage Error that names the key and the rule: "augmentation: flip: expected ...".
void validate(const ImageDataOptions&);

}  // namespace orchid::data
