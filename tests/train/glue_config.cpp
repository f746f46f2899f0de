// The keys of data.type glue and of the glue section.

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "train/config/load.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::require_error;
namespace fs = std::filesystem;

namespace {

using Texts = std::vector<std::string>;
using Seeds = std::vector<std::uint64_t>;

/// A run on one task.
RunConfig run(const Texts& sets = {}) {
  return parse_config(R"({"name": "a", "model": {"type": "bert"}, "task": {"type":
      "classification"}, "data": {"type": "glue", "directory": "d", "task": "cola"}})",
                      "x.json", sets);
}

/// A protocol of two tasks.
RunConfig protocol(const Texts& sets = {}) {
  return parse_config(R"({"name": "a", "model": {"type": "bert"}, "task": {"type":
      "classification"}, "data": {"type": "glue", "directory": "d"},
      "glue": {"recipes": {"cola": {"seeds": [1, 2]}, "stsb": {"epochs": 4}}}})",
                      "x.json", sets);
}

/// Each of the changes is refused with its message.
void check_rules(RunConfig (*parse)(const Texts&),
                 const std::vector<std::pair<std::string, std::string>>& rules) {
  for (const auto& [set, message] : rules) {
    INFO(set);
    require_error([&, &s = set] { parse({s}); }, message);
  }
}

/// What the specification says of a task: its table 4.1, and of its table 4.2 the column of a size.
struct Published {
  std::string task;
  std::int64_t batch, evaluate_every;
  Seeds seeds;
  std::int64_t epochs;
  double learning_rate, weight_decay;
  OptimizerKind optimizer;
};

void check_recipes(const std::string& file, const std::vector<Published>& table) {
  const RunConfig config = load_config(test::source_dir() / "configs/glue" / file);
  REQUIRE(config.glue);
  const auto& recipes = config.glue->recipes;
  CHECK(recipes.size() == table.size());
  for (const Published& published : table) {
    INFO(file << " " << published.task);
    REQUIRE(recipes.contains(published.task));
    const GlueRecipeConfig& recipe = recipes.at(published.task);
    CHECK(recipe.batch == published.batch);
    CHECK(recipe.evaluate_every == published.evaluate_every);
    CHECK(recipe.seeds == published.seeds);
    CHECK(recipe.epochs == published.epochs);
    CHECK(recipe.learning_rate == published.learning_rate);
    CHECK(recipe.weight_decay == published.weight_decay);
    CHECK(recipe.optimizer == published.optimizer);
    CHECK(recipe.train_rows == 0);
    CHECK(recipe.float32 == (published.task == "stsb"));
    CHECK(recipe.pooling ==
          (published.task == "qnli" ? model::Pooling::mean : model::Pooling::first));
  }
  CHECK(config.glue->tasks.empty());
  CHECK(config.glue->seeds.empty());
  CHECK(config.glue->from_mnli == Texts{"rte", "mrpc", "stsb"});
  CHECK(!config.glue->published_pooling);
}

constexpr auto D = OptimizerKind::decoupled_adamw, A = OptimizerKind::adamw;
const Seeds kOne = {19}, kThree = {19, 8364, 717}, kFour = {19, 8364, 717, 10536},
            kFive = {19, 8364, 717, 10536, 90166};

}  // namespace

TEST_CASE("a run on a task of GLUE needs the head its labels ask for", "[train][config][glue]") {
  CHECK(std::get<GlueDataConfig>(run().data).task == "cola");
  CHECK_NOTHROW(run({"data.task=stsb", "task={\"type\":\"regression\"}"}));
  CHECK_NOTHROW(run({"data.task=mnli", "task.classes=3"}));
  check_rules(
      run,
      {{"data.directory=", "data.directory: required, and missing"},
       {"data.task=", "data.task: required, and missing"},
       {"data.task=cloa", "cloa"},
       {"data.task=stsb", "task: data.task stsb needs type regression"},
       {"data.task=mnli", "task: data.task mnli needs type classification with 3 classes"},
       {"task.classes=3", "task: data.task cola needs type classification with 2 classes"},
       {"task={\"type\":\"regression\"}",
        "task: data.task cola needs type classification with 2 classes"},
       {"task={\"type\":\"mlm\"}", "task: data.task cola needs type classification with 2 classes"},
       {"data.length=0", "data.length: expected at least 1, got 0"},
       {"data.length=129", "data.length: expected at most model.length = 128, got 129"},
       {"data.threads=-1", "data.threads: expected at least 0, got -1"},
       {"data.threads=257", "data.threads: expected at most 256, got 257"},
       {"data.prefetch=0", "data.prefetch: expected at least 1, got 0"},
       {"data.train_rows=-1", "data.train_rows: expected at least 0, got -1"},
       {"task.classes=1", "task.classes: expected at least 2, got 1"},
       {"task.labels=a,b,c", "task.labels: expected 2, as task.classes says, got 3"},
       {"task.dropout=1", "task.dropout: expected a number in [0, 1), got 1"},
       {"task.dropout=-0.5", "task.dropout: expected a number in [0, 1), got -0.5"},
       {"task.pooling=last", "task.pooling: expected first | mean; got \"last\""},
       {"schedule.epochs=-1", "schedule.epochs: expected at least 0, got -1"},
       {"schedule.epochs=1e12", "schedule.epochs: expected at most 1048576"}});
  require_error(
      [] {
        run({"data.task=stsb", "task={\"type\":\"regression\",\"dropout\":1}"});
      },
      "task.dropout: expected a number in [0, 1), got 1");
  require_error([] { run({"data={\"type\":\"text_shards\",\"train\":\"t\"}"}); },
                "task.type: data.type text_shards has no labels: expected mlm");
}

TEST_CASE("each rule of the glue section is checked", "[train][config][glue]") {
  CHECK_NOTHROW(protocol());
  CHECK_NOTHROW(protocol({"task={\"type\":\"mlm\"}"}));  // recipes choose the task
  CHECK_NOTHROW(protocol({"glue.tasks=stsb"}));
  check_rules(
      protocol,
      {{"data={\"type\":\"text_shards\",\"train\":\"t\"}", "task.type: data.type text_shards"},
       {"data.directory=", "data.directory: required, and missing"},
       {"glue.recipes=null", "glue.recipes: expected one for each task, none given"},
       {"evaluate_samples=8", "evaluate_samples: expected 0 with a glue section"},
       {"glue.recipes.cloa.epochs=1", "glue.recipes.cloa: "},
       {"glue.recipes.ax.epochs=1", "glue.recipes.ax: ax has no training data"},
       {"glue.recipes.cola.epochs=0", "glue.recipes.cola.epochs: expected at least 1, got 0"},
       {"glue.recipes.cola.epochs=1e12", "glue.recipes.cola.epochs: expected at most 1048576"},
       {"glue.recipes.cola.batch=0", "glue.recipes.cola.batch: expected at least 1, got 0"},
       {"glue.recipes.cola.batch=1e12", "glue.recipes.cola.batch: expected at most 16777216"},
       {"glue.recipes.cola.evaluate_every=-1",
        "glue.recipes.cola.evaluate_every: expected at least 0, got -1"},
       {"glue.recipes.cola.train_rows=-1",
        "glue.recipes.cola.train_rows: expected at least 0, got -1"},
       {"glue.recipes.cola.learning_rate=-1",
        "glue.recipes.cola.learning_rate: expected a number of 0 or more, got -1"},
       {"glue.recipes.cola.weight_decay=-1",
        "glue.recipes.cola.weight_decay: expected a number of 0 or more, got -1"},
       {"glue.recipes.cola.seeds=[]", "glue.recipes.cola.seeds: expected at least one"},
       {"glue.recipes.cola.seeds=3,4,3",
        "glue.recipes.cola.seeds: expected each seed once, got 3 twice"},
       {"glue.recipes.cola.optimizer=sgd",
        "glue.recipes.cola.optimizer: expected adamw | decoupled_adamw; got \"sgd\""},
       {"glue.recipes.cola.epoch=1",
        "glue.recipes.cola.epoch: unknown key; did you mean \"epochs\"?"},
       {"glue.recipes=3", "glue.recipes: expected an object {...}; got 3"},
       {"glue.recipes.cola=3", "glue.recipes.cola: expected an object {...}; got 3"},
       {"glue.tasks=rte", "glue.tasks: rte has no recipe; add glue.recipes.rte"},
       {"glue.tasks=cloa", "glue.tasks: "},
       {"glue.tasks=ax", "glue.tasks: ax has no training data"},
       {"glue.seeds=7,7", "glue.seeds: expected each seed once, got 7 twice"},
       {"glue.from_mnli=ax", "glue.from_mnli: ax has no training data"},
       {"glue.from_mnli=mnli", "glue.from_mnli: mnli cannot start from itself"},
       {"glue.workers=-1", "glue.workers: expected at least 0, got -1"},
       {"glue.workers=1025", "glue.workers: expected at most 1024, got 1025"}});
  require_error(
      [] {
        protocol({"task={\"type\":\"mlm\"}", "data={\"type\":\"text_shards\",\"train\":\"t\"}"});
      },
      "glue: needs data.type glue");
}

TEST_CASE("--set takes lists with commas and single values", "[train][config][glue]") {
  const GlueConfig glue = *protocol({"glue.tasks=cola,stsb", "glue.seeds=1,18446744073709551615",
                                     "glue.recipes.cola.epochs=1"})
                               .glue;
  CHECK(glue.tasks == Texts{"cola", "stsb"});
  CHECK(glue.seeds == Seeds{1, 18446744073709551615ull});
  CHECK(glue.recipes.at("cola").epochs == 1);
  CHECK(glue.recipes.at("cola").seeds == Seeds{1, 2});  // as the file has it
  CHECK(glue.recipes.at("stsb").epochs == 4);
  CHECK(glue.from_mnli == Texts{"rte", "mrpc", "stsb"});

  const GlueConfig other =
      *protocol({"glue.tasks=cola", "glue.seeds=7", "glue.from_mnli=", "glue.recipes.rte.batch=8",
                 "glue.recipes.stsb=null"})
           .glue;
  CHECK(other.tasks == Texts{"cola"});
  CHECK(other.seeds == Seeds{7});
  CHECK(other.from_mnli.empty());
  CHECK(other.recipes.size() == 2);
  CHECK(other.recipes.at("rte").batch == 8);
  CHECK(other.recipes.at("rte").epochs == 3);  // the default
  CHECK(protocol({"glue.seeds=[3,4]"}).glue->seeds == Seeds{3, 4});
  CHECK(protocol({"glue.seeds=1e3"}).glue->seeds == Seeds{1000});
  CHECK(run({"task.labels=no,yes"}).task.index() == 1);
  CHECK(run({"init.fresh=head.*"}).init.fresh == Texts{"head.*"});
  CHECK(run().init.fresh == Texts{"head.classifier.*"});
  check_rules(protocol, {{"glue.seeds=1,x",
                          "glue.seeds.1: expected an integer from 0 to 2^64 - 1; "
                          "got \"x\""},
                         {"glue.seeds=1,,2", "glue.seeds.1: expected an integer"},
                         {"glue.seeds=-1", "glue.seeds.0: expected an integer"},
                         {"glue.seeds=1.5", "glue.seeds.0: expected an integer"},
                         {"glue.seeds=true", "glue.seeds: expected a list [...]; got true"},
                         {"glue.tasks={}", "glue.tasks: expected a list [...]; got {}"},
                         {"glue.tasks=[1]", "glue.tasks.0: expected text in quotes; got 1"}});
}

TEST_CASE("a protocol reads back as itself", "[train][config][glue]") {
  for (const std::string file : {"quickstart.json", "orchid_bert_base.json"}) {
    INFO(file);
    const RunConfig config =
        load_config(test::source_dir() / "configs/glue" / file,
                    {"glue.tasks=cola,rte", "glue.seeds=18446744073709551615,2", "seed=3",
                     "glue.recipes.cola.learning_rate=1.25e-05", "init.fresh=a*,b"});
    const std::string text = to_json(config);
    const RunConfig again = parse_config(text, "config.json");
    CHECK(to_json(again) == text);
    CHECK(differences(config, again).empty());
    CHECK(again.glue->tasks == Texts{"cola", "rte"});
    CHECK(again.glue->seeds == Seeds{18446744073709551615ull, 2});
    CHECK(again.glue->recipes.at("cola").learning_rate == 1.25e-5);
    CHECK(again.init.fresh == Texts{"a*", "b"});
    CHECK(again.init.checkpoint == config.init.checkpoint);
  }
  const auto found = differences(protocol(), protocol({"glue.recipes.cola.batch=4"}));
  REQUIRE(found.size() == 1);
  CHECK(found[0].key == "glue.recipes.cola.batch");
  CHECK(run().glue == std::nullopt);
  CHECK(to_json(run()).find("\"glue\": {") == std::string::npos);
}

TEST_CASE("every configuration of GLUE loads", "[train][config][glue]") {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(test::source_dir() / "configs/glue")) {
    INFO(entry.path());
    const RunConfig config = load_config(entry.path());
    CHECK(config.glue.has_value());
    CHECK(!config.init.checkpoint.empty());
    const auto& data = std::get<GlueDataConfig>(config.data);
    CHECK(data.shuffle);
    CHECK(data.task.empty());
    ++count;
  }
  CHECK(count >= 3);
}

TEST_CASE("the recipes of base and large are the published ones", "[train][config][glue]") {
  check_recipes("orchid_bert_base.json", {{"mnli", 48, 2300, kOne, 3, 5e-5, 5e-6, D},
                                          {"rte", 16, 100, kFive, 6, 5e-5, 0.01, A},
                                          {"qqp", 16, 2000, kOne, 10, 3e-5, 0.01, A},
                                          {"qnli", 16, 1000, kOne, 10, 5e-5, 1e-6, D},
                                          {"sst2", 16, 500, kThree, 3, 3e-5, 3e-6, D},
                                          {"stsb", 32, 200, kFive, 10, 7e-5, 0.01, A},
                                          {"mrpc", 32, 100, kFive, 10, 5e-5, 0.01, A},
                                          {"cola", 32, 250, kFour, 10, 5e-5, 5e-6, D}});
  check_recipes("orchid_bert_large.json", {{"mnli", 48, 2300, kOne, 3, 5e-5, 5e-6, D},
                                           {"rte", 16, 100, kFive, 3, 1e-5, 1e-6, D},
                                           {"qqp", 16, 2000, kOne, 5, 3e-5, 3e-6, D},
                                           {"qnli", 16, 1000, kOne, 10, 5e-5, 1e-6, D},
                                           {"sst2", 16, 500, kThree, 3, 3e-5, 3e-6, D},
                                           {"stsb", 32, 200, kFive, 10, 7e-5, 3e-6, D},
                                           {"mrpc", 32, 100, kFive, 10, 8e-5, 8e-6, D},
                                           {"cola", 32, 250, kFour, 10, 5e-5, 5e-6, D}});
}

TEST_CASE("what all tasks share is the published protocol", "[train][config][glue]") {
  for (const auto& [file, width] :
       {std::pair{"orchid_bert_base.json", 768}, std::pair{"orchid_bert_large.json", 1536}}) {
    INFO(file);
    const RunConfig config = load_config(test::source_dir() / "configs/glue" / file);
    CHECK(config.optimizer.betas == std::array{0.9, 0.98});
    CHECK(config.optimizer.epsilon == 1e-6);
    CHECK(config.optimizer.groups.empty());
    CHECK(config.clip_norm == 0);
    CHECK(config.schedule.type == ScheduleKind::linear);
    CHECK(config.schedule.warmup_fraction == 0.06);
    CHECK(config.schedule.final_fraction == 0);
    CHECK(std::get<GlueDataConfig>(config.data).length == 128);
    CHECK(std::get<ClassificationTaskConfig>(config.task).dropout == 0.1);
    const auto& bert = std::get<model::BertConfig>(config.model);
    CHECK(std::tuple(bert.vocabulary, bert.length, bert.dropout) == std::tuple(30528, 128, 0.1));
    CHECK(std::tuple(bert.encoder.width, bert.encoder.layers, bert.encoder.dropout) ==
          std::tuple(width, 12, 0.1));
    const RunConfig mlm = load_config(test::source_dir() / "configs/mlm" / file);
    for (const ConfigDifference& difference : differences(mlm, config))
      CHECK(!difference.key.starts_with("model."));  // else the weights would not fit
  }
}
