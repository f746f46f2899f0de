#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace orchid::data {

/// Leaves new bytes unset where nothing else is asked for: pictures are mostly written at once.
template <class T>
struct UnsetAllocator : std::allocator<T> {
  template <class Other>
  struct rebind {
    using other = UnsetAllocator<Other>;
  };
  template <class... Arguments>
  void construct(T* at, Arguments&&... arguments) {
    if constexpr (sizeof...(Arguments) > 0) ::new (static_cast<void*>(at)) T(arguments...);
  }
};

/// Of a picture, 400 MB: what is larger is refused before any memory is asked for.
constexpr std::int64_t kMostPixels = std::int64_t{1} << 27;

/// A picture: rows from the top, in each row red, green, blue of each pixel, a byte each.
struct Image {
  std::int64_t width = 0, height = 0;
  std::vector<std::uint8_t, UnsetAllocator<std::uint8_t>> pixels;  ///< 3 * width * height

  Image() = default;
  /// Black.
  Image(std::int64_t w, std::int64_t h)
      : width(w), height(h), pixels(static_cast<std::size_t>(3 * w * h), std::uint8_t{0}) {}
  /// With pixels that are yet to be written, all of them.
  static Image unset(std::int64_t w, std::int64_t h) {
    Image image;
    image.width = w;
    image.height = h;
    image.pixels.resize(static_cast<std::size_t>(3 * w * h));
    return image;
  }

  std::uint8_t* row(std::int64_t y) { return pixels.data() + 3 * width * y; }
  const std::uint8_t* row(std::int64_t y) const { return pixels.data() + 3 * width * y; }

  bool operator==(const Image&) const = default;
};

/// A part of an image, in pixels.
struct Part {
  std::int64_t x = 0, y = 0, width = 0, height = 0;

  bool operator==(const Part&) const = default;
};

}  // namespace orchid::data
