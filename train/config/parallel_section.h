#pragma once

#include <cstdint>

#include "kernels/core/enum_names.h"

namespace orchid {
namespace train {

// In the pattern of model/config.h: how many ranks work on one run.

enum class Reduction { fast, fixed };
enum class GradientType { f32, bf16 };
enum class CommBackend { automatic, mpi, nccl };

struct ParallelConfig {
  CommBackend backend = CommBackend::automatic;
  Reduction reduction = Reduction::fast;
  GradientType gradients = GradientType::f32;
  std::int64_t bucket_mib = 25;
  bool shard_optimizer = false;
  std::int64_t check_every = 0;
  double deadline_s = 600;

  template <class Self, class Field>
  static void fields(Self& self, Field&& field) {
    field("backend", self.backend, "between ranks: auto | mpi (CPU) | nccl (GPU); auto: by device");
    field("reduction", self.reduction,
          "fixed (CPU): gradients are added in pairs over all micro-batches of a step, so that "
          "ranks of a power of two micro-batches each give the same bits as one rank; fast: as "
          "they come");
    field("gradients", self.gradients, "type in which gradients travel: float32 | bf16");
    field("bucket_mib", self.bucket_mib, "gradients that travel at once, in MiB of float32");
    field("shard_optimizer", self.shard_optimizer,
          "each rank keeps the moments of its share of the parameters only, and updates those "
          "(ZeRO-1)");
    field("check_every", self.check_every,
          "steps between checks that all ranks hold the same parameters; 0: none");
    field("deadline_s", self.deadline_s,
          "seconds after which a rank that does not answer has failed, and the run with it");
  }
};

}  // namespace train

template <>
struct EnumNames<train::Reduction> {
  using R = train::Reduction;
  static constexpr EnumName<R> values[] = {{R::fast, "fast"}, {R::fixed, "fixed"}};
};
template <>
struct EnumNames<train::GradientType> {
  using G = train::GradientType;
  static constexpr EnumName<G> values[] = {{G::f32, "float32"}, {G::bf16, "bf16"}};
};
template <>
struct EnumNames<train::CommBackend> {
  using B = train::CommBackend;
  static constexpr EnumName<B> values[] = {
      {B::automatic, "auto"}, {B::mpi, "mpi"}, {B::nccl, "nccl"}};
};

}  // namespace orchid
