#include "kernels/core/device.h"

#include <ostream>

#include "kernels/core/error.h"

namespace orchid {

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.type == DeviceType::cpu) return out << "cpu";
  return out << "cuda:" << device.index;
}

Device parse_device(const std::string& text) {
  if (text == "auto" || text == "cpu") return Device{};
  const bool cuda = text == "cuda" || text.rfind("cuda:", 0) == 0;
  ORCHID_CHECK_USAGE(cuda, "device: expected auto | cpu | cuda[:index], got \"", text, "\"");
  throw Error(str("device: \"", text, "\" needs a build with CUDA; this one has the CPU only"),
              ErrorKind::usage);
}

std::vector<Device> visible_devices() {
  return {Device{}};
}

}  // namespace orchid
