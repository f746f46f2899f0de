#include "train/classify.h"

#include <sstream>

#include "tests/support/catch.h"
#include "tests/train/tiny_glue.h"
#include "train/glue/cost.h"

using namespace orchid;
using namespace orchid::test;
using namespace orchid::train;

namespace {

std::vector<std::string> firsts(const std::string& text, const TextColumns& columns) {
  std::istringstream input(text);
  std::vector<std::string> found;
  for (const data::TextExample& example : read_texts(input, columns, "x.tsv"))
    found.push_back(example.first + (example.second.empty() ? "" : "|" + example.second));
  return found;
}

/// A small model trained for a few steps on a task, as its checkpoint has it.
std::unique_ptr<Assembly> trained(const TinyGlue& glue, const std::string& task) {
  glue.write(task, 20);
  train_until(glue.config(task), glue.path() / "run", 4);
  return load_checkpoint(find_checkpoint(glue.path() / "run"), AssembleFor::model_alone, {});
}

}  // namespace

TEST_CASE("classify: texts come from columns of lines", "[train][classify]") {
  using Texts = std::vector<std::string>;
  CHECK(firsts("a b\nc\r\n\nd", {{0}}) == Texts{"a b", "c", "d"});
  CHECK(firsts("\xEF\xBB\xBFid\ttext\n1\ta \"b\n", {{1}, true}) == Texts{"a \"b"});
  CHECK(firsts("a\tb\tc\n", {{2, 0}}) == Texts{"c|a"});
  CHECK(firsts("", {{0}}).empty());
  require_error(ErrorKind::input_data,
                {"x.tsv:2: expected at least 2 tab-separated columns, got 1"}, [] {
                  firsts("a\tb\nc\n", {{0, 1}});
                });
}

TEST_CASE("classify: an answer depends on its text alone", "[train][classify]") {
  const TinyGlue glue;
  const auto parts = trained(glue, "cola");
  parts->config.evaluate_samples = 1;  // of evaluation alone
  TextClassifier classifier(*parts);
  CHECK(!classifier.pairs());
  const std::vector<data::TextExample> texts = {{.first = "the cat", .second = "", .id = {}},
                                                {.first = "on the mat", .second = "", .id = {}},
                                                {.first = "the cat", .second = "", .id = {}}};
  const std::vector<TextAnswer> all = classifier.answer(texts);
  REQUIRE(all.size() == 3);
  CHECK(all[0].probabilities == all[2].probabilities);
  CHECK(all[0].probabilities != all[1].probabilities);
  for (const TextAnswer& answer : all) {
    REQUIRE(answer.probabilities.size() == 2);
    CHECK(answer.probabilities[0] + answer.probabilities[1] == Approx(1).epsilon(1e-12));
    CHECK(answer.probabilities[static_cast<std::size_t>(answer.best)] >= 0.5);
    CHECK(answer.label == str(answer.best));
  }
  std::get<ClassificationTaskConfig>(parts->config.task).labels = {"no", "yes"};
  CHECK(TextClassifier(*parts).answer(texts)[0].label == (all[0].best == 1 ? "yes" : "no"));
  const std::vector<TextAnswer> alone = classifier.answer(std::span(texts).subspan(1, 1));
  CHECK(alone[0].probabilities[0] == Approx(all[1].probabilities[0]).epsilon(1e-6));
}

TEST_CASE("classify: pairs and scores", "[train][classify]") {
  const TinyGlue glue;
  const auto parts = trained(glue, "stsb");
  TextClassifier classifier(*parts);
  CHECK(classifier.pairs());
  CHECK(classifier.labels().empty());
  const std::vector<data::TextExample> texts = {
      {.first = "the cat", .second = "a dog", .id = {}},
      {.first = "the cat", .second = "the mat sat", .id = {}}};
  const std::vector<TextAnswer> answers = classifier.answer(texts);
  CHECK(answers[0].best == -1);
  CHECK(answers[0].probabilities.empty());
  CHECK(answers[0].score != answers[1].score);
}

TEST_CASE("classify: a masked language model is refused", "[train][classify]") {
  Assembly parts{{}, Context({}, DType::f32, 1)};
  require_error(ErrorKind::usage,
                {"classify: expected a model fine-tuned to classify texts", "task.type mlm"},
                [&] { TextClassifier classifier(parts); });
}

TEST_CASE("the cost of a protocol is that of its steps", "[train][glue]") {
  const TinyGlue glue;
  RunConfig config = parse_config(
      R"({"name": "a", "model": {"type": "bert", "vocabulary": 48, "length": 12, "encoder":
           {"width": 8, "layers": 1, "mlp": {"blocks": 2, "expansion": 2},
            "mixer": {"type": "orchid", "filter": {"width": 6, "inner_layers": 1}}}},
          "task": {"type": "classification"}, "data": {"type": "glue", "directory": "no_such_folder",
            "length": 12}, "glue": {"recipes": {
              "mnli": {"epochs": 3, "batch": 48, "evaluate_every": 10000, "seeds": [1]},
              "rte": {"epochs": 6, "batch": 16, "seeds": [1, 2]}}}})",
      "test");
  const GluePlan plan = plan_unread(config);
  REQUIRE(plan.runs.size() == 3);
  // The pace of the run the protocol starts from.
  std::filesystem::create_directories(glue.path() / "pretrained");
  spit(glue.path() / "pretrained/summary.json", R"({"train_tokens_per_s": 1000.0})");
  config.init.checkpoint = (glue.path() / "pretrained").string();
  const GlueCost cost = cost_of(config, plan);
  CHECK(cost.tokens_per_s == 1000);
  CHECK(cost.runs[0].steps == 24546);
  CHECK(cost.runs[0].tokens == 3.0 * 392702 * 12);
  // Evaluations after 10,000 and 20,000 steps and at the end, on both sets.
  CHECK(cost.runs[0].seconds == Approx((3.0 * 392702 * 12 + 3 * (9815 + 9832) * 12 / 3.0) / 1000));
  CHECK(cost.runs[1].steps == 6 * 156);
  CHECK(cost.runs[2].seconds == Approx((6.0 * 2490 * 12 + 277 * 12 / 3.0) / 1000));
  CHECK(cost.seconds() == Approx(cost.runs[0].seconds + 2 * cost.runs[1].seconds));
}
