#include "train/checkpoint/checkpoint.h"

#include <csignal>

#include <sys/resource.h>

#include "tests/support/catch.h"
#include "tests/support/files.h"
#include "tests/support/op_check.h"
#include "tests/support/temp_dir.h"
#include "train/config/load.h"

using namespace orchid;
using namespace orchid::train;
using orchid::test::Array;
using orchid::test::download;
using orchid::test::require_error;
using orchid::test::slurp;
using orchid::test::spit;
using orchid::test::TempDir;
using orchid::test::upload;
namespace fs = std::filesystem;

namespace {

RunConfig run_config() {
  return parse_config(R"({"name": "a", "model": {"type": "bert"}, "task": {"type": "mlm"},
      "data": {"type": "text_shards", "train": "t", "valid": "v"}})",
                      "test");
}

/// A model of one parameter and one buffer, with its optimizer and a store below `root`.
struct Run {
  explicit Run(const fs::path& root, CheckpointConfig config = {.every = 1, .keep = 100})
      : store(root, config) {
    weight.value = upload(ctx, {1, 2, 3}, {3});
    optimizer.emplace(ctx, OptimizerConfig{}, visit);
  }
  fs::path save(std::int64_t step, std::optional<double> valid_loss = {},
                std::int64_t best_step = -1) {
    CheckpointState state{run_config(), {}, "0", "c", {}};
    state.progress.step = step;
    state.progress.best_step = best_step;
    if (valid_loss) {
      state.progress.evaluated_step = step;
      state.progress.valid_loss = valid_loss;
    }
    return store.save(state, [&](const fs::path& directory) {
      return write_checkpoint_files(directory, visit, *optimizer, optimizer->room_for_moments(),
                                    step, "[PAD]\n");
    });
  }
  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> found;
    for (const auto& checkpoint : store.list()) found.push_back(checkpoint.state.progress.step);
    return found;
  }

  Context ctx{{}, DType::f32, 1};
  model::Parameter weight;
  Tensor running = upload(ctx, {7, 8}, {2});
  VisitModel visit = [this](const model::Visitor& visitor) {
    if (visitor.parameter) visitor.parameter("layer.weight", weight);
    if (visitor.buffer) visitor.buffer("layer.running", running);
  };
  std::optional<Optimizer> optimizer;
  CheckpointStore store;
};

using Steps = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("model, buffers and optimizer come back from a checkpoint", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  run.optimizer->first_moment(0).data<float>()[1] = 5;
  run.optimizer->second_moment(0).data<float>()[2] = 6;
  const fs::path saved = run.save(20);
  CHECK(saved == dir / "step-00000020");

  Run other(dir / "other");
  other.weight.value.data<float>()[0] = other.running.data<float>()[0] = NAN;
  load_model(saved, other.visit);
  load_optimizer(saved, *other.optimizer);
  CHECK(download(other.weight.value) == Array{1, 2, 3});
  CHECK(download(other.running) == Array{7, 8});
  CHECK(download(other.optimizer->first_moment(0)) == Array{0, 5, 0});
  CHECK(download(other.optimizer->second_moment(0)) == Array{0, 0, 6});
  CHECK(slurp(saved / "vocab.txt") == "[PAD]\n");
}

TEST_CASE("state.json brings back every number exactly", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  CheckpointState state{run_config(), {}, "1.2", "abc", {}};
  state.config.seed = 18446744073709551615ull;
  state.progress = {.step = 3,
                    .skipped = 2,
                    .skipped_in_a_row = 1,
                    .samples = 12,
                    .tokens = 345,
                    .elapsed_s = 0.1,
                    .evaluated_step = 2,
                    .valid_loss = 1.0 / 3,
                    .figures = {{"valid_pearson", 2.0 / 3}, {"valid_spearman", NAN}},
                    .best_valid_loss = std::nullopt,
                    .best_step = 2,
                    .window = {0.7, 5, 1, 1, 4, 100, 2.5, 0.25}};
  run.store.save(state, [&](const fs::path& directory) {
    return write_checkpoint_files(directory, run.visit, *run.optimizer,
                                  run.optimizer->room_for_moments(), 3, "");
  });
  const CheckpointState read = read_state(dir / "step-00000003");
  CHECK(read.version == "1.2");
  CHECK(read.commit == "abc");
  CHECK(read.config.seed == state.config.seed);
  const Progress& a = read.progress;
  CHECK(std::tuple(a.step, a.skipped, a.skipped_in_a_row, a.samples, a.tokens, a.elapsed_s) ==
        std::tuple(3, 2, 1, 12, 345, 0.1));
  CHECK(std::tuple(a.evaluated_step, *a.valid_loss, a.best_valid_loss.has_value(), a.best_step) ==
        std::tuple(2, 1.0 / 3, false, 2));
  REQUIRE(a.figures.size() == 2);
  CHECK(a.figures[0] == std::pair<std::string, double>("valid_pearson", 2.0 / 3));
  CHECK((a.figures[1].first == "valid_spearman" && std::isnan(a.figures[1].second)));
  const Window& w = a.window;
  CHECK(std::tuple(w.loss, w.targets, w.correct, w.steps, w.samples, w.tokens, w.seconds,
                   w.data_wait_s) == std::tuple(0.7, 5, 1, 1, 4, 100, 2.5, 0.25));
}

TEST_CASE("the newest checkpoints are kept, and the best", "[train][checkpoint]") {
  const TempDir dir;
  {
    Run run(dir / "newest", {.every = 1, .keep = 2, .best = false});
    for (const std::int64_t step : {1, 2, 3, 4}) run.save(step, 5.0 + static_cast<double>(step));
    CHECK(run.steps() == Steps{3, 4});
  }
  Run run(dir / "best", {.every = 1, .keep = 2, .best = true});
  run.save(1, 5.0);
  run.save(2, 4.0);
  run.save(3, 4.5);
  run.save(4);
  run.save(5, 4.0);  // not lower: the earlier one stays the best
  CHECK(run.steps() == Steps{2, 4, 5});
  run.save(6, 3.0);
  CHECK(run.steps() == Steps{5, 6});
}

TEST_CASE("a directory without a valid state.json does not exist", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  for (const std::int64_t step : {1, 2, 3, 4, 5}) run.save(step);
  fs::remove(dir / "step-00000002/state.json");
  const std::string state = slurp(dir / "step-00000003/state.json");
  spit(dir / "step-00000003/state.json", state.substr(0, state.size() / 2));
  fs::resize_file(dir / "step-00000004/model.safetensors", 20);
  fs::remove(dir / "step-00000005/optimizer.safetensors");
  fs::create_directory(dir / "step-00000009");
  fs::create_directory(dir / "step-x");
  spit(dir / "step-00000008", "a file");
  CHECK(run.steps() == Steps{1});
  std::vector<std::string> ignored;
  CHECK(run.store.latest(&ignored)->state.progress.step == 1);
  CHECK(ignored.size() == 6);
}

TEST_CASE("a renamed checkpoint is not taken for another step", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  run.save(1);
  fs::rename(dir / "step-00000001", dir / "step-00000007");
  CHECK(run.steps().empty());
}

TEST_CASE("an invalid directory gives way to a new checkpoint of its step", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  spit(dir / "step-00000004/model.safetensors", "half");
  run.save(4);
  CHECK(run.steps() == Steps{4});
  verify_checkpoint(dir / "step-00000004");
}

TEST_CASE("what an interrupted save left behind is invisible and removed", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  run.save(1);
  fs::copy(dir / "step-00000001", dir / ".tmp-step-00000002-99", fs::copy_options::recursive);
  fs::copy(dir / "step-00000001", dir / ".tmp-removed-step-00000000-99");
  CHECK(run.steps() == Steps{1});
  run.store.remove_leftovers();
  CHECK(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator{}) == 1);
}

TEST_CASE("a save that fails leaves the earlier checkpoints intact", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path(), {.every = 1, .keep = 1, .best = false});
  run.save(1);
  SECTION("an error while writing") {
    CheckpointState state{run_config(), {}, "0", "c", {}};
    state.progress.step = 2;
    require_error(
        [&] {
          run.store.save(state, [&](const fs::path& directory) {
            write_checkpoint_files(directory, run.visit, *run.optimizer,
                                   run.optimizer->room_for_moments(), 2, "");
            throw Error("no space left");
            return std::map<std::string, WrittenFile>{};
          });
        },
        "no space left");
  }
  SECTION("a file size limit, as a full disk would") {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    getrlimit(RLIMIT_FSIZE, &old);
    const rlimit tight{64, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &tight);
    std::string text;
    try {
      run.save(2);
    } catch (const Error& error) {
      text = error.what();
    }
    setrlimit(RLIMIT_FSIZE, &old);
    INFO(text);
    CHECK(text.find("saving checkpoint") == 0);
    CHECK(text.find("File too large") != std::string::npos);
    CHECK(text.find("the earlier checkpoints are intact") != std::string::npos);
  }
  CHECK(run.steps() == Steps{1});
  verify_checkpoint(dir / "step-00000001");
  CHECK(std::distance(fs::directory_iterator(dir.path()), fs::directory_iterator{}) == 1);
}

TEST_CASE("verify finds a changed byte in any file", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  const fs::path saved = run.save(1);
  verify_checkpoint(saved);
  for (const std::string file : {"model.safetensors", "optimizer.safetensors", "vocab.txt"}) {
    const std::string whole = slurp(saved / file);
    std::string changed = whole;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    spit(saved / file, changed);
    require_error([&] { verify_checkpoint(saved); }, file + ": damaged: its checksum");
    spit(saved / file, whole);
  }
  verify_checkpoint(saved);
}

TEST_CASE("a checkpoint of another model is refused", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  const fs::path saved = run.save(1);
  model::Parameter bias{upload(run.ctx, {1}, {1}), {}};
  const auto more = [&](const model::Visitor& visitor) {
    run.visit(visitor);
    if (visitor.parameter) visitor.parameter("layer.bias", bias);
  };
  const auto fewer = [&](const model::Visitor& visitor) {
    visitor.parameter("layer.weight", run.weight);
  };
  require_error([&] { load_model(saved, more); }, "no tensor \"layer.bias\"");
  require_error([&] { load_model(saved, fewer); },
                "tensor \"layer.running\" is not part of this model");
}

TEST_CASE("a checkpoint is found by its own, its folder's and its run's path",
          "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir / "run/checkpoints");
  run.save(1);
  run.save(12);
  const fs::path newest = dir / "run/checkpoints/step-00000012";
  CHECK(find_checkpoint(dir / "run") == newest);
  CHECK(find_checkpoint(dir / "run/checkpoints") == newest);
  CHECK(find_checkpoint(dir / "run/checkpoints/step-00000001") ==
        dir / "run/checkpoints/step-00000001");
  require_error([&] { find_checkpoint(dir.path()); }, "no checkpoint in it");
  require_error([&] { find_checkpoint(dir / "none"); }, "expected the directory of a run");
}

TEST_CASE("the best checkpoint of a run is found by RUN/best", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir / "run/checkpoints", {.every = 1, .keep = 1, .best = true});
  run.save(1);
  require_error([&] { find_checkpoint(dir / "run/best"); }, "no evaluation yet");
  run.save(2, 0.5, 2);
  run.save(3, NAN, 2);
  run.save(4, 0.75, 2);
  CHECK(run.steps() == Steps{2, 4});
  CHECK(find_checkpoint(dir / "run/best") == dir / "run/checkpoints/step-00000002");
  CHECK(find_checkpoint(dir / "run/best/") == dir / "run/checkpoints/step-00000002");
  CHECK(find_checkpoint(dir / "run") == dir / "run/checkpoints/step-00000004");
  fs::remove_all(dir / "run/checkpoints/step-00000002");
  require_error([&] { find_checkpoint(dir / "none/best"); },
                (dir / "none/best").string() + ": " + (dir / "none").string() + ": expected");
  require_error([&] { find_checkpoint(dir / "run/best"); },
                "step 2 was the best, and its checkpoint is not kept");
}

TEST_CASE("a damaged state.json is refused with the member", "[train][checkpoint]") {
  const TempDir dir;
  Run run(dir.path());
  const fs::path saved = run.save(3);
  const std::string whole = slurp(saved / "state.json");
  const auto refused = [&](const std::string& from, const std::string& to,
                           const std::string& message) {
    std::string text = whole;
    REQUIRE(text.find(from) != std::string::npos);
    text.replace(text.find(from), from.size(), to);
    spit(saved / "state.json", text);
    require_error([&] { read_state(saved); }, message);
  };
  refused("\"format\": 1", "\"format\": 2", "format: this program reads 1, got 2");
  refused("\"step\": 3", "\"step\": 3.5", "progress: step: expected an integer, got 3.5");
  refused("\"skipped\"", "\"skiped\"", "progress: skipped: missing");
  refused("\"checksum\": \"", "\"checksum\": \"x", "checksum: expected 16 hexadecimal digits");
  refused("\"name\":\"a\"", "\"nme\":\"a\"", "nme: unknown key");
  refused("model.safetensors", "model2.safetensors", "files: model.safetensors: missing");
}
