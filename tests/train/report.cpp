#include "train/report/report.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/log/console.h"
#include "train/report/chart.h"
#include "train/report/curves.h"

using namespace orchid::train;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
using Ticks = std::vector<double>;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

}  // namespace

TEST_CASE("axis ticks are round numbers inside the range", "[train][report]") {
  CHECK(axis_ticks(0, 10) == Ticks{0, 2, 4, 6, 8, 10});
  CHECK(axis_ticks(3, 9.5) == Ticks{4, 6, 8});
  CHECK(axis_ticks(-1, 1) == Ticks{-1, -0.5, 0, 0.5, 1});
  CHECK(axis_ticks(0, 70000).size() >= 4);
  CHECK(axis_ticks(2, 2) == Ticks{2});
  CHECK(!std::signbit(axis_ticks(-0.1, 3).front()));  // "0", not "-0"
}

TEST_CASE("a chart draws each curve and skips what is not finite", "[train][report]") {
  const std::string svg =
      svg_chart("loss", {{"train", {1, 2, 3}, {5, NAN, 4}}, {"valid", {3}, {4.5}}});
  CHECK(count(svg, "<polyline") == 2);
  CHECK(count(svg, "<circle") == 1);  // the single validation point
  CHECK(svg.find("train 4<") != std::string::npos);
  CHECK(svg.find("valid 4.5<") != std::string::npos);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg_chart("empty", {{"train", {}, {}}}).empty());
  CHECK(svg_chart("empty", {{"train", {1}, {NAN}}}).empty());
}

TEST_CASE("a curve that stays at one value has an axis of plain numbers", "[train][report]") {
  const std::string zero = svg_chart("matthews", {{"valid", {10, 20}, {0, 0}}});
  for (const char* tick : {">-1<", ">0<", ">1<"}) CHECK(count(zero, tick) == 1);
  CHECK(zero.find("1e-") == std::string::npos);
  CHECK(svg_chart("f1", {{"valid", {1, 2}, {0.8, 0.8}}}).find(">0.5<") != std::string::npos);
}

TEST_CASE("a long curve is thinned to what a screen shows", "[train][report]") {
  Series series{"train", {}, {}};
  for (int i = 0; i < 10000; ++i) {
    series.x.push_back(i);
    series.y.push_back(1);
  }
  CHECK(svg_chart("loss", {series}).size() < 40000);
}

TEST_CASE("charts are titled as the task's figures are called", "[train][report]") {
  struct Case {
    std::string task;
    std::vector<std::string> titles;
    std::size_t charts;
  };
  for (const Case& expected :
       {Case{R"("type": "mlm")", {"loss (nats per masked token)", "accuracy at masked tokens"}, 2},
        Case{R"("type": "classification")",
             {"loss (nats)", "accuracy", "F1", "Matthews correlation"},
             4},
        Case{R"("type": "regression")",
             {"squared error", "Pearson correlation", "Spearman correlation"},
             3}}) {
    const TempDir dir;
    INFO(expected.task);
    spit(dir / "config.json", "{\"task\": {" + expected.task + "}}");
    spit(dir / "metrics.jsonl",
         "{\"step\":1,\"split\":\"valid\",\"loss\":3,\"accuracy\":0.5,\"f1\":0.25,"
         "\"matthews\":0.1,\"pearson\":0.2,\"spearman\":0.3}\n"
         "{\"step\":1,\"split\":\"valid_mismatched\",\"loss\":4}\n");
    write_report(dir.path());
    const std::string page = slurp(dir / "report.html");
    CHECK(count(page, "<svg") == expected.charts);
    for (const std::string& title : expected.titles) CHECK(count(page, ">" + title + "<") == 1);
    CHECK(count(page, "mismatched 4<") == 1);
  }
}

TEST_CASE("a line of metrics that a kill cut short is left out", "[train][report]") {
  const TempDir dir;
  const std::string whole = "{\"step\":1,\"split\":\"train\",\"loss\":3}\n";
  spit(dir / "metrics.jsonl", whole + "{\"step\":2,\"spl");
  CHECK(curve_of(read_curves(dir / "metrics.jsonl"), "train/loss", "").y == Ticks{3});
  spit(dir / "metrics.jsonl", whole + "{\"step\":2,\"spl\n");
  orchid::test::require_error([&] { read_curves(dir / "metrics.jsonl"); }, "metrics.jsonl: line 2");
}

TEST_CASE("a report shows the curves and numbers of a run", "[train][report]") {
  const TempDir dir;
  spit(dir / "config.json", "{\"name\": \"<script>\"}");
  spit(dir / "summary.json", R"({"name": "a<b", "state": "completed", "valid_loss": 2.5,
      "elapsed_s": 3720, "peak_bytes": 1500000, "machine": {"cpu": "X"},
      "trace": {"step_seconds": 2, "ops": [{"op": "fft", "calls": 3, "seconds": 1, "share": 0.5}]}})");
  spit(dir / "metrics.jsonl",
       "{\"step\":1,\"split\":\"train\",\"loss\":3}\n{\"step\":2,\"split\":\"train\",\"loss\":null}"
       "\n"
       "{\"step\":2,\"split\":\"valid\",\"loss\":2.5}\n");
  CHECK(write_report(dir.path()) == dir / "report.html");
  const std::string page = slurp(dir / "report.html");
  CHECK(page.find("<h1>a&lt;b</h1>") != std::string::npos);
  CHECK(page.find("<script>") == std::string::npos);
  CHECK(count(page, "<svg") == 1);  // only loss was measured
  CHECK(page.find("<td>elapsed_s</td><td>1h 02m</td>") != std::string::npos);
  CHECK(page.find("<td>peak_bytes</td><td>1.50MB</td>") != std::string::npos);
  CHECK(page.find("<td>machine cpu</td><td>X</td>") != std::string::npos);
  CHECK(page.find("<td>fft</td><td>50.0 % of step time, 3 calls") != std::string::npos);
  CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
}

TEST_CASE("a report needs a run, and says which line is damaged", "[train][report]") {
  const TempDir dir;
  orchid::test::require_error([&] { write_report(dir.path()); }, "expected the directory of a run");
  spit(dir / "config.json", "{}");
  write_report(dir.path());  // a run that has just begun has no more
  spit(dir / "metrics.jsonl", "{\"step\":1,\"split\":\"train\"}\n{\"step\":2}\n");
  orchid::test::require_error([&] { write_report(dir.path()); },
                              "line 2: expected an object with step and split");
}

TEST_CASE("durations and large numbers are short", "[train][report]") {
  CHECK(duration_text(12.4) == "12s");
  CHECK(duration_text(187) == "3m 07s");
  CHECK(duration_text(3720) == "1h 02m");
  CHECK(duration_text(NAN) == "?");
  CHECK(duration_text(INFINITY) == "?");
  CHECK(short_number(0) == "0");
  CHECK(short_number(999) == "999");
  CHECK(short_number(1234) == "1.23k");
  CHECK(short_number(99960) == "100k");
  CHECK(short_number(77207616) == "77.2M");
  CHECK(short_number(1.26e19) == "12.6E");
}
