#pragma once

#include "model/config.h"
#include "train/config/glue_section.h"
#include "train/config/parallel_section.h"

namespace orchid {
namespace train {

enum class Precision { f32, bf16 };
enum class NonFinitePolicy { skip, stop };
enum class CudaGraphs { automatic, off };

/// Everything that defines a run. Written beside its results with all defaults filled in.
struct RunConfig {
  std::string name;
  std::string description;
  std::uint64_t seed = 17;
  std::string device = "auto";
  Precision precision = Precision::f32;
  std::int64_t threads = 0;
  CudaGraphs cuda_graphs = CudaGraphs::automatic;
  bool tf32 = false;
  ops::TransformMethod transforms = ops::TransformMethod::automatic;
  model::ModelConfig model;
  TaskConfig task;
  DataConfig data;
  InitConfig init;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  EmaConfig ema;
  BatchConfig batch;
  double clip_norm = 1.0;
  NonFinitePolicy nonfinite = NonFinitePolicy::skip;
  std::int64_t evaluate_every = 2000;
  std::int64_t evaluate_samples = 0;
  CheckpointConfig checkpoint;
  std::int64_t log_every = 10;
  bool trace = false;
  ParallelConfig parallel;
  std::optional<GlueConfig> glue;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("name", self.name, "name of the run, and of its folder under runs/");
    field("description", self.description, "free text, kept with the results");
    field("seed", self.seed, "of initial values, order, masking and dropout");
    field("device", self.device, "auto | cpu | cuda | cuda:N");
    field("precision", self.precision, "of activations: float32 | bf16; bf16 needs a GPU");
    field("threads", self.threads, "CPU threads of an op; 0: OMP_NUM_THREADS, else physical cores");
    field("cuda_graphs", self.cuda_graphs,
          "auto: on a GPU, record the work of a micro-batch and replay it when its shape comes "
          "again; "
          "off");
    field("tf32", self.tf32, "on a GPU, products of float32 may round their operands to tf32");
    field("transforms", self.transforms,
          "on a GPU, how cosine transforms are done: fft | product (of at most 4096 positions) | "
          "fused (product; a convolution in bf16 of at most 256 positions in one kernel) | auto, "
          "which takes fused for short sequences");
    field("model", self.model, "the network; chosen by model.type");
    field("task", self.task, "what it learns; chosen by task.type");
    field("data", self.data, "what it learns from; chosen by data.type");
    field("init", self.init, "what the parameters start from");
    field("optimizer", self.optimizer, "how parameters are updated");
    field("schedule", self.schedule, "length of the run and course of the learning rate");
    field("ema", self.ema, "a moving average of the weights");
    field("batch", self.batch, "samples of a step");
    field("clip_norm", self.clip_norm, "largest L2 norm of the gradient; 0: no clipping");
    field("nonfinite", self.nonfinite,
          "a step whose loss or gradient is not finite: skip it (three in a row stop the run), or "
          "stop");
    field("evaluate_every", self.evaluate_every, "steps between evaluations; 0: at the end only");
    field("evaluate_samples", self.evaluate_samples,
          "samples to evaluate, taken evenly from the validation data; 0: all");
    field("checkpoint", self.checkpoint, "when to save, and what to keep");
    field("log_every", self.log_every, "steps between lines of metrics");
    field("trace", self.trace, "time per op in summary.json; also by ORCHID_TRACE=1");
    field("parallel", self.parallel, "what ranks do together, where several work on the run");
    field("glue", self.glue, "for `orchid glue`: the runs to make of this configuration");
  }
};

/// Throws a usage Error that names the key and the rule: each section alone and across sections.
/// Touches no file and no device.
void validate(const RunConfig&);

}  // namespace train

template <>
struct EnumNames<train::Precision> {
  using P = train::Precision;
  static constexpr EnumName<P> values[] = {{P::f32, "float32"}, {P::bf16, "bf16"}};
};
template <>
struct EnumNames<train::CudaGraphs> {
  using G = train::CudaGraphs;
  static constexpr EnumName<G> values[] = {{G::automatic, "auto"}, {G::off, "off"}};
};
template <>
struct EnumNames<train::NonFinitePolicy> {
  using N = train::NonFinitePolicy;
  static constexpr EnumName<N> values[] = {{N::skip, "skip"}, {N::stop, "stop"}};
};

}  // namespace orchid
