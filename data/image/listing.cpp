#include "data/image/listing.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "data/image/mat.h"
#include "data/image/tar.h"
#include "data/io/mapped_file.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 3;

class Folder : public Listing {
 public:
  explicit Folder(const fs::path& folder) : folder_(folder) {
    origin_ = folder.string();
    constexpr auto kFollow = fs::directory_options::follow_directory_symlink;
    std::error_code error;
    fs::recursive_directory_iterator it(folder, kFollow, error), end;
    std::int64_t dead = 0;
    for (; !error && it != end; it.increment(error)) {
      const bool hidden = it->path().filename().string().starts_with('.');
      std::error_code nowhere, ignored;
      if (it->is_directory(nowhere)) {
        if (hidden || it.depth() >= kDeepest) it.disable_recursion_pending();
      } else if (!hidden && it->is_regular_file(nowhere)) {
        entries_.push_back({it->path().lexically_relative(folder).generic_string()});
      } else if (!hidden && nowhere && it->is_symlink(ignored)) {
        ++dead;
      }
    }
    ORCHID_CHECK_INPUT(!error, origin_, ": cannot list: ", error.message());
    if (dead > 0) note_ = str(origin_, ": ", dead, " links left out: they lead nowhere");
  }

  std::vector<std::byte> read(const Entry& entry) const override {
    const RandomFile file(folder_ / entry.path);
    std::vector<std::byte> bytes(static_cast<std::size_t>(file.size()));
    file.read(0, bytes);
    return bytes;
  }

 private:
  fs::path folder_;
};

class Tar : public Listing {
 public:
  explicit Tar(const fs::path& file) : file_(file) {
    origin_ = file.string();
    ORCHID_CHECK_INPUT(is_tar(file_), origin_,
                       ": expected a folder of pictures, a packed folder or a tar, got a file of ",
                       file_.size(), " bytes; unpack a compressed tar first");
    TarMembers members = with_context(origin_, [&] { return tar_members(file_); });
    for (TarMember& member : members.files)
      entries_.push_back({std::move(member.name), member.offset, member.size});
    if (members.links_left_out > 0)
      note_ = str(origin_, ": ", members.links_left_out,
                  " links left out: the tar holds no file that they stand for");
  }

  std::vector<std::byte> read(const Entry& entry) const override {
    std::vector<std::byte> bytes(static_cast<std::size_t>(entry.size));
    file_.read(entry.offset, bytes);
    return bytes;
  }

 private:
  RandomFile file_;
};

/// The digits before the extension: 17 of ILSVRC2012_val_00000017.JPEG.
std::optional<std::size_t> number_of(const std::string& file) {
  const std::size_t dot = std::min(file.rfind('.'), file.size());
  std::size_t begin = dot;
  while (begin > 0 && file[begin - 1] >= '0' && file[begin - 1] <= '9') --begin;
  if (begin == dot || dot - begin > 12) return std::nullopt;
  return static_cast<std::size_t>(std::stoull(file.substr(begin, dot - begin)));
}

}  // namespace

std::shared_ptr<const Listing> list_folder(const fs::path& folder) {
  return std::make_shared<Folder>(folder);
}

std::shared_ptr<const Listing> list_tar(const fs::path& file) {
  return std::make_shared<Tar>(file);
}

PictureClasses PictureClasses::of_lines(const std::string& text, const std::string& origin) {
  PictureClasses map;
  map.origin_ = origin;
  std::istringstream lines(text);
  std::int64_t number = 0;
  std::set<std::string> classes;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string file, name;
    if (!(words >> file)) continue;
    ORCHID_CHECK_INPUT(words >> name, origin, ": line ", number,
                       ": expected a file and its class, got \"", line.substr(0, 100), "\"");
    const auto [known, added] = map.by_name_.emplace(file, name);
    ORCHID_CHECK_INPUT(added || known->second == name, origin, ": line ", number, ": ", file,
                       " has the class ", known->second, " above, here ", name);
    classes.insert(name);
  }
  ORCHID_CHECK_INPUT(!classes.empty(), origin,
                     ": expected lines of a file and its class, got none");
  map.known_.assign(classes.begin(), classes.end());
  return map;
}

std::optional<PictureClasses> PictureClasses::of_devkit(const std::vector<fs::path>& folders) {
  constexpr const char* kTruth = "ILSVRC2012_validation_ground_truth.txt";
  for (const fs::path& folder : folders)
    for (const char* inside : {"", "data", "ILSVRC2012_devkit_t12/data"}) {
      const fs::path truth = folder / inside / kTruth, meta = folder / inside / "meta.mat";
      if (!is_file(truth)) continue;
      ORCHID_CHECK_INPUT(is_file(meta), meta.string(), ": expected beside ",
                         truth.filename().string(),
                         ", to say what its ids stand for; no such file");
      PictureClasses map;
      map.origin_ = truth.string();
      const auto names = read_devkit_classes(meta.string());
      std::ifstream lines(truth);
      for (std::string line; std::getline(lines, line);) {
        std::int64_t id = -1;
        std::istringstream(line) >> id;
        const auto name = names.find(id);
        ORCHID_CHECK_INPUT(name != names.end(), truth.string(), ": line ",
                           map.by_number_.size() + 1, ": expected the id of a class of ",
                           meta.string(), ", got \"", line.substr(0, 40), "\"");
        map.by_number_.push_back(name->second);
      }
      for (const auto& [id, name] : names) map.known_.push_back(name);
      std::sort(map.known_.begin(), map.known_.end());
      return map;
    }
  return std::nullopt;
}

const std::string& PictureClasses::of(const std::string& file) const {
  if (by_number_.empty()) {
    const auto found = by_name_.find(file);
    ORCHID_CHECK_INPUT(found != by_name_.end(), origin_, ": expected a line for ", file,
                       ", there is none");
    return found->second;
  }
  const auto number = number_of(file);
  ORCHID_CHECK_INPUT(number && *number >= 1 && *number <= by_number_.size(), origin_,
                     ": expected a picture with a number of 1 to ", by_number_.size(),
                     " at the end of its name, got ", file);
  return by_number_[*number - 1];
}

std::vector<std::string> PictureClasses::classes() const {
  return known_;
}

}  // namespace orchid::data
