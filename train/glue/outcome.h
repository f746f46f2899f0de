#pragma once

#include <filesystem>

#include "train/glue/results.h"

// The directory of a protocol: glue.json says which runs it is made of; each run is a directory of
// its own, DIR/<task>/seed-<seed>, as any other run.

namespace orchid::train {

/// Whether this is such a directory.
bool is_protocol(const std::filesystem::path& directory);

/// Writes DIR/glue.json: name, notes, and what is planned of each run. Directories of runs below
/// DIR are kept relative to it, so that it can be moved.
void write_protocol(const std::filesystem::path& directory, const GlueOutcome&);

/// Reads it back; no run is completed yet. Throws an input_data Error.
GlueOutcome read_protocol(const std::filesystem::path& directory);

/// The same with what each run came to, from its summary.json; a run that was not begun is not
/// completed. Throws an input_data Error if a run's config.json is that of another run.
GlueOutcome read_outcome(const std::filesystem::path& directory);

}  // namespace orchid::train
