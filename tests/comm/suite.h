#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/comm/communicator.h"

namespace orchid::test {

/// What was wrong, a line each. Not checks of Catch2, which are for one thread and one process.
using Faults = std::vector<std::string>;

/// Under a sanitizer the largest cases are left out: they show it nothing new, and take minutes.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// Every collective with every element type, odd sizes, in place and not, at once and begun ahead;
/// called by every rank. Tensors lie on the context's device.
Faults check_collectives(train::Communicator&, Context&);

/// Wrong operands are refused, and leave the communicator as it was.
Faults check_refusals(train::Communicator&, Context&);

/// The last rank gives up: every other learns so by its next call, and who it was.
Faults check_giving_up(train::Communicator&, Context&);

/// The text of the error that `body` leaves, or nothing.
std::string error_of(const std::function<void()>& body);

/// All lines in one, for a check that they are none.
std::string joined(const Faults&);

}  // namespace orchid::test
