// Runs that start from the weights of another run.

#include "data/text/shard_writer.h"
#include "tests/support/op_check.h"
#include "tests/train/tiny_glue.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;
namespace fs = std::filesystem;

namespace {

using Names = std::vector<std::string>;
using Values = std::map<std::string, Array>;

const Names kPooledHead = {"head.pooler.weight", "head.pooler.bias", "head.classifier.weight",
                           "head.classifier.bias"};
const Names kMlmHead = {"head.dense.weight", "head.dense.bias", "head.norm.weight",
                        "head.norm.bias", "head.bias"};

Values contents_of(Assembly& parts) {
  Values values;
  parts.visit()(
      {[&](const std::string& path, model::Parameter& parameter) {
         values[path] = download(parameter.value);
       },
       [&](const std::string& path, Tensor& buffer) { values[path] = download(buffer); }});
  return values;
}

bool in_head(const std::string& name) {
  return name.starts_with("head.");
}

Names sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

/// Shards of made-up documents with a vocabulary of the same size as the tests' own.
void write_shards(const fs::path& directory, const std::vector<std::string>& pieces) {
  const data::Vocabulary vocabulary(pieces);
  data::ShardWriter writer(directory, vocabulary, data::SampleMode::packed, 1000);
  for (std::int32_t document = 0; document < 8; ++document) {
    std::vector<std::int32_t> ids;
    for (std::int32_t i = 0; i < 10; ++i) ids.push_back(6 + (document + i) % 30);
    writer.add(ids);
  }
  writer.finish();
}

/// Masked language modelling on shards, of the same model as the runs on GLUE.
RunConfig pretraining(const TinyGlue& glue, const std::string& shards, const Names& sets = {}) {
  Names all = {"data={\"type\":\"text_shards\",\"length\":12,\"threads\":0}",
               "data.train=" + (glue.path() / shards).string(),
               "task={\"type\":\"mlm\"}",
               "schedule.epochs=0",
               "schedule.steps=2",
               "seed=5"};
  all.insert(all.end(), sets.begin(), sets.end());
  return parse_config(to_json(glue.config("cola")), "test", all);
}

/// What a test starts from: GLUE's small sets and a pretrained model.
struct Pretrained {
  Pretrained() {
    for (const char* task : {"cola", "rte", "mnli", "stsb"}) glue.write(task, 12);
    write_shards(glue.path() / "shards", tiny_pieces());
    train_until(pretraining(glue, "shards"), run(), 2);
  }
  fs::path run() const { return glue.path() / "pretrained"; }
  std::string from() const { return "init.checkpoint=" + run().string(); }
  Values values() const {
    return contents_of(*load_checkpoint(find_checkpoint(run()), AssembleFor::model_alone, {}));
  }

  TinyGlue glue;
};

/// The values named are those of `expected`, and there are some.
void check_taken(const Values& got, const Values& expected,
                 const std::function<bool(const std::string&)>& of) {
  int count = 0;
  for (const auto& [name, values] : got) {
    if (!of(name)) continue;
    INFO(name);
    CHECK(values == expected.at(name));
    ++count;
  }
  CHECK(count > 0);
}

std::string note_of(const Assembly& parts) {
  for (const std::string& note : parts.data.notes)
    if (note.starts_with("starts from ")) return note;
  return "";
}

}  // namespace

TEST_CASE("start: what the models have in common is taken, the rest drawn by the seed",
          "[train][start]") {
  const Pretrained pretrained;
  const RunConfig config = pretrained.glue.config("cola", {pretrained.from(), "seed=8"});
  const auto parts = assemble(config, AssembleFor::training);
  const auto drawn = assemble(pretrained.glue.config("cola", {"seed=8"}), AssembleFor::training);
  const Values got = contents_of(*parts), fresh = contents_of(*drawn);
  check_taken(got, pretrained.values(), [](const std::string& name) { return !in_head(name); });
  check_taken(got, fresh, in_head);
  CHECK(got.at("embeddings.tokens") != fresh.at("embeddings.tokens"));
  CHECK(note_of(*drawn).empty());
  const auto shared = std::count_if(got.begin(), got.end(),
                                    [](const auto& value) { return !in_head(value.first); });
  CHECK(note_of(*parts) ==
        str("starts from ", find_checkpoint(pretrained.run()).string(), ": ", shared,
            " tensors taken; drawn anew: head.pooler.weight, head.pooler.bias, "
            "head.classifier.weight, head.classifier.bias; not used: head.dense.weight, "
            "head.dense.bias, head.norm.weight, head.norm.bias, head.bias"));

  const LoadReport report =
      load_matching(find_checkpoint(pretrained.run()), parts->visit(), config.init.fresh);
  CHECK(std::ssize(report.loaded) == shared);
  CHECK(std::none_of(report.loaded.begin(), report.loaded.end(), in_head));
  CHECK(sorted(report.fresh) == sorted(kPooledHead));
  CHECK(sorted(report.unused) == sorted(kMlmHead));
}

TEST_CASE("start: init.fresh names what is drawn all the same", "[train][start]") {
  const Pretrained pretrained;
  const auto values = [&](const Names& sets) {
    Names all = {"seed=8"};
    all.insert(all.end(), sets.begin(), sets.end());
    return contents_of(*assemble(pretrained.glue.config("cola", all), AssembleFor::training));
  };
  const auto in_tables = [](const std::string& name) {
    return name == "embeddings.tokens" || name.starts_with("encoder.");
  };
  const Values got = values({pretrained.from(), "init.fresh=embeddings.tokens,encoder.*"});
  check_taken(got, values({}), in_tables);
  check_taken(got, pretrained.values(),
              [&](const std::string& name) { return !in_head(name) && !in_tables(name); });
  require_error(
      [&] {
        values({pretrained.from(), "init.fresh=*"});
      },
      "init.checkpoint: " + find_checkpoint(pretrained.run()).string() +
          ": no tensor of it is part of this model");
}

TEST_CASE("start: another shape is an error with tensor, shapes and key", "[train][start]") {
  const Pretrained pretrained;
  const auto start = [&](const Names& sets) {
    Names all = {pretrained.from(), "model.vocabulary=56"};
    all.insert(all.end(), sets.begin(), sets.end());
    return assemble(pretrained.glue.config("cola", all), AssembleFor::training);
  };
  test::require_error(ErrorKind::input_data,
                      {"init.checkpoint: init.fresh may name what is not to be loaded: ",
                       "embeddings.tokens: expected shape (56, 8), got (48, 8)"},
                      [&] { start({}); });
  const auto parts = start({"init.fresh=embeddings.tokens"});
  CHECK(contents_of(*parts).at("embeddings.tokens").size() == 56 * 8);
}

TEST_CASE("start: the vocabulary is the checkpoint's", "[train][start]") {
  const Pretrained pretrained;
  const auto start = [&](const Names& sets) {
    return assemble(pretrained.glue.config("cola", sets), AssembleFor::training);
  };
  const std::string known = slurp(pretrained.glue.vocabulary());
  CHECK(start({pretrained.from(), "data.vocabulary="})->data.vocabulary == known);
  CHECK(start({pretrained.from()})->data.vocabulary == known);  // the same, by name
  require_error([&] { start({"data.vocabulary="}); },
                "data.vocabulary: required without a checkpoint to take it from");
  std::vector<std::string> pieces = tiny_pieces();
  std::swap(pieces[6], pieces[7]);
  const fs::path other = pretrained.glue.path() / "other.txt";
  spit(other, data::Vocabulary(pieces).text());
  test::require_error(ErrorKind::input_data,
                      {"data.vocabulary: " + other.string(),
                       "not the vocabulary that the checkpoint was trained with"},
                      [&] {
                        start({pretrained.from(), "data.vocabulary=" + other.string()});
                      });
  CHECK(start({"data.vocabulary=" + other.string()})->data.vocabulary != known);

  // Pretraining goes on with other text, if it has the same pieces.
  write_shards(pretrained.glue.path() / "foreign", pieces);
  const auto go_on = [&](const std::string& shards) {
    return assemble(pretraining(pretrained.glue, shards, {pretrained.from(), "seed=8"}),
                    AssembleFor::training);
  };
  CHECK(contents_of(*go_on("shards")) == pretrained.values());
  test::require_error(ErrorKind::input_data,
                      {find_checkpoint(pretrained.run()).string(),
                       "trained with another vocabulary than that of the data"},
                      [&] { go_on("foreign"); });
}

TEST_CASE("start: from MNLI the pooler stays and the classifier is drawn anew", "[train][start]") {
  const Pretrained pretrained;
  const TinyGlue& glue = pretrained.glue;
  const fs::path mnli = glue.path() / "mnli";
  train_until(glue.config("mnli", {pretrained.from(), "data.vocabulary="}), mnli, 3);
  const Values trained =
      contents_of(*load_checkpoint(find_checkpoint(mnli), AssembleFor::model_alone, {}));
  const auto classifier = [](const std::string& name) {
    return name.starts_with("head.classifier.");
  };
  for (const std::string task : {"rte", "stsb", "mnli"}) {  // of 2, 1 and again 3 outputs
    INFO(task);
    const Names plain = {"data.vocabulary=" + glue.vocabulary().string(), "seed=8"};
    const auto parts = assemble(
        glue.config(task, {"init.checkpoint=" + mnli.string(), "data.vocabulary=", "seed=8"}),
        AssembleFor::training);
    const Values got = contents_of(*parts);
    check_taken(got, trained, [&](const std::string& name) { return !classifier(name); });
    check_taken(got, contents_of(*assemble(glue.config(task, plain), AssembleFor::training)),
                classifier);
    CHECK(got.at("head.classifier.weight") != trained.at("head.classifier.weight"));
    CHECK(note_of(*parts).find("drawn anew: head.classifier.weight, head.classifier.bias") !=
          std::string::npos);
  }
}

TEST_CASE("start: a run goes on, and is evaluated, without the one it started from",
          "[train][start]") {
  const Pretrained pretrained;
  const TinyGlue& glue = pretrained.glue;
  const fs::path run = glue.path() / "run";
  const RunConfig config = glue.config("rte", {pretrained.from(), "data.vocabulary="});
  train_until(config, run, 2);
  fs::remove_all(pretrained.run());
  RunConfig slash = config;  // another way to write the same
  slash.init.checkpoint += "/";
  train_until(slash, run, 6);
  slash.init.checkpoint += "other";
  require_error([&] { find_run(slash, run, true); }, "resume: init.checkpoint: the run in");
  const fs::path end = find_checkpoint(run);
  const CheckpointState state = read_state(end);
  CHECK(state.progress.step == 6);
  const auto parts = load_checkpoint(end, AssembleFor::evaluation, {});
  REQUIRE(parts->data.valid.size() == 1);
  const Evaluation again =
      evaluate(parts->ctx, *parts->model, *parts->task, *parts->data.valid[0].dataset,
               parts->evaluation_options(), [] { return false; });
  REQUIRE(state.progress.valid_loss);
  CHECK(again.loss == *state.progress.valid_loss);
}

TEST_CASE("start: errors name the key they come from", "[train][start]") {
  const Pretrained pretrained;
  const auto start = [&](const Names& sets) {
    assemble(pretrained.glue.config("cola", sets), AssembleFor::training);
  };
  require_error([&] { start({"init.checkpoint=/nowhere"}); },
                "init.checkpoint: /nowhere: expected the directory of a run or of a checkpoint");
  fs::create_directories(pretrained.glue.path() / "empty");
  require_error(
      [&] { start({"init.checkpoint=" + (pretrained.glue.path() / "empty").string()}); },
      "init.checkpoint: " + (pretrained.glue.path() / "empty").string() + ": no checkpoint in it");
  // What is wrong with the data is not the checkpoint's fault.
  std::string text;
  try {
    start({pretrained.from(), "data.directory=/nowhere"});
  } catch (const Error& error) {
    text = error.what();
  }
  INFO(text);
  CHECK(text.find("/nowhere/CoLA/train.tsv") != std::string::npos);
  CHECK(text.find("init.checkpoint") == std::string::npos);
  require_error([&] { start({"glue={\"recipes\":{\"cola\":{}}}"}); },
                "glue: expected a configuration of one run; `orchid glue` makes the runs");
}
