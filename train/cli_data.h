#pragma once

#include <filesystem>

#include "data/io/sources.h"
#include "train/cli.h"

namespace orchid::train {

/// Shows how far `what` is, where a person may be watching.
data::Progress progress_line(const std::string& what);

constexpr int kMostThreads = 1024;

/// Runs what asks stop_asked() at times, while signals are heard; 130 where one has ended it.
int until_stopped(const Action& work);
bool stop_asked();

/// Verbs of `orchid data` for pictures.
void add_pack_images(CLI::App& group, Action&);
void add_preview(CLI::App& group, Action&);
void add_bench_loader(CLI::App& group, Action&);

/// `orchid data inspect` of a folder of packed pictures.
bool is_packed_images(const std::filesystem::path& folder);
int inspect_images(const std::filesystem::path& folder, bool json);

}  // namespace orchid::train
