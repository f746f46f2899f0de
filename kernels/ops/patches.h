#pragma once

#include "kernels/core/run.h"

namespace orchid::ops {

/// Pictures cut into square patches of P x P pixels, in row order:
///   y[b, i W/P + j, (r P + s) C + c] = x[b, i P + r, j P + s, c]
/// Pictures are inputs: there is no gradient.
struct Patches {
  static constexpr const char* name = "patches";
  In x;                    ///< (B, H, W, C) f32, H and W multiples of P
  Out y;                   ///< (B, H/P * W/P, P P C)
  std::int64_t patch = 1;  ///< P

  ORCHID_OPERANDS(x, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// What an encoder reads of a picture's patches: `token`, if there is one, before them, and a
/// vector for each position added, t = 1 with a token and 0 without:
///   y[b, l] = x[b, l - t] + positions[l],   y[b, 0] = token + positions[0] where t = 1
/// Token and positions are of accumulate_type. Without a token y may be x.
struct PatchTokens {
  static constexpr const char* name = "patch_tokens";
  In x;                  ///< (B, L, D)
  OptionalIn token;      ///< (D)
  OptionalIn positions;  ///< (L + t, D)
  Out y;                 ///< (B, L + t, D)

  ORCHID_OPERANDS(x, token, positions, y)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

/// dx[b, l] = dy[b, l + t]; dtoken and dpositions gain the sums of dy over the pictures, in an
/// order that depends on the extents only. Without a token dx would be dy, and is left out.
struct PatchTokensGrad {
  static constexpr const char* name = "patch_tokens_grad";
  In dy;                   ///< (B, L + t, D)
  OptionalOut dx;          ///< (B, L, D), with t = 1
  OptionalAcc dtoken;      ///< (D)
  OptionalAcc dpositions;  ///< (L + t, D)

  ORCHID_OPERANDS(dy, dx, dtoken, dpositions)
  void check() const;
  void cpu(Context&) const;
  ORCHID_CUDA_PART void cuda(Context&) const;
};

}  // namespace orchid::ops
