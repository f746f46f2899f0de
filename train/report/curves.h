#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "train/report/chart.h"

namespace orchid::train {

/// What a run measured over its steps, by split and name: "train/loss".
using Curves = std::map<std::string, Series>;

/// Curves of a metrics.jsonl; none if there is no such file. A null is NaN. A last line without its
/// end is left out: its writer was killed, or is at work. Throws an input_data Error that names a
/// damaged line.
Curves read_curves(const std::filesystem::path& file);

/// One of them under the name of its legend; without points if it was not measured.
Series curve_of(const Curves&, const std::string& key, const std::string& name);

}  // namespace orchid::train
