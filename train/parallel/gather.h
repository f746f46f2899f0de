#pragma once

#include <string>
#include <vector>

#include "train/comm/communicator.h"

namespace orchid::train {

/// The numbers of every rank, on every rank: element r is what rank r gave, of any length.
std::vector<std::vector<double>> gather(Communicator&, const std::vector<double>& mine,
                                        const std::string& name);

/// Rank 0's text, on every rank.
std::string share_text(Communicator&, const std::string& text, const std::string& name);

/// Whether a number is the same on all ranks.
bool same_on_all(Communicator&, std::uint64_t value, const std::string& name);

}  // namespace orchid::train
