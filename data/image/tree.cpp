#include <algorithm>
#include <functional>

#include "data/image/collections.h"
#include "data/image/listing.h"
#include "data/image/parts.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

namespace fs = std::filesystem;

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

/// The list of classes of a flat folder, or ImageNet's devkit, in the folder above `origin`; the
/// devkit also in it.
std::optional<PictureClasses> list_beside(const fs::path& origin) {
  const fs::path parent = without_slash(fs::absolute(origin).lexically_normal()).parent_path();
  for (const char* name : kClassLists)
    if (const fs::path file = parent / name; is_file(file)) {
      const auto bytes = read_file(file, std::size_t{1} << 30);
      return PictureClasses::of_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                      file.string());
    }
  return PictureClasses::of_devkit({origin, parent});
}

/// Files of a listing that are of interest: which one, and its path from where they begin.
struct Interest {
  std::vector<std::size_t> entries;
  std::vector<PathParts> paths;
};

/// The list of classes of a flat folder: in the listing, or on the disk.
std::optional<PictureClasses> find_list(const Listing& listing, const Interest& files) {
  for (const char* name : kClassLists)
    for (std::size_t i = 0; i < files.paths.size(); ++i)
      if (files.paths[i].size() == 1 && files.paths[i][0] == name) {
        const Listing::Entry& entry = listing.entries()[files.entries[i]];
        const auto bytes = listing.read(entry);
        return PictureClasses::of_lines({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                        str(listing.origin(), "/", entry.path));
      }
  return list_beside(listing.origin());
}

Interest all_of(const Listing& listing) {
  Interest all;
  for (std::size_t i = 0; i < listing.entries().size(); ++i) {
    all.entries.push_back(i);
    all.paths.push_back(split_path(listing.entries()[i].path));
  }
  return all;
}

/// Those of a part where the listing has parts, else all; without a folder around them all.
Interest part_of(const Listing& listing, ImagePart part, const std::function<bool()>& has_list) {
  Interest all = all_of(listing);
  const PartChoice choice = choose_part(all.paths, part, has_list);
  ORCHID_CHECK_INPUT(!choice.other, listing.origin(), ": expected a folder ",
                     folders_of(part).front(), " beside its ", choice.found);
  if (choice.folder.empty()) return all;
  Interest chosen;
  const auto depth = std::ssize(choice.folder);
  for (std::size_t i = 0; i < all.paths.size(); ++i) {
    PathParts& path = all.paths[i];
    if (std::ssize(path) <= depth ||
        !std::equal(choice.folder.begin(), choice.folder.end(), path.begin()))
      continue;
    path.erase(path.begin(), path.begin() + depth);
    chosen.entries.push_back(all.entries[i]);
    chosen.paths.push_back(std::move(path));
  }
  return chosen;
}

/// Pictures by where they lie: in class folders, or in none.
struct Arranged {
  std::vector<std::pair<std::string, std::size_t>> inside, flat;  ///< class or file, entry
  std::int64_t others = 0;
};

/// images/ is a folder within a class folder, or within a flat folder that has no class folders.
Arranged arranged(const Interest& files) {
  Arranged pictures;
  std::vector<std::pair<std::string, std::size_t>> images;  // of images/ itself: file, entry
  for (std::size_t i = 0; i < files.paths.size(); ++i) {
    const PathParts& path = files.paths[i];
    if (!is_picture(path.back())) continue;
    const std::size_t entry = files.entries[i];
    if (path.size() == 1)
      pictures.flat.emplace_back(path[0], entry);
    else if (path.size() == 2 && path[0] == kInner)
      images.emplace_back(path[1], entry);
    else if (path.size() == 2 || (path.size() == 3 && path[1] == kInner))
      pictures.inside.emplace_back(path[0], entry);
    else
      ++pictures.others;
  }
  for (auto& [file, entry] : images)
    if (pictures.inside.empty())
      pictures.flat.emplace_back(std::move(file), entry);
    else
      pictures.inside.emplace_back(kInner, entry);
  return pictures;
}

std::shared_ptr<const ImageCollection> collect(std::shared_ptr<const Listing> listing,
                                               const Interest& files) {
  auto tree = std::make_shared<Tree>(listing);
  auto [inside, flat, others] = arranged(files);
  if (!listing->note().empty()) tree->note(listing->note());
  if (others > 0)
    tree->note(str(listing->origin(), ": ", others, " pictures left out: not in a class folder"));
  if (inside.empty()) {
    ORCHID_CHECK_INPUT(!flat.empty(), listing->origin(),
                       ": expected pictures (.jpeg, .jpg, .png) in class folders, found none");
    const auto map = find_list(*listing, files);
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

std::shared_ptr<const ImageCollection> collect_part(const std::shared_ptr<const Listing>& listing,
                                                    ImagePart part,
                                                    const std::function<bool()>& has_list) {
  return collect(listing, part_of(*listing, part, has_list));
}

/// A picture that lies in a folder; or nothing.
std::string a_picture_of(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with('.') && is_picture(name)) return name;
  }
  return "";
}

/// As much of a folder as tells its parts: of folders called as a part is what lies in them, of
/// others whether a picture does. Nothing without such a folder.
std::vector<PathParts> sketch(const fs::path& folder) {
  std::vector<PathParts> paths;
  std::error_code error;
  for (const char* name : kPartFolders)
    for (fs::directory_iterator it(folder / name, error), end; !error && it != end;
         it.increment(error)) {
      const std::string inside = it->path().filename().string();
      std::error_code ignored;
      if (inside.starts_with('.')) continue;
      if (it->is_directory(ignored))
        paths.push_back({name, inside, inside == kInner ? a_picture_of(it->path()) : ""});
      else
        paths.push_back({name, inside});
    }
  if (paths.empty()) return paths;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.') || is_part_folder(name)) continue;
    std::string picture = a_picture_of(it->path());
    if (picture.empty()) picture = a_picture_of(it->path() / kInner);
    if (!picture.empty()) paths.push_back({name, picture});
  }
  return paths;
}

}  // namespace

std::shared_ptr<const ImageCollection> open_tree(const fs::path& path, ImagePart part) {
  if (!is_folder(path))
    return collect_part(list_tar(path), part, [&] { return list_beside(path).has_value(); });
  // What lies beside a folder called as a part.
  const auto has_list = [&] { return list_beside(path / kPartFolders.back()).has_value(); };
  const PartChoice choice = choose_part(sketch(path), part, has_list);
  if (choice.folder.empty()) return collect_part(list_folder(path), part, has_list);
  const auto listing = list_folder(path / choice.folder[0]);
  return collect(listing, all_of(*listing));
}

}  // namespace orchid::data
