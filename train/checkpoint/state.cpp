#include "train/checkpoint/state.h"

#include <cmath>
#include <cstdio>

#include "train/config/json.h"
#include "train/config/load.h"
#include "train/log/json_writer.h"

namespace orchid::train {
namespace {

constexpr std::int64_t kFormat = 1;

/// One list of members serves writing and reading.
template <class Self, class Field>
void window_fields(Self& window, Field&& field) {
  field("loss", window.loss);
  field("targets", window.targets);
  field("correct", window.correct);
  field("steps", window.steps);
  field("samples", window.samples);
  field("tokens", window.tokens);
  field("seconds", window.seconds);
  field("data_wait_s", window.data_wait_s);
}

template <class Self, class Field>
void progress_fields(Self& progress, Field&& field) {
  field("step", progress.step);
  field("skipped", progress.skipped);
  field("skipped_in_a_row", progress.skipped_in_a_row);
  field("samples", progress.samples);
  field("tokens", progress.tokens);
  field("elapsed_s", progress.elapsed_s);
  field("evaluated_step", progress.evaluated_step);
  field("valid_loss", progress.valid_loss);
  field("best_valid_loss", progress.best_valid_loss);
  field("best_step", progress.best_step);
}

class MemberWriter {
 public:
  explicit MemberWriter(JsonWriter& json) : json_(json) {}
  template <class T>
  void operator()(const char* key, const T& value) const {
    json_.member(key, value);
  }
  void operator()(const char* key, const std::optional<double>& value) const {
    json_.key(key);
    value ? json_.value(*value) : json_.null();
  }

 private:
  JsonWriter& json_;
};

const Json& member(const Json& object, const char* key) {
  ORCHID_CHECK_INPUT(object.is_object() && object.contains(key), key, ": missing");
  return object[key];
}

class MemberReader {
 public:
  explicit MemberReader(const Json& object) : object_(object) {}
  void operator()(const char* key, std::int64_t& value) const {
    const Json& json = member(object_, key);
    ORCHID_CHECK_INPUT(json.is_number_integer(), key, ": expected an integer, got ", preview(json));
    value = json.get<std::int64_t>();
  }
  void operator()(const char* key, double& value) const {
    const Json& json = member(object_, key);
    ORCHID_CHECK_INPUT(json.is_number(), key, ": expected a number, got ", preview(json));
    value = json.get<double>();
  }
  void operator()(const char* key, std::optional<double>& value) const {
    if (member(object_, key).is_null()) return value.reset();
    (*this)(key, value.emplace());
  }

 private:
  const Json& object_;
};

std::string text_member(const Json& object, const char* key) {
  const Json& json = member(object, key);
  ORCHID_CHECK_INPUT(json.is_string(), key, ": expected text, got ", preview(json));
  return json.get<std::string>();
}

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::uint64_t parse_hex(const std::string& text) {
  const bool digits =
      text.size() == 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  ORCHID_CHECK_INPUT(digits, "checksum: expected 16 hexadecimal digits, got \"", text, "\"");
  return std::stoull(text, nullptr, 16);
}

/// What an evaluation found; checkpoints of before it was kept have none.
void read_figures(const Json& progress, Progress& to) {
  if (!progress.contains("figures")) return;
  const Json& list = progress["figures"];
  ORCHID_CHECK_INPUT(list.is_array(), "figures: expected a list, got ", preview(list));
  for (const Json& figure : list) {
    double value = NAN;  // null stands for what is no number
    if (!member(figure, "value").is_null()) MemberReader{figure}("value", value);
    to.figures.emplace_back(text_member(figure, "name"), value);
  }
}

CheckpointState parse_state(const std::string& text) {
  const Json json = parse_json(text, ErrorKind::input_data);
  std::int64_t format = 0;
  MemberReader{json}("format", format);
  ORCHID_CHECK_INPUT(format == kFormat, "format: this program reads ", kFormat, ", got ", format);
  CheckpointState state;
  with_context("progress", [&] {
    const Json& progress = member(json, "progress");
    progress_fields(state.progress, MemberReader(progress));
    read_figures(progress, state.progress);
    window_fields(state.progress.window, MemberReader(member(progress, "window")));
    ORCHID_CHECK_INPUT(state.progress.step >= 0, "step: expected 0 or more");
  });
  state.version = text_member(json, "version");
  state.commit = text_member(json, "commit");
  try {
    state.config = parse_config(member(json, "config").dump(), "config");
  } catch (const Error& error) {  // a usage Error there, damaged input here
    throw Error(error.what(), ErrorKind::input_data);
  }
  const Json& files = member(json, "files");
  for (const auto& [name, file] : files.items()) {
    std::int64_t bytes = 0;
    MemberReader{file}("bytes", bytes);
    ORCHID_CHECK_INPUT(bytes >= 0 && name.find('/') == std::string::npos, "files: ", name,
                       ": expected a file name and a size");
    state.files[name] = {static_cast<std::size_t>(bytes), parse_hex(text_member(file, "checksum"))};
  }
  for (const char* required : {kModelFile, kOptimizerFile})
    ORCHID_CHECK_INPUT(state.files.contains(required), "files: ", required, ": missing");
  return state;
}

}  // namespace

std::string to_json(const CheckpointState& state) {
  JsonWriter json(2);
  json.begin_object().member("format", kFormat);
  json.member("version", state.version).member("commit", state.commit);
  json.member("seed", state.config.seed);
  json.key("data").begin_object();
  json.member("next_sample", state.progress.samples).end_object();
  json.key("progress").begin_object();
  progress_fields(state.progress, MemberWriter(json));
  json.key("figures").begin_array();
  for (const auto& [name, value] : state.progress.figures)
    json.begin_object().member("name", name).member("value", value).end_object();
  json.end_array().key("window").begin_object();
  window_fields(state.progress.window, MemberWriter(json));
  json.end_object().end_object();
  json.key("config").raw(to_json(state.config, 0));
  json.key("files").begin_object();
  for (const auto& [name, file] : state.files) {
    json.key(name).begin_object().member("bytes", std::uint64_t{file.bytes});
    json.member("checksum", hex(file.checksum)).end_object();
  }
  json.end_object().end_object();
  return json.text() + "\n";
}

CheckpointState read_state(const std::filesystem::path& directory) {
  return with_context(str("checkpoint ", directory.string()), [&] {
    const std::filesystem::path file = directory / kStateFile;
    const std::string text = read_text(file, ErrorKind::input_data);
    CheckpointState state = with_context(kStateFile, [&] { return parse_state(text); });
    for (const auto& [name, written] : state.files) {
      std::error_code failed;
      const auto bytes = std::filesystem::file_size(directory / name, failed);
      ORCHID_CHECK_INPUT(!failed, name, ": ", failed.message());
      ORCHID_CHECK_INPUT(bytes == written.bytes, name, ": expected ", written.bytes, " bytes, got ",
                         bytes);
    }
    return state;
  });
}

}  // namespace orchid::train
