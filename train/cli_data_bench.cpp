#include <ctime>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "data/image/images.h"
#include "train/cli_data.h"
#include "train/config/load.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

struct LoaderBenchRequest {
  std::string what;
  std::vector<std::string> sets;
  std::int64_t passes = 3, most = 2000;
  bool json = false;
};

/// Of this thread on a processor: other programs on the machine do not count.
double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// ImageNet's training, as the paper's vision recipes have it.
data::ImageDataOptions imagenet_options(const std::string& path) {
  data::ImageDataOptions options;
  options.train = path;
  options.augmentation.crop = data::CropKind::random_resized;
  options.augmentation.flip = 0.5;
  options.augmentation.randaugment.operations = 2;
  options.augmentation.erasing = 0.25;
  return options;
}

data::ImageDataOptions options_of(const LoaderBenchRequest& request) {
  if (std::filesystem::path(request.what).extension() != ".json") {
    ORCHID_CHECK_USAGE(request.sets.empty(), "--set goes with a configuration");
    return imagenet_options(request.what);
  }
  const RunConfig config = load_config(request.what, request.sets);
  const auto* options = std::get_if<data::ImageDataOptions>(&config.data);
  ORCHID_CHECK_USAGE(options, request.what, ": data.type: expected images, got another");
  return *options;
}

/// Milliseconds a picture, by what is done to it.
struct LoaderTimes {
  std::int64_t pictures = 0;
  double all = 0, read = 0, decode = 0, augment = 0, finish = 0;
};

LoaderTimes measure(const data::ImageDataOptions& options, const LoaderBenchRequest& request) {
  data::ImageDataOptions plain = options;
  plain.augmentation.randaugment.operations = 0;
  plain.augmentation.jitter = {};
  const auto images = data::open_images(options.train, data::ImagePart::train);
  Console console;
  for (const std::string& note : images->notes()) console.note(note);
  const data::ImageDataset whole(images, options, data::ImageUse::training, 0);
  const data::ImageDataset bare(images, plain, data::ImageUse::training, 0);
  const std::int64_t count = std::min(request.most, whole.size());
  data::Batch batch = whole.empty_batch(1, make_host_pool());
  const auto time = [&](auto&& work) {
    const double start = thread_seconds();
    for (std::int64_t pass = 0; pass < request.passes; ++pass)
      for (std::int64_t i = 0; i < count; ++i) work(i, static_cast<std::uint64_t>(pass));
    return 1e3 * (thread_seconds() - start) / static_cast<double>(count * request.passes);
  };
  LoaderTimes times{.pictures = count};
  const auto stored = [&](std::int64_t i, std::uint64_t) { images->stored(i); };
  time(stored);  // so that files are in memory
  times.read = time(stored);
  const double cut = time([&](auto i, auto draw) { bare.view(i, draw); });
  const double changed = time([&](auto i, auto draw) { whole.view(i, draw); });
  times.all = time([&](auto i, auto draw) { whole.item(i, draw, batch, 0); });
  times.decode = cut - times.read;
  times.augment = changed - cut;
  times.finish = times.all - changed;
  return times;
}

int run_bench_loader(const LoaderBenchRequest& request) {
  const LoaderTimes times = measure(options_of(request), request);
  const double rate = 1e3 / times.all;
  JsonWriter json(2);
  json.begin_object().member("pictures", times.pictures).member("passes", request.passes);
  json.member("images_per_second", rate).key("milliseconds").begin_object();
  json.member("all", times.all).member("read", times.read).member("decode", times.decode);
  json.member("augment", times.augment).member("finish", times.finish).end_object();
  json.key("cores_for").begin_object();
  json.member("3000", 3000 / rate).member("5000", 5000 / rate).end_object().end_object();
  print_answer(request.json, json.text(),
               str(rate, " images/s a core\nread             ", times.read,
                   " ms a picture\ndecode, resize   ", times.decode, " ms\naugment          ",
                   times.augment, " ms\nnormalise, erase ", times.finish, " ms\ncores            ",
                   3000 / rate, " for 3000 images/s, ", 5000 / rate, " for 5000"));
  return 0;
}

}  // namespace

void add_bench_loader(CLI::App& group, Action& action) {
  auto request = std::make_shared<LoaderBenchRequest>();
  CLI::App* verb = group.add_subcommand("bench", "Time how fast a core prepares training pictures");
  verb->add_option("what", request->what,
                   "configuration (.json), or pictures: ImageNet's training pipeline over them")
      ->required();
  verb->add_option("--passes", request->passes, "over the pictures, each with other draws")
      ->check(CLI::Range(1, 1000));
  verb->add_option("--most", request->most, "pictures at most")->check(CLI::Range(1, 1 << 30));
  add_sets(verb, request->sets);
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples({"orchid data bench tests/data/images",
                         "orchid data bench tests/data/images --passes 1 --json"}));
  verb->callback([request, &action] { action = [request] { return run_bench_loader(*request); }; });
}

}  // namespace orchid::train
