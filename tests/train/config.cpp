#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/config/load.h"
#include "train/config/suggest.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::require_error;
using orchid::test::spit;
using orchid::test::TempDir;

namespace {

/// The shortest valid configuration, with `extra` members.
std::string minimal(const std::string& extra = "") {
  return R"({"name": "a", "model": {"type": "bert"}, "task": {"type": "mlm"},
             "data": {"type": "text_shards", "train": "t"})" +
         (extra.empty() ? "" : ", " + extra) + "}";
}

RunConfig parse(const std::string& extra, const std::vector<std::string>& sets = {}) {
  return parse_config(minimal(extra), "x.json", sets);
}

const model::OrchidMixerConfig& mixer_of(const RunConfig& config) {
  const auto& bert = std::get<model::BertConfig>(config.model);
  return std::get<model::OrchidMixerConfig>(bert.encoder.mixer);
}

/// The configuration is refused with exactly this message before the source position, as usage.
void check_refused(const std::string& extra, const std::string& message,
                   const std::vector<std::string>& sets = {}) {
  INFO(extra);
  try {
    parse(extra, sets);
    FAIL("expected an error: " << message);
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(text.substr(0, text.rfind(" [")) == message);
  }
}

}  // namespace

TEST_CASE("a minimal config has the defaults of the structs", "[train][config]") {
  const RunConfig config = parse("");
  CHECK(config.name == "a");
  CHECK(config.seed == 17);
  CHECK(config.schedule.steps == 70000);
  CHECK(config.batch.global == 4096);
  CHECK(config.optimizer.type == OptimizerKind::decoupled_adamw);
  CHECK(mixer_of(config).kernel == model::Kernel::phase);
}

TEST_CASE("values of every kind are read", "[train][config]") {
  const RunConfig config = parse(R"("seed": 18446744073709551615, "trace": true, "clip_norm": 2,
    "nonfinite": "stop", "optimizer": {"betas": [0.5, 0.75],
      "groups": [{"match": "*.bias", "weight_decay": 0}]}, "schedule": {"steps": 1e3})");
  CHECK(config.seed == 18446744073709551615ull);
  CHECK(config.trace);
  CHECK(config.clip_norm == 2.0);
  CHECK(config.nonfinite == NonFinitePolicy::stop);
  CHECK(config.optimizer.betas == std::array{0.5, 0.75});
  REQUIRE(config.optimizer.groups.size() == 1);
  CHECK(config.optimizer.groups[0].match == "*.bias");
  CHECK(config.optimizer.groups[0].weight_decay == 0.0);
  CHECK(!config.optimizer.groups[0].learning_rate);
  CHECK(config.schedule.steps == 1000);
}

TEST_CASE("an unknown key is refused with the nearest known one", "[train][config]") {
  check_refused(
      R"("bacth": {})",
      "reading x.json: bacth: unknown key; did you mean \"batch\"? known here: batch, "
      "checkpoint, clip_norm, cuda_graphs, data, description, device, ema, evaluate_every, "
      "evaluate_samples, glue, init, log_every, model, name, nonfinite, optimizer, parallel, "
      "precision, schedule, seed, task, tf32, threads, trace, transforms");
  check_refused(R"("device": "cuda", "parallel": {"reduction": "fixed"})",
                "reading x.json: parallel.reduction: expected fast on a GPU; sums in a fixed order "
                "are the CPU's");
  check_refused(R"("parallel": {"bucket_mib": 0})",
                "reading x.json: parallel.bucket_mib: expected at least 1, got 0");
  check_refused(R"("parallel": {"deadline_s": 0})",
                "reading x.json: parallel.deadline_s: expected a number of seconds above 0, got 0");
  check_refused(R"("batch": {"size": 3})",
                "reading x.json: batch.size: unknown key; known here: global, per_device");
  check_refused(R"("batch": {"type": "x"})",
                "reading x.json: batch.type: unknown key; known here: global, per_device");
  check_refused(R"("optimizer": {"groups": [{"match": "a"}, {"mtch": "b"}]})",
                "reading x.json: optimizer.groups.1.mtch: unknown key; did you mean \"match\"? "
                "known here: learning_rate, match, weight_decay");
}

TEST_CASE("a value of the wrong type is refused with its path", "[train][config]") {
  check_refused(R"("seed": "one")",
                "reading x.json: seed: expected an integer from 0 to 2^64 - 1; got \"one\"");
  check_refused(R"("seed": -1)",
                "reading x.json: seed: expected an integer from 0 to 2^64 - 1; got -1");
  check_refused(R"("threads": 1.5)", "reading x.json: threads: expected an integer; got 1.5");
  check_refused(R"("threads": 9223372036854775808)",
                "reading x.json: threads: expected an integer below 2^63; got 9223372036854775808");
  check_refused(R"("threads": true)", "reading x.json: threads: expected an integer; got true");
  check_refused(R"("threads": null, "clip_norm": [])",
                "reading x.json: clip_norm: expected a number; got []");
  check_refused(R"("trace": 1)", "reading x.json: trace: expected true or false; got 1");
  check_refused(R"("device": 0)", "reading x.json: device: expected text in quotes; got 0");
  check_refused(R"("batch": 3)", "reading x.json: batch: expected an object {...}; got 3");
  check_refused(R"("optimizer": {"betas": [0.9]})",
                "reading x.json: optimizer.betas: expected a list of 2 values; got [0.9]");
  check_refused(R"("optimizer": {"groups": {}})",
                "reading x.json: optimizer.groups: expected a list [...]; got {}");
  check_refused(R"("precision": "fp8")",
                "reading x.json: precision: expected float32 | bf16; got \"fp8\"");
}

TEST_CASE("the type of a section chooses its keys", "[train][config]") {
  check_refused(R"("task": {"type": "translation"})",
                "reading x.json: task: the key appears twice in one object");
  require_error([] { parse_config(R"({"task": {"type": "translation"}})", "x.json"); },
                "reading x.json: task.type: expected mlm | classification | regression | "
                "image_classification; got \"translation\"");
  require_error([] { parse_config(R"({"task": {"type": 3}})", "x.json"); },
                "reading x.json: task.type: expected mlm | classification | regression | "
                "image_classification; got 3");
  require_error([] { parse_config(R"({"task": "mlm"})", "x.json"); },
                "reading x.json: task: expected an object {...}; got \"mlm\"");
}

TEST_CASE("text that is not strict JSON is refused", "[train][config]") {
  require_error([] { parse_config("{\"a\": 1, \"b\": {\"c\": 1, \"c\": 2}}", "x.json"); },
                "reading x.json: b.c: the key appears twice in one object");
  require_error([] { parse_config("{\n\"name\": }", "x.json"); },
                "reading x.json: not valid JSON: parse error at line 2, column 9");
  require_error([] { parse_config("{} {}", "x.json"); }, "not valid JSON");
  require_error([] { parse_config("{} // done", "x.json"); }, "not valid JSON");
  require_error([] { parse_config("", "x.json"); }, "not valid JSON");
  require_error([] { parse_config("{\"clip_norm\": 1e999}", "x.json"); }, "not valid JSON");
  require_error([] { parse_config("{\"name\": \"\xff\"}", "x.json"); }, "not valid JSON");
  require_error([] { parse_config("[]", "x.json"); }, "the file: expected an object");
  require_error([] { parse_config(std::string(100000, '['), "x.json"); },
                "expected at most 64 levels of nesting");
}

TEST_CASE("required keys are named when they are missing", "[train][config]") {
  for (const std::string key : {"name", "model", "task", "data"})
    require_error([&] { parse_config(minimal(), "x.json", {key + "=null"}); },
                  "reading x.json: " + key + ": required, and missing");
}

TEST_CASE("a file extends another by RFC 7396", "[train][config]") {
  const TempDir dir;
  spit(dir / "base/deep.json", R"({"batch": {"global": 8, "per_device": 4}, "threads": 3})");
  spit(dir / "base/mid.json", R"({"extends": "deep.json", "batch": {"global": 16}, "seed": 5})");
  spit(dir / "run.json", minimal(R"("extends": "base/mid.json", "threads": null)"));
  const RunConfig config = load_config(dir / "run.json");
  CHECK(config.batch.global == 16);
  CHECK(config.batch.per_device == 4);
  CHECK(config.seed == 5);
  CHECK(config.threads == 0);  // null removes the key: the default holds again
}

TEST_CASE("an error in an extended file names that file", "[train][config]") {
  const TempDir dir;
  spit(dir / "base.json", R"({"sead": 1})");
  spit(dir / "run.json", minimal(R"("extends": "base.json")"));
  require_error([&] { load_config(dir / "run.json"); },
                str("reading ", (dir / "run.json").string(), ": extends ",
                    (dir / "base.json").string(), ": sead: unknown key; did you mean \"seed\"?"));
  spit(dir / "run.json", minimal(R"("extends": "none.json")"));
  require_error([&] { load_config(dir / "run.json"); }, "none.json: no such file");
  spit(dir / "run.json", minimal(R"("extends": 3)"));
  require_error([&] { load_config(dir / "run.json"); },
                "extends: expected the path of another file; got 3");
}

TEST_CASE("files that extend each other are refused", "[train][config]") {
  const TempDir dir;
  spit(dir / "a.json", R"({"extends": "b.json"})");
  spit(dir / "b.json", R"({"extends": "./a.json"})");
  require_error([&] { load_config(dir / "a.json"); }, "extends: files extend each other");
  require_error([&] { load_config(dir.path()); }, "expected a file");
}

TEST_CASE("--set changes one path", "[train][config]") {
  const RunConfig config =
      parse(R"("optimizer": {"groups": [{"match": "a"}, {"match": "b"}]})",
            {"batch.global=64", "name=first_try", "optimizer.groups.1.match=*.bias",
             "model.encoder.mixer.filter.window=false", "description=\"x = y\"", "device=cpu"});
  CHECK(config.batch.global == 64);
  CHECK(config.name == "first_try");
  CHECK(config.optimizer.groups[0].match == "a");
  CHECK(config.optimizer.groups[1].match == "*.bias");
  CHECK(!mixer_of(config).filter.window);
  CHECK(config.description == "x = y");
}

TEST_CASE("a --set that fits nothing is refused and named", "[train][config]") {
  check_refused("",
                "--set batch.globl=3: batch.globl: unknown key; did you mean \"global\"? known "
                "here: global, per_device",
                {"batch.globl=3"});
  check_refused("", "--set batch.global=many: batch.global: expected an integer; got \"many\"",
                {"batch.global=many"});
  check_refused("", "--set seed: expected path.to.key=value, got \"seed\"", {"seed"});
  check_refused("", "--set =3: expected path.to.key=value, got \"=3\"", {"=3"});
  check_refused("", "--set batch..x=3: expected path.to.key=value, got \"batch..x=3\"",
                {"batch..x=3"});
  check_refused(R"("seed": 3)", "--set seed.x=3: seed: expected a section, it is 3", {"seed.x=3"});
  check_refused(R"("optimizer": {"groups": []})",
                "--set optimizer.groups.0.match=a: optimizer.groups: expected an index below 0 of "
                "a list, got \"0\"",
                {"optimizer.groups.0.match=a"});
}

TEST_CASE("a text is set as it is, whatever it looks like", "[train][config]") {
  for (const std::string text : {"2024", "null", "[1]", "a \"b\" = {c}", ""}) {
    INFO(text);
    CHECK(parse("", {set_of("init.checkpoint", text)}).init.checkpoint == text);
  }
}

TEST_CASE("each rule of a section is checked", "[train][config]") {
  const std::vector<std::pair<std::string, std::string>> rules = {
      {R"(name="a/b")", "name: expected up to 200 letters"},
      {R"(name=".a")", "name: expected up to 200 letters"},
      {"threads=-1", "threads: expected at least 0, got -1"},
      {"threads=5000", "threads: expected at most 1024, got 5000"},
      {"task.mask_rate=0", "task.mask_rate: expected a number in (0, 1], got 0"},
      {"task.evaluation_mask_rate=1.5",
       "task.evaluation_mask_rate: expected a number in (0, 1], got 1.5"},
      {"data.train=\"\"", "data.train: required, and missing"},
      {"data.length=0", "data.length: expected at least 1, got 0"},
      {"data.length=256", "data.length: expected at most model.length = 128, got 256"},
      {"data.prefetch=0", "data.prefetch: expected at least 1, got 0"},
      {"data.threads=257", "data.threads: expected at most 256, got 257"},
      {"optimizer.learning_rate=-1", "optimizer.learning_rate: expected a number of 0 or more"},
      {"optimizer.weight_decay=-1", "optimizer.weight_decay: expected a number of 0 or more"},
      {"optimizer.betas=[0.9,1]", "optimizer.betas: expected numbers in [0, 1), got 1"},
      {"optimizer.epsilon=0", "optimizer.epsilon: expected a number in (0, 1), got 0"},
      {R"(optimizer.groups=[{"learning_rate":1}])", "optimizer.groups.0.match: required"},
      {R"(optimizer.groups=[{"match":"a","learning_rate":-1}])",
       "optimizer.groups.0.learning_rate: expected a number of 0 or more"},
      {"schedule.steps=0", "schedule.steps: expected at least 1, got 0"},
      {"schedule.warmup_fraction=2", "schedule.warmup_fraction: expected a number in [0, 1]"},
      {"schedule.final_fraction=-1", "schedule.final_fraction: expected a number in [0, 1]"},
      {"batch.global=0", "batch.global: expected at least 1, got 0"},
      {"batch.per_device=0", "batch.per_device: expected at least 1, got 0"},
      {"clip_norm=-1", "clip_norm: expected a number of 0 or more, got -1"},
      {"evaluate_every=-1", "evaluate_every: expected at least 0, got -1"},
      {"evaluate_samples=-1", "evaluate_samples: expected at least 0, got -1"},
      {"log_every=0", "log_every: expected at least 1, got 0"},
      {"checkpoint.every=-1", "checkpoint.every: expected at least 0, got -1"},
      {"checkpoint.keep=0", "checkpoint.keep: expected at least 1, got 0"},
      {"checkpoint.best=true", "checkpoint.best: needs validation data"},
      {"model.encoder.layers=4097", "model: encoder: layers: expected at most 4096, got 4097"},
      {"model.encoder.mixer.conditioning_width=4",
       "model: encoder: mixer: conditioning_width: expected an odd number"},
  };
  for (const auto& [set, message] : rules) {
    INFO(set);
    require_error([&, &s = set] { parse("", {s}); }, "reading x.json: " + message);
  }
}

TEST_CASE("the resolved config reads back as itself", "[train][config]") {
  const RunConfig config = parse(R"("seed": 12345678901234567890, "clip_norm": 0.1,
    "optimizer": {"learning_rate": 1e-3, "groups": [{"match": "*", "weight_decay": 0.25}]})");
  const std::string text = to_json(config);
  CHECK(to_json(parse_config(text, "config.json")) == text);
  CHECK(to_json(parse_config(to_json(config, 0), "config.json")) == text);
  CHECK(text.find("\"seed\": 12345678901234567890") != std::string::npos);
  CHECK(differences(config, parse_config(text, "config.json")).empty());
}

TEST_CASE("differences between configs are listed by key", "[train][config]") {
  const auto found =
      differences(parse(""), parse("", {"batch.global=2", "optimizer.groups=[{\"match\":\"a\"}]"}));
  REQUIRE(found.size() == 3);
  CHECK(found[0].key == "batch.global");
  CHECK(found[0].before == "4096");
  CHECK(found[0].after == "2");
  CHECK(found[2].key == "optimizer.groups.0.match");
  CHECK(found[2].before == "absent");
}

TEST_CASE("describe lists every key with type, default and meaning", "[train][config]") {
  const auto all = describe_config("");
  const auto find = [&](const std::string& key) {
    for (const KeyDescription& entry : all)
      if (entry.key == key) return entry;
    FAIL("no key " << key);
    return KeyDescription{};
  };
  CHECK(find("name").required);
  CHECK(find("extends").type == "text");
  CHECK(find("seed").default_json == "17");
  CHECK(find("optimizer.type").type == "adamw | decoupled_adamw");
  CHECK(find("optimizer.type").default_json == "\"decoupled_adamw\"");
  CHECK(find("optimizer.groups[].match").meaning.find("pattern") == 0);
  CHECK(find("model(bert).encoder.mixer.type").type == "orchid | attention");
  CHECK(find("task.type").type == "mlm | classification | regression | image_classification");
  CHECK(find("task(classification).pooling").type == "first | mean");
  CHECK(find("init.fresh").default_json == "[\"head.classifier.*\"]");
  CHECK(find("glue").type == "object or absent");
  CHECK(find("glue.recipes.NAME.epochs").default_json == "3");
  CHECK(find("model(bert).encoder.mixer(orchid).filter.width").default_json == "128");
}

TEST_CASE("describe takes a section or refuses it with a suggestion", "[train][config]") {
  for (const KeyDescription& entry : describe_config("model.encoder.mixer.filter"))
    CHECK(entry.key.find("filter") != std::string::npos);
  CHECK(describe_config("batch").size() == 3);
  CHECK(describe_config("glue.recipes").size() == 11);  // itself and the keys of a recipe
  require_error([] { describe_config("bach"); },
                "describe: no key \"bach\"; did you mean \"batch\"?");
}

TEST_CASE("edit distance counts insertions, deletions and replacements", "[train][config]") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("width", "widht") == 2);
  CHECK(edit_distance("same", "same") == 0);
}
