#include "model/init.h"

#include <cmath>

#include "kernels/core/philox.h"

namespace orchid::model {
namespace {

/// FNV-1a: the item of a tensor's random numbers.
std::uint64_t hash(const std::string& text) {
  std::uint64_t value = 0xCBF29CE484222325ull;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return value;
}

}  // namespace

Init::Init(Context& ctx, std::uint64_t seed, LinearInit linear, std::string path)
    : ctx_(ctx),
      seed_(seed),
      linear_(linear),
      path_(std::move(path)),
      dropout_sites_(std::make_shared<std::uint64_t>(0)) {}

Init Init::at(const std::string& name) const {
  Init inner = *this;
  inner.path_ = join(path_, name);
  return inner;
}

Init Init::with(LinearInit linear) const {
  Init inner = *this;
  inner.linear_ = linear;
  return inner;
}

std::uint64_t Init::item(const std::string& name) const {
  return hash(join(path_, name));
}

Parameter Init::make(const Shape& shape, const std::function<double(std::int64_t)>& value) const {
  Parameter parameter{.value = ctx_.empty(shape, ctx_.accumulate())};
  if (ctx_.is_planning()) return parameter;
  const bool on_host = ctx_.device().type == DeviceType::cpu;
  Tensor values =
      on_host ? parameter.value : Tensor::empty(shape, ctx_.accumulate(), make_host_pool());
  dispatch_float(values.dtype(), [&](auto zero) {
    using T = decltype(zero);
    T* data = values.data<T>();
    for (std::int64_t i = 0; i < shape.count(); ++i) data[i] = static_cast<T>(value(i));
  });
  if (!on_host) copy(values, parameter.value);
  return parameter;
}

Parameter Init::uniform(const std::string& name, const Shape& shape, double bound) const {
  const Philox philox(seed_, RandomPurpose::initialisation);
  const std::uint64_t tensor = item(name);
  return make(shape, [=](std::int64_t i) {
    return bound * (2 * philox.uniform(tensor, static_cast<std::uint64_t>(i)) - 1);
  });
}

Parameter Init::normal(const std::string& name, const Shape& shape, double deviation) const {
  const Philox philox(seed_, RandomPurpose::initialisation);
  const std::uint64_t tensor = item(name);
  return make(shape, [=](std::int64_t i) {
    const auto words = philox.words(tensor, static_cast<std::uint64_t>(i / 4));
    const std::size_t pair = static_cast<std::size_t>(i % 4 / 2) * 2;
    return deviation * normal_pair(words[pair], words[pair + 1])[static_cast<std::size_t>(i % 2)];
  });
}

Parameter Init::constant(const std::string&, const Shape& shape, double value) const {
  return make(shape, [=](std::int64_t) { return value; });
}

Parameter Init::table(const std::string&, const Shape& shape,
                      const std::function<double(std::int64_t)>& value) const {
  return make(shape, value);
}

Parameter Init::linear_weight(const std::string& name, const Shape& shape,
                              std::int64_t fan_in) const {
  if (linear_ == LinearInit::normal) return normal(name, shape, 0.02);
  return uniform(name, shape, 1 / std::sqrt(static_cast<double>(fan_in)));
}

Parameter Init::linear_bias(const std::string& name, const Shape& shape,
                            std::int64_t fan_in) const {
  if (linear_ == LinearInit::normal) return constant(name, shape, 0);
  return uniform(name, shape, 1 / std::sqrt(static_cast<double>(fan_in)));
}

}  // namespace orchid::model
