#pragma once

#include <memory>

#include "model/config.h"
#include "model/init.h"
#include "model/module.h"

namespace orchid::model {

/// Mixes the positions of a sequence: (B, L, D) -> (B, L, D).
class Mixer {
 public:
  virtual ~Mixer() = default;

  /// `mask` (B, L) u8 marks real tokens with 1; it may be undefined (no padding). A mixer that
  /// takes no notice of padding ignores it.
  virtual Tensor forward(Context&, const Tensor& x, const Tensor& mask, Tape&) const = 0;
  virtual Tensor backward(Context&, const Tensor& dy, Tape&) = 0;
  virtual void visit(const std::string& prefix, const Visitor&) = 0;
};

/// The only place that knows all mixers. `width` is D, `length` the longest sequence.
std::unique_ptr<Mixer> make_mixer(const Init& init, const MixerConfig&, std::int64_t width,
                                  std::int64_t length);

}  // namespace orchid::model
