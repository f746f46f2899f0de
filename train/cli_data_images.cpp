#include <algorithm>
#include <cmath>

#include <CLI/CLI.hpp>

#include "data/image/encode.h"
#include "data/image/images.h"
#include "data/image/packed.h"
#include "data/image/sheet.h"
#include "data/io/atomic_file.h"
#include "data/io/paths.h"
#include "data/loader.h"
#include "train/cli_data.h"
#include "train/config/load.h"
#include "train/log/console.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

namespace fs = std::filesystem;

struct PackRequest {
  std::string in, part = "train";
  data::PackOptions options;
  bool keep = false;
  std::int64_t shard_mib = 256;
  bool json = false;
};

data::ImagePart part_of(const std::string& name) {
  return name == "train" ? data::ImagePart::train : data::ImagePart::valid;
}

void print_notes(const std::vector<std::string>& notes) {
  Console console;
  for (const std::string& note : notes) console.note(note);
}

int run_pack(PackRequest request) {
  ORCHID_CHECK_USAGE(request.keep != (request.options.size > 0),
                     "expected --size N, or --keep for the bytes as they are");
  request.options.shard_bytes = request.shard_mib << 20;
  request.options.progress = progress_line("packing");
  request.options.stop = stop_asked;
  const auto images = data::open_images(request.in, part_of(request.part));
  print_notes(images->notes());
  const data::PackReport report = data::pack_images(*images, request.options);
  print_notes(report.damaged);
  const auto size = [](std::int64_t bytes) {
    return short_number(static_cast<double>(bytes)) + "B";
  };
  JsonWriter json(2);
  json.begin_object().member("directory", request.options.out.string());
  json.member("kind", images->kind()).member("pictures", report.pictures);
  json.member("classes", std::ssize(images->classes())).member("resized", report.resized);
  json.member("damaged", std::ssize(report.damaged)).member("shards", report.shards);
  json.member("bytes", report.bytes).member("bytes_before", report.bytes_before);
  json.member("seconds", report.seconds).end_object();
  std::string text = str(request.options.out.string(), ": ", report.pictures, " pictures of ",
                         images->classes().size(), " classes (", images->kind(), ") in ",
                         report.shards, " shards of ", size(report.bytes), ", before ",
                         size(report.bytes_before), ", in ", duration_text(report.seconds));
  if (request.options.size > 0) text += str("\n", report.resized, " of them made smaller");
  if (!report.damaged.empty())
    text += str("\n", report.damaged.size(), " damaged, kept as they are");
  print_answer(request.json, json.text(), text);
  return 0;
}

constexpr std::int64_t kMostSmall = 64;  ///< pixels of a side

struct PreviewRequest {
  std::string what, out;
  std::int64_t count = 36, epoch = 0;
  std::vector<std::string> sets;
  bool valid = false, json = false;
};

/// What is to be shown, and in what batches.
struct Shown {
  data::ImageDataOptions options;
  std::uint64_t seed = 0;
  data::LoaderOptions loading;
};

/// The side at which a sheet shows pictures, if they are small and square: that of the largest, of
/// those it begins with. 0: others are among them, or none can be read.
std::int64_t small_side(const data::ImageCollection& images, std::int64_t count) {
  std::int64_t side = 0;
  for (std::int64_t i = 0; i < std::min(count, images.size()); ++i) {
    try {
      const data::ImageInfo info = data::image_info(images.stored(i));
      if (info.width != info.height || info.width > kMostSmall) return 0;
      side = std::max(side, info.width);
    } catch (const Error&) {  // named when it is shown
    }
  }
  return side;
}

/// Pictures at a path, as they are: small ones whole, of others the center.
data::ImageDataOptions plain_options(const PreviewRequest& request) {
  ORCHID_CHECK_USAGE(request.sets.empty(), "--set goes with a configuration");
  data::ImageDataOptions options;
  options.train = options.valid = request.what;
  const auto images = data::open_images(request.what, part_of(request.valid ? "valid" : "train"));
  if (const std::int64_t side = small_side(*images, request.count); side > 0)
    options.size = options.resize = side;
  return options;
}

Shown shown_of(const PreviewRequest& request) {
  Shown shown;
  data::LoaderOptions& loading = shown.loading;
  loading.micro_batch = loading.global_batch = request.count;
  if (fs::path(request.what).extension() == ".json") {
    const RunConfig config = load_config(request.what, request.sets);
    const auto* options = std::get_if<data::ImageDataOptions>(&config.data);
    ORCHID_CHECK_USAGE(options, request.what, ": data.type: expected images, got another");
    shown.options = *options;
    shown.seed = loading.seed = config.seed;
    loading.global_batch = config.batch.global;
    loading.micro_batch = std::min(config.batch.per_device, config.batch.global);
    loading.shuffle = options->shuffle;
    loading.repeats = options->repeats;
  } else {
    shown.options = plain_options(request);
  }
  loading.threads = 0;
  loading.whole_epochs = true;
  if (request.valid) loading = data::evaluation_options(request.count);
  return shown;
}

int run_preview(const PreviewRequest& request) {
  Shown shown = shown_of(request);
  if (request.valid && shown.options.valid_fraction == 0) shown.options.train.clear();
  if (!request.valid && shown.options.valid_fraction == 0) shown.options.valid.clear();
  data::OpenedImages opened = data::open_image_data(shown.options, shown.seed, !request.valid);
  print_notes(opened.notes);
  data::ImageDataset* dataset = request.valid ? opened.valid.get() : opened.train.get();
  ORCHID_CHECK_USAGE(dataset, request.what, ": it names no pictures for --valid");
  dataset->on_damaged([](const std::string& line) { print_notes({line}); });
  if (!request.valid) {
    const std::int64_t samples = data::epoch_samples(dataset->size(), shown.loading.repeats);
    shown.loading.start_step =
        request.epoch * ((samples + shown.loading.global_batch - 1) / shown.loading.global_batch);
  }
  data::Loader loader(*dataset, shown.loading);
  const std::int64_t side = shown.options.size, each = side * side * shown.options.channels;
  std::vector<data::Image> cells;
  JsonWriter json(2);
  json.begin_object().member("file", request.out).member("epoch", request.epoch);
  json.key("pictures").begin_array();
  std::string text;
  while (std::ssize(cells) < request.count) {
    const std::optional<data::Batch> batch = loader.next();
    if (!batch) break;
    const float* values = batch->images.data<float>();
    for (std::int64_t row = 0; row < batch->samples && std::ssize(cells) < request.count; ++row) {
      cells.push_back(data::unnormalized({values + row * each, static_cast<std::size_t>(each)},
                                         side, side, shown.options.mean, shown.options.deviation));
      const auto name = [&](const Tensor& labels) {
        return opened.classes[static_cast<std::size_t>(labels.data<std::int32_t>()[row])];
      };
      json.begin_object().member("class", name(batch->targets));
      text += str(cells.size(), "  ", name(batch->targets));
      if (batch->partners.defined()) {
        const auto share = static_cast<double>(batch->shares.data<float>()[row]);
        json.member("share", share).member("partner", name(batch->partners));
        text += str(" ", share, ", ", name(batch->partners), " ", 1 - share);
      }
      json.end_object();
      text += "\n";
    }
  }
  const auto columns = static_cast<std::int64_t>(std::ceil(std::sqrt(std::ssize(cells))));
  data::write_file(request.out, data::encode_png(data::contact_sheet(cells, columns)));
  json.end_array().member("columns", columns).end_object();
  print_answer(request.json, json.text(),
               str(text, request.out, ": ", cells.size(), " pictures, ", columns, " a row"));
  return 0;
}

}  // namespace

void add_pack_images(CLI::App& group, Action& action) {
  auto request = std::make_shared<PackRequest>();
  CLI::App* verb = group.add_subcommand("pack-images", "Put pictures into memory-mapped shards");
  verb->add_option("in", request->in, "folder of MNIST, CIFAR-10 or class folders, or a tar")
      ->required();
  verb->add_option("--out", request->options.out, "new folder")->required();
  verb->add_option("--part", request->part, "of what holds both: train | valid")
      ->check(CLI::IsMember({"train", "valid"}));
  verb->add_option("--size", request->options.size, "bring larger ones to this shorter side")
      ->check(CLI::Range(1, 1 << 14));
  verb->add_option("--quality", request->options.quality, "of the JPEGs that are made then")
      ->check(CLI::Range(1, 100));
  verb->add_flag("--keep", request->keep, "bytes as they are");
  verb->add_option("--shard-mib", request->shard_mib, "MiB of a shard at most")
      ->check(CLI::Range(1, 1 << 20));
  verb->add_option("--threads", request->options.threads,
                   "0: all processors; the result is the same")
      ->check(CLI::Range(0, kMostThreads));
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples(
      {"orchid data pack-images tests/data/images --size 20 --out packed/train",
       "orchid data pack-images tests/data/images --part valid --keep --out packed/valid"}));
  verb->callback([request, &action] {
    action = [request] { return until_stopped([&] { return run_pack(*request); }); };
  });
}

void add_preview(CLI::App& group, Action& action) {
  auto request = std::make_shared<PreviewRequest>();
  CLI::App* verb =
      group.add_subcommand("preview", "Show what training sees, as a sheet of pictures");
  verb->add_option("what", request->what, "configuration (.json), or pictures to show as they are")
      ->required();
  verb->add_option("--out", request->out, "PNG to write")->required();
  verb->add_option("--count", request->count, "pictures")->check(CLI::Range(1, 1024));
  verb->add_option("--epoch", request->epoch, "the beginning of which epoch, from 0")
      ->check(CLI::Range(0, 1'000'000));
  verb->add_flag("--valid", request->valid, "what evaluation sees instead");
  add_sets(verb, request->sets);
  verb->add_flag("--json", request->json, "print JSON");
  verb->footer(examples({"orchid data preview tests/data/images --out sheet.png",
                         "orchid data preview configs/image/imagenette.json --set "
                         "data.train=tests/data/images --out sheet.png --epoch 3 --json"}));
  verb->callback([request, &action] { action = [request] { return run_preview(*request); }; });
}

bool is_packed_images(const fs::path& folder) {
  if (!data::is_file(folder / "index.txt")) return false;
  return data::MappedFile::open(folder / "index.txt").text().starts_with("orchid-images");
}

int inspect_images(const fs::path& folder, bool as_json) {
  const data::PackedImages images(folder);
  images.verify();
  std::vector<std::int64_t> counts(images.classes().size());
  for (std::int64_t i = 0; i < images.size(); ++i)
    ++counts[static_cast<std::size_t>(images.label(i))];
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  JsonWriter json(2);
  json.begin_object().member("directory", folder.string()).member("kind", images.kind());
  json.member("pictures", images.size()).member("classes", std::ssize(counts));
  json.member("fewest_of_a_class", counts.empty() ? 0 : *least);
  json.member("most_of_a_class", counts.empty() ? 0 : *most);
  json.member("resized", images.resized()).member("quality", images.quality());
  json.member("shards", std::ssize(images.shards())).member("bytes", images.bytes()).end_object();
  const std::string how = images.resized() > 0 ? str("shorter side at most ", images.resized(),
                                                     ", quality ", images.quality())
                                               : std::string("bytes as they were");
  print_answer(
      as_json, json.text(),
      str(folder.string(), ": every file is as it was written\npictures         ", images.size(),
          " (", images.kind(), "), ", how, "\nclasses          ", counts.size(), ", of ",
          counts.empty() ? 0 : *least, " to ", counts.empty() ? 0 : *most,
          " pictures\nshards           ", images.shards().size(), " of ",
          short_number(static_cast<double>(images.bytes())), "B"));
  return 0;
}

}  // namespace orchid::train
