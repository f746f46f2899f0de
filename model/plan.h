#pragma once

#include <string>
#include <vector>

#include "kernels/core/shape.h"
#include "model/config.h"

namespace orchid::model {

/// What a model costs, found by running it without memory (Context::planning).
struct Plan {
  struct TensorInfo {
    std::string name;
    Shape shape;
    std::int64_t count = 0;
  };
  std::vector<TensorInfo> tensors;  ///< every parameter, tied ones once
  std::int64_t parameters = 0;      ///< sum of their counts
  double forward_flops = 0;         ///< of one micro-batch
  double backward_flops = 0;
  double bytes_moved = 0;       ///< operands of all ops of the micro-batch, once each
  double activation_bytes = 0;  ///< highest memory beyond parameters and gradients
};

/// Where a planned model would run.
struct PlanFor {
  DType compute = DType::f32;  ///< type of activations
  bool gpu = false;
  HeadConfig head = MlmHeadConfig{};
};

/// A micro-batch of `batch` sequences of `length` with `targets` positions in all that the head
/// reads; of pictures, `batch` alone counts.
Plan plan_model(const ModelConfig&, std::int64_t batch, std::int64_t length, std::int64_t targets,
                PlanFor = {});

}  // namespace orchid::model
