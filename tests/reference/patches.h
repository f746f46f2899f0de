#pragma once

#include <cstddef>
#include <vector>

namespace orchid::reference {

/// Extents of pictures, and the side of a patch.
struct Pictures {
  std::size_t batch, height, width, channels, patch;

  std::size_t across() const { return width / patch; }
  std::size_t patches() const { return height / patch * across(); }
  std::size_t inputs() const { return patch * patch * channels; }
};

/// Each pixel goes to its patch: y (B, patches, inputs) of x (B, H, W, C).
inline std::vector<double> patches(const Pictures& n, const std::vector<double>& x) {
  std::vector<double> y(x.size());
  std::size_t at = 0;
  for (std::size_t b = 0; b < n.batch; ++b)
    for (std::size_t row = 0; row < n.height; ++row)
      for (std::size_t column = 0; column < n.width; ++column)
        for (std::size_t c = 0; c < n.channels; ++c, ++at) {
          const std::size_t l = row / n.patch * n.across() + column / n.patch;
          const std::size_t within = row % n.patch * n.patch + column % n.patch;
          y[(b * n.patches() + l) * n.inputs() + within * n.channels + c] = x[at];
        }
  return y;
}

/// x (B, L, D) after a token (D), which may be empty, plus positions (L or L + 1, D), which may be
/// empty.
inline std::vector<double> patch_tokens(std::size_t batch, std::size_t width,
                                        const std::vector<double>& x,
                                        const std::vector<double>& token,
                                        const std::vector<double>& positions) {
  std::vector<double> y;
  const std::size_t each = x.size() / batch;
  for (std::size_t b = 0; b < batch; ++b) {
    const std::size_t first = y.size();
    y.insert(y.end(), token.begin(), token.end());
    for (std::size_t i = 0; i < each; ++i) y.push_back(x[b * each + i]);
    for (std::size_t l = 0; l < positions.size() / width; ++l)
      for (std::size_t c = 0; c < width; ++c) y[first + l * width + c] += positions[l * width + c];
  }
  return y;
}

}  // namespace orchid::reference
