#pragma once

#include "tests/device/compare.h"
#include "tests/device/network.h"

namespace orchid::test {

/// Both do the same steps on `batch_of(number)`, on devices of their own: losses and hits, the
/// gradients of the first step, and what the parameters come to.
template <class BatchOf>
void check_trains_alike(Network& expected, Network& got, std::uint64_t steps,
                        const BatchOf& batch_of) {
  for (std::uint64_t number = 0; number < steps; ++number) {
    INFO("step " << number + 1);
    const data::Batch batch = batch_of(number);
    const train::Score a = expected.step(batch, number), b = got.step(batch, number);
    CHECK(a.targets > 0);
    CHECK(b.loss == Approx(a.loss).epsilon(1e-5));
    CHECK(b.correct == a.correct);
    if (number == 0) check_all_close(got.grads(), expected.grads(), kThroughTheModel);
  }
  check_all_close(got.values(), expected.values(), kThroughTheModel * 5);
}

/// On one device: work recorded and replayed gives the bits of work done as it comes.
template <class BatchOf>
void check_same_bits(Network& direct, Network& recorded, std::uint64_t steps,
                     const BatchOf& batch_of) {
  for (std::uint64_t number = 0; number < steps; ++number) {
    INFO("step " << number + 1);
    const data::Batch batch = batch_of(number);
    CHECK(recorded.step(batch, number).loss == direct.step(batch, number).loss);
  }
  CHECK(recorded.values() == direct.values());
}

}  // namespace orchid::test
