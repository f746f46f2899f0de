#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kernels/core/error.h"

namespace orchid {

/// The names of an enum's values in configuration files and messages. Specialise it beside the
/// enum:
///   template <> struct EnumNames<Padding> {
///     static constexpr EnumName<Padding> values[] = {{Padding::zeros, "zeros"}, ...};
///   };
template <class Enum>
struct EnumName {
  Enum value;
  const char* name;
};
template <class Enum>
struct EnumNames;

template <class Enum>
concept NamedEnum = requires {
  EnumNames<Enum>::values;
};

template <NamedEnum Enum>
constexpr const char* enum_name(Enum value) {
  for (const auto& entry : EnumNames<Enum>::values)
    if (entry.value == value) return entry.name;
  return "?";
}

/// "zeros | reflect | circular | replicate"
template <NamedEnum Enum>
std::string enum_choices() {
  std::string text;
  for (const auto& entry : EnumNames<Enum>::values)
    text += str(text.empty() ? "" : " | ", entry.name);
  return text;
}

/// The value with this name; a usage Error that lists the choices if there is none.
template <NamedEnum Enum>
Enum parse_enum(std::string_view name) {
  for (const auto& entry : EnumNames<Enum>::values)
    if (name == entry.name) return entry.value;
  throw Error(str("expected ", enum_choices<Enum>(), "; got \"", name, "\""), ErrorKind::usage);
}

}  // namespace orchid
