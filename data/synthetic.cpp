#include "data/synthetic.h"

#include <chrono>
#include <iomanip>
#include <sstream>

#include "data/io/gzip_writer.h"
#include "data/io/json_text.h"
#include "data/io/partial.h"
#include "data/io/paths.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

constexpr std::int64_t kPortion = 256;  ///< documents, between two looks at what goes on outside

std::string timestamp_of(std::int64_t number) {
  std::ostringstream text;
  const auto two = [&](std::int64_t value) -> std::ostream& {
    return text << std::setw(2) << std::setfill('0') << value;
  };
  text << "2020-";
  two(1 + number / 86400 / 28 % 12) << '-';
  two(1 + number / 86400 % 28) << 'T';
  two(number / 3600 % 24) << ':';
  two(number / 60 % 60) << ':';
  two(number % 60) << 'Z';
  return text.str();
}

std::filesystem::path file_name(const CorpusOptions& options, std::int64_t file) {
  std::ostringstream name;
  name << options.prefix.string() << '.' << std::setfill('0') << std::setw(5) << file << "-of-"
       << std::setw(5) << options.files << ".json.gz";
  return name.str();
}

std::string what_remains(const CorpusOptions& options, std::int64_t finished) {
  if (finished == 0) return "nothing was written";
  return str(finished, " of ", options.files, " files were written, the last as ",
             file_name(options, finished - 1).string());
}

}  // namespace

CorpusReport write_corpus(const CorpusOptions& options) {
  ORCHID_CHECK_USAGE(options.documents > 0 && options.first >= 0,
                     "synth: expected at least one document, got ", options.documents, " from ",
                     options.first);
  ORCHID_CHECK_USAGE(options.files > 0 && options.files <= options.documents,
                     "synth: expected 1 to ", options.documents, " files, got ", options.files);
  const auto start = std::chrono::steady_clock::now();
  create_folders(options.prefix.parent_path(), "choose another --out");
  remove_abandoned(options.prefix);
  CorpusReport report;
  for (std::int64_t file = 0; file < options.files; ++file) {
    GzipWriter out(file_name(options, file));
    const std::int64_t end = options.documents * (file + 1) / options.files;
    for (; report.documents < end; ++report.documents) {
      if (report.documents % kPortion == 0) {
        leave_if(options.stop, what_remains(options, file));
        if (options.progress)
          options.progress(static_cast<double>(report.documents) /
                           static_cast<double>(options.documents));
      }
      const std::int64_t number = options.first + report.documents;
      const std::string text = synthetic_document(options.seed, number);
      report.bytes += std::ssize(text);
      out.write(json_line(text, timestamp_of(number), str("https://example.com/", number)) + "\n");
    }
    out.commit();
    report.files.push_back(file_name(options, file));
  }
  if (options.progress) options.progress(1);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  report.seconds = elapsed.count();
  return report;
}

}  // namespace orchid::data
