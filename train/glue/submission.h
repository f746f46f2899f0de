#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace orchid::train {

/// Writes the predictions of a test set for the GLUE leaderboard, in the order of the set: a line
/// "index<TAB>prediction", then lines from index 0. The name of `file` says which set: CoLA.tsv,
/// SST-2.tsv, MRPC.tsv, QQP.tsv, WNLI.tsv take the number of a class, MNLI-m.tsv, MNLI-mm.tsv,
/// QNLI.tsv, RTE.tsv, AX.tsv its label. `labels` by class. Throws a usage Error for another name.
void write_submission(const std::filesystem::path& file, std::span<const std::int32_t> classes,
                      const std::vector<std::string>& labels);

/// The same of STS-B.tsv: scores, taken to lie between 0 and 5, with three decimals.
void write_submission(const std::filesystem::path& file, std::span<const double> scores);

/// What the leaderboard would refuse in a file of predictions, by its name: header, number of rows,
/// indices, values, line ends. Empty: nothing. At most ten lines are named.
std::vector<std::string> check_submission(const std::filesystem::path& file);

}  // namespace orchid::train
