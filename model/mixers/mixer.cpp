#include "model/mixers/mixer.h"

#include "model/mixers/orchid.h"

namespace orchid::model {

std::unique_ptr<Mixer> make_mixer(const Init& init, const MixerConfig& config, std::int64_t width,
                                  std::int64_t length) {
  return std::visit(
      [&](const OrchidMixerConfig& orchid) -> std::unique_ptr<Mixer> {
        return std::make_unique<OrchidMixer>(init, orchid, width, length);
      },
      config);
}

}  // namespace orchid::model
