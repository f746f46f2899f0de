#pragma once

#include <filesystem>
#include <string>

#include "kernels/core/error.h"

namespace orchid::train {

/// Content of a regular file of at most `max_bytes`; throws an Error of `kind`.
std::string read_text(const std::filesystem::path&, ErrorKind kind,
                      std::uintmax_t max_bytes = 64u << 20);

}  // namespace orchid::train
