#include "model/mixers/mixer.h"

#include "model/mixers/attention.h"
#include "model/mixers/orchid.h"

namespace orchid::model {
namespace {

/// One call operator a mixer.
struct Make {
  const Init& init;
  std::int64_t width, length;

  std::unique_ptr<Mixer> operator()(const OrchidMixerConfig& config) const {
    return std::make_unique<OrchidMixer>(init, config, width, length);
  }
  std::unique_ptr<Mixer> operator()(const AttentionMixerConfig& config) const {
    return std::make_unique<AttentionMixer>(init, config, width);
  }
};

}  // namespace

std::unique_ptr<Mixer> make_mixer(const Init& init, const MixerConfig& config, std::int64_t width,
                                  std::int64_t length) {
  return std::visit(Make{init, width, length}, config);
}

}  // namespace orchid::model
