#include <algorithm>
#include <array>
#include <cctype>

#include "data/image/collections.h"
#include "data/image/listing.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 2> kMaps{"val_annotations.txt", "val_map.txt"};
constexpr const char* kInner = "images";  ///< tiny-ImageNet's folder within a class folder

std::vector<std::string> folders_of(ImagePart part) {
  if (part == ImagePart::train) return {"train"};
  return {"val", "validation", "valid"};
}

bool is_picture(const std::string& path) {
  std::string end = path.substr(std::min(path.rfind('.'), path.size()));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return end == ".jpeg" || end == ".jpg" || end == ".png";
}

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// Pictures of a listing with their classes.
class Tree : public ImageCollection {
 public:
  struct Picture {
    std::size_t entry = 0;
    std::int32_t label = 0;
  };
  explicit Tree(std::shared_ptr<const Listing> listing) : listing_(std::move(listing)) {}

  std::int64_t size() const override { return std::ssize(pictures_); }
  std::int64_t label(std::int64_t index) const override { return picture(index).label; }
  std::string name(std::int64_t index) const override {
    return str(listing_->origin(), "/", entry(index).path);
  }
  StoredImage stored(std::int64_t index) const override {
    StoredImage image;
    image.owned = listing_->read(entry(index));
    image.bytes = image.owned;
    return image;
  }

  /// Each picture under the name of its class: sorted by class, then by path.
  void fill(std::vector<std::pair<std::string, std::size_t>> pictures,
            std::vector<std::string> classes, std::string kind) {
    kind_ = std::move(kind);
    classes_ = std::move(classes);
    for (const auto& [name, entry] : pictures) {
      const auto found = std::lower_bound(classes_.begin(), classes_.end(), name);
      pictures_.push_back({entry, static_cast<std::int32_t>(found - classes_.begin())});
    }
    const auto& entries = listing_->entries();
    std::sort(pictures_.begin(), pictures_.end(), [&](const Picture& a, const Picture& b) {
      return a.label != b.label ? a.label < b.label : entries[a.entry].path < entries[b.entry].path;
    });
  }
  void note(std::string text) { notes_.push_back(std::move(text)); }

 private:
  const Picture& picture(std::int64_t index) const {
    ORCHID_CHECK(index >= 0 && index < size(), listing_->origin(), ": picture ", index, " of ",
                 size());
    return pictures_[static_cast<std::size_t>(index)];
  }
  const Listing::Entry& entry(std::int64_t index) const {
    return listing_->entries()[picture(index).entry];
  }

  std::shared_ptr<const Listing> listing_;
  std::vector<Picture> pictures_;
};

/// How many of a path's parts lead to the folder of the set that is asked for, or nothing: train/,
/// or the same in one folder more, as tars often have it.
std::optional<std::size_t> depth_of_part(const std::vector<std::string>& parts,
                                         const std::vector<std::string>& folders) {
  for (std::size_t depth = 0; depth < 2 && depth + 1 < parts.size(); ++depth)
    if (std::find(folders.begin(), folders.end(), parts[depth]) != folders.end()) return depth + 1;
  return std::nullopt;
}

/// Where the paths of a listing begin to be of interest: their part, or all.
std::vector<std::pair<std::size_t, std::vector<std::string>>> part_of(const Listing& listing,
                                                                      ImagePart part) {
  const auto wanted = folders_of(part);
  const ImagePart opposite = part == ImagePart::train ? ImagePart::valid : ImagePart::train;
  const auto unwanted = folders_of(opposite);
  std::vector<std::pair<std::size_t, std::vector<std::string>>> all, chosen;
  bool other = false;
  for (std::size_t i = 0; i < listing.entries().size(); ++i) {
    std::vector<std::string> parts = split(listing.entries()[i].path);
    if (const auto depth = depth_of_part(parts, wanted)) {
      parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(*depth));
      chosen.push_back({i, std::move(parts)});
    } else {
      other = other || depth_of_part(parts, unwanted);
      all.push_back({i, std::move(parts)});
    }
  }
  if (!chosen.empty()) return chosen;
  ORCHID_CHECK_INPUT(!other, listing.origin(), ": expected a folder ", wanted.front(),
                     " beside its ", unwanted.front());
  return all;
}

/// The map of a flat folder: in the listing, or beside it, or the devkit.
std::optional<PictureClasses> find_map(
    const Listing& listing,
    const std::vector<std::pair<std::size_t, std::vector<std::string>>>& files) {
  for (const char* name : kMaps)
    for (const auto& [entry, parts] : files)
      if (parts.size() == 1 && parts[0] == name) {
        const auto bytes = listing.read(listing.entries()[entry]);
        return PictureClasses::of_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                        str(listing.origin(), "/", listing.entries()[entry].path));
      }
  const fs::path origin(listing.origin()), parent = fs::absolute(origin).parent_path();
  for (const char* name : kMaps)
    if (const fs::path file = parent / name; fs::is_regular_file(file)) {
      const auto bytes = read_file(file, std::size_t{1} << 30);
      return PictureClasses::of_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                      file.string());
    }
  return PictureClasses::of_devkit({origin, parent});
}

std::shared_ptr<const ImageCollection> arrange(std::shared_ptr<const Listing> listing,
                                               ImagePart part) {
  const auto files = part_of(*listing, part);
  auto tree = std::make_shared<Tree>(listing);
  std::vector<std::pair<std::string, std::size_t>> inside, flat;  // class or file, entry
  std::int64_t others = 0;
  for (const auto& [entry, parts] : files) {
    if (!is_picture(parts.back())) continue;
    const bool inner = parts.size() >= 2 && parts[parts.size() - 2] == kInner;
    const std::size_t depth = parts.size() - (inner ? 1 : 0);
    if (depth == 1)
      flat.emplace_back(parts.back(), entry);
    else if (depth == 2)
      inside.emplace_back(parts[0], entry);
    else
      ++others;
  }
  if (others > 0)
    tree->note(str(listing->origin(), ": ", others, " pictures left out: not in a class folder"));
  if (inside.empty()) {
    ORCHID_CHECK_INPUT(!flat.empty(), listing->origin(),
                       ": expected pictures (.jpeg, .jpg, .png) in class folders, found none");
    const auto map = find_map(*listing, files);
    ORCHID_CHECK_INPUT(map, listing->origin(), ": ", flat.size(),
                       " pictures in no class folder; expected val_map.txt (lines: file class) or "
                       "val_annotations.txt in it or beside it, or ImageNet's devkit beside it");
    for (auto& [file, entry] : flat) file = map->of(file);
    tree->fill(std::move(flat), map->classes(), "flat folder with a list of classes");
    return tree;
  }
  if (!flat.empty())
    tree->note(str(listing->origin(), ": ", flat.size(), " pictures left out: in no class folder"));
  std::vector<std::string> classes;
  for (const auto& [name, entry] : inside) classes.push_back(name);
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  tree->fill(std::move(inside), std::move(classes), "class folders");
  return tree;
}

}  // namespace

std::shared_ptr<const ImageCollection> open_tree(const fs::path& path, ImagePart part) {
  if (!fs::is_directory(path)) return arrange(list_tar(path), part);
  for (const std::string& name : folders_of(part))
    if (fs::is_directory(path / name)) return arrange(list_folder(path / name), part);
  return arrange(list_folder(path), part);
}

}  // namespace orchid::data
