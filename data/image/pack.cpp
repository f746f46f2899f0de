#include <algorithm>
#include <array>
#include <chrono>
#include <iomanip>
#include <sstream>
#include <thread>

#include "data/image/encode.h"
#include "data/image/packed.h"
#include "data/image/resample.h"
#include "data/io/atomic_file.h"
#include "data/io/checksum.h"
#include "data/io/partial.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPortion = 64;  ///< pictures prepared at once

const char* name_of(ImageStorage storage) {
  return storage == ImageStorage::file ? "file" : storage == ImageStorage::gray ? "gray" : "planes";
}

/// Writes shards one after another.
class ShardWriter {
 public:
  ShardWriter(fs::path folder, std::int64_t shard_bytes)
      : folder_(std::move(folder)), shard_bytes_(shard_bytes) {}

  void add(std::span<const std::byte> bytes, std::int64_t label, std::string name) {
    if (file_ && shard_.bytes > 0 && shard_.bytes + std::ssize(bytes) > shard_bytes_) close();
    if (!file_) open();
    offsets_.push_back(static_cast<std::uint64_t>(shard_.bytes));
    write(bytes);
    shard_.bytes += std::ssize(bytes);
    labels_.push_back(static_cast<std::int32_t>(label));
    std::replace(name.begin(), name.end(), '\n', ' ');
    names_ += name + "\n";
    ++shard_.pictures;
  }

  std::vector<PackedImages::Shard> finish() {
    if (file_) close();
    return finished_;
  }

 private:
  void open() {
    std::ostringstream name;
    name << "images-" << std::setw(5) << std::setfill('0') << finished_.size() << ".bin";
    shard_ = {.file = name.str()};
    file_ = std::make_unique<AtomicFile>(folder_ / shard_.file);
    sum_ = {};
    write(std::as_bytes(std::span(kPackedMagic)));
  }
  void close() {
    offsets_.push_back(static_cast<std::uint64_t>(shard_.bytes));
    pad(shard_.bytes);
    write(std::as_bytes(std::span(offsets_)));
    write(std::as_bytes(std::span(labels_)));
    pad(4 * std::ssize(labels_));
    write(std::as_bytes(std::span(names_)));
    shard_.name_bytes = std::ssize(names_);
    shard_.checksum = sum_.value();
    file_->commit();
    file_.reset();
    finished_.push_back(shard_);
    offsets_.clear();
    labels_.clear();
    names_.clear();
  }
  void write(std::span<const std::byte> bytes) {
    file_->write(bytes);
    sum_.update(bytes);
  }
  void pad(std::int64_t bytes) {
    const std::array<std::byte, 8> zeros{};
    write(std::span(zeros).first(static_cast<std::size_t>((8 - bytes % 8) % 8)));
  }

  fs::path folder_;
  std::int64_t shard_bytes_;
  std::unique_ptr<AtomicFile> file_;
  PackedImages::Shard shard_;
  Checksum sum_;
  std::vector<std::uint64_t> offsets_;
  std::vector<std::int32_t> labels_;
  std::string names_;
  std::vector<PackedImages::Shard> finished_;
};

struct Prepared {
  StoredImage stored;
  std::string jpeg;    ///< instead, where it was made smaller
  std::string damage;  ///< what is wrong with it; empty: nothing
};

Prepared prepare(const ImageCollection& images, std::int64_t index, const PackOptions& options) {
  Prepared prepared{images.stored(index), "", ""};
  if (options.size == 0 || prepared.stored.storage != ImageStorage::file) return prepared;
  try {
    const ImageInfo info = image_info(prepared.stored);
    const std::int64_t least = std::min(info.width, info.height);
    if (least <= options.size) return prepared;
    DecodeNotes notes;
    const Image image = decode_image(prepared.stored, {}, &notes);
    prepared.damage = notes.damage;
    if (!prepared.damage.empty()) return prepared;
    const auto scaled = [&](std::int64_t side) { return options.size * side / least; };
    prepared.jpeg =
        encode_jpeg(resize(image, scaled(image.width), scaled(image.height), Filter::bicubic),
                    static_cast<int>(options.quality));
  } catch (const Error& error) {
    prepared.damage = error.what();
  }
  return prepared;
}

/// prepare() of indices first ... first + count - 1, by several threads.
std::vector<Prepared> prepare_all(const ImageCollection& images, std::int64_t first,
                                  std::int64_t count, const PackOptions& options) {
  std::vector<Prepared> all(static_cast<std::size_t>(count));
  const int wanted =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  const std::int64_t threads = std::clamp<std::int64_t>(wanted, 1, count);
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(threads));
  std::vector<std::thread> workers;
  for (std::int64_t t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      try {
        for (std::int64_t i = t; i < count; i += threads)
          all[static_cast<std::size_t>(i)] = prepare(images, first + i, options);
      } catch (...) {
        failed[static_cast<std::size_t>(t)] = std::current_exception();
      }
    });
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& error : failed)
    if (error) std::rethrow_exception(error);
  return all;
}

std::string index_text(const ImageCollection& images, const PackOptions& options,
                       const std::vector<PackedImages::Shard>& shards, const StoredImage& first) {
  std::ostringstream index;
  const bool files = first.storage == ImageStorage::file;
  index << "orchid-images " << kPackedVersion << "\nstorage " << name_of(first.storage)
        << "\nextents " << (files ? 0 : first.width) << ' ' << (files ? 0 : first.height)
        << "\nresized " << options.size << ' ' << (options.size > 0 ? options.quality : 0)
        << "\nkind " << images.kind() << "\nclasses " << images.classes().size() << '\n';
  for (const std::string& name : images.classes()) index << "class " << name << '\n';
  index << "pictures " << images.size() << "\nshards " << shards.size() << '\n';
  for (const PackedImages::Shard& shard : shards)
    index << "shard " << shard.file << ' ' << shard.pictures << ' ' << shard.bytes << ' '
          << shard.name_bytes << ' ' << std::hex << std::setw(16) << std::setfill('0')
          << shard.checksum << std::dec << '\n';
  index << "end\n";
  return index.str();
}

void check(const ImageCollection& images, const PackOptions& options) {
  ORCHID_CHECK_USAGE(options.size >= 0 && options.size <= 1 << 14,
                     "size: expected 0 to 16384 pixels, got ", options.size);
  ORCHID_CHECK_USAGE(options.quality >= 1 && options.quality <= 100,
                     "quality: expected 1 to 100, got ", options.quality);
  ORCHID_CHECK_USAGE(options.shard_bytes > 0, "shard size: expected above 0");
  std::error_code ignored;
  ORCHID_CHECK_USAGE(!fs::exists(options.out, ignored), options.out.string(), ": exists already");
  ORCHID_CHECK_INPUT(images.size() > 0, "expected pictures to pack, got none");
  const StoredImage first = images.stored(0);
  ORCHID_CHECK_USAGE(options.size == 0 || first.storage == ImageStorage::file,
                     "size: the pictures of ", images.kind(), ", ", first.width, " x ",
                     first.height,
                     ", are packed raw and not made smaller: expected 0 (--keep), "
                     "got ",
                     options.size);
}

}  // namespace

PackReport pack_images(const ImageCollection& images, const PackOptions& options) {
  check(images, options);
  const auto start = std::chrono::steady_clock::now();
  const fs::path out = without_slash(fs::absolute(options.out).lexically_normal());
  PartialFolder partial(out);
  PackReport report;
  ShardWriter writer(partial.path(), options.shard_bytes);
  for (std::int64_t first = 0; first < images.size(); first += kPortion) {
    const std::int64_t count = std::min(kPortion, images.size() - first);
    leave_if(options.stop);
    const auto portion = prepare_all(images, first, count, options);
    for (std::int64_t i = 0; i < count; ++i) {
      const Prepared& one = portion[static_cast<std::size_t>(i)];
      const auto bytes = one.jpeg.empty() ? one.stored.bytes : std::as_bytes(std::span(one.jpeg));
      writer.add(bytes, images.label(first + i), images.name(first + i));
      report.bytes += std::ssize(bytes);
      report.bytes_before += std::ssize(one.stored.bytes);
      report.resized += !one.jpeg.empty();
      if (!one.damage.empty())
        report.damaged.push_back(str(images.name(first + i), ": ", one.damage));
    }
    if (options.progress)
      options.progress(static_cast<double>(first + count) / static_cast<double>(images.size()));
  }
  const auto shards = writer.finish();
  write_file(partial.path() / "index.txt", index_text(images, options, shards, images.stored(0)));
  report.pictures = images.size();
  report.shards = std::ssize(shards);
  partial.commit();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace orchid::data
