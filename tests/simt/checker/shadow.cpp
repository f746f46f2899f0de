#include "tests/simt/checker/shadow.h"

#include <algorithm>

namespace orchid::simt {

void Shadow::set_written(std::size_t offset, std::size_t bytes, bool value) {
  for (std::size_t at = offset; at < offset + bytes;) {
    const std::size_t in_page = at % Page::kBytes;
    const std::size_t count = std::min(Page::kBytes - in_page, offset + bytes - at);
    std::fill_n(page(at).written.begin() + static_cast<std::ptrdiff_t>(in_page), count, value);
    at += count;
  }
}

bool Shadow::all_written(std::size_t offset, std::size_t bytes) {
  for (std::size_t at = offset; at < offset + bytes; ++at)
    if (!written(at)) return false;
  return true;
}

void Shadow::forget(std::size_t offset, std::size_t bytes) {
  const std::size_t first = (offset + Page::kBytes - 1) / Page::kBytes;
  const std::size_t last = std::min((offset + bytes) / Page::kBytes, pages_.size());
  for (std::size_t number = first; number < last; ++number) pages_[number].reset();
}

}  // namespace orchid::simt
