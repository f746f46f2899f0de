#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "data/permutation.h"
#include "kernels/core/error.h"

namespace orchid::data {
namespace {

/// A part [begin, end) of the endless sequence of samples.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// Which micro-batch: the `micro`-th of a step.
struct Place {
  std::int64_t step = 0;
  std::int64_t micro = 0;
};

/// Ranks that repeated samples are dealt to.
constexpr std::int64_t kDealt = 8;

void check(const LoaderOptions& options) {
  const auto positive = [](const char* name, std::int64_t value) {
    ORCHID_CHECK_USAGE(value > 0, "loader: ", name, ": expected above 0, got ", value);
  };
  positive("micro_batch", options.micro_batch);
  positive("prefetch", options.prefetch);
  positive("world", options.world);
  positive("repeats", options.repeats);
  ORCHID_CHECK_USAGE(options.global_batch >= options.world,
                     "loader: global_batch: expected at least one sample for each of ",
                     options.world, " ranks, got ", options.global_batch);
  ORCHID_CHECK_USAGE(options.rank >= 0 && options.rank < options.world, "loader: rank ",
                     options.rank, " of ", options.world);
  ORCHID_CHECK_USAGE(options.threads >= 0 && options.start_step >= 0,
                     "loader: threads and start_step: expected no negative numbers, got ",
                     options.threads, " and ", options.start_step);
}

/// Turns the (B, L) labels that datasets write into positions and targets.
void compact_labels(Batch& batch, const std::shared_ptr<Memory>& memory) {
  const Tensor labels = std::exchange(batch.labels, {});
  const std::int32_t* label = labels.data<std::int32_t>();
  const std::int64_t count = labels.count();
  const std::int64_t targets = count - std::count(label, label + count, -1);
  batch.positions = Tensor::empty({targets}, DType::i32, memory);
  batch.targets = Tensor::empty({targets}, DType::i32, memory);
  std::int32_t* position = batch.positions.data<std::int32_t>();
  std::int32_t* target = batch.targets.data<std::int32_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    if (label[i] == -1) continue;
    *position++ = static_cast<std::int32_t>(i);
    *target++ = label[i];
  }
}

}  // namespace

std::int64_t epoch_samples(std::int64_t size, std::int64_t repeats) {
  return repeats == 1 || size < 256 ? size : size / 256 * 256;
}

LoaderOptions evaluation_options(std::int64_t micro_batch, int rank, int world) {
  LoaderOptions options;
  options.micro_batch = micro_batch;
  options.global_batch = micro_batch * world;
  options.rank = rank;
  options.world = world;
  options.shuffle = false;
  options.repeat = false;
  return options;
}

/// Micro-batches are numbered by tickets. Workers take the next ticket, as long as it is less than
/// `prefetch` ahead of next(), and leave the batch in the ticket's slot.
struct Loader::State {
  State(const Dataset& data, const LoaderOptions& given, std::shared_ptr<Memory> host)
      : dataset(data),
        options(given),
        memory(std::move(host)),
        size(data.size()),
        epoch_size(epoch_samples(size, given.repeats)) {}
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  /// This rank's part of a step.
  Range range(std::int64_t step) const {
    std::int64_t first = step * options.global_batch;
    std::int64_t count = options.global_batch;
    if (options.whole_epochs) {
      const std::int64_t epoch = step / steps_per_epoch(), within = step % steps_per_epoch();
      first = epoch * epoch_size + within * options.global_batch;
      count = std::min(count, epoch_size - within * options.global_batch);
    }
    if (!options.repeat) count = std::clamp<std::int64_t>(epoch_size - first, 0, count);
    return {first + count * options.rank / options.world,
            first + count * (options.rank + 1) / options.world};
  }

  std::int64_t steps_per_epoch() const {
    return (epoch_size + options.global_batch - 1) / options.global_batch;
  }

  std::int64_t micro_batches(std::int64_t step) const {
    const Range part = range(step);
    return (part.end - part.begin + options.micro_batch - 1) / options.micro_batch;
  }

  /// Moves `place` to the first micro-batch that exists from there on; false if there is none.
  bool settle() {
    while (options.repeat || place.step < steps_per_epoch()) {
      if (place.micro < micro_batches(place.step)) return true;
      place = {place.step + 1, 0};
    }
    return false;
  }

  /// Which element of an epoch, with its repeats, stands at `position`.
  std::int64_t dealt(std::int64_t position) const {
    if (options.repeats == 1) return position;
    const std::int64_t first = position / options.global_batch * options.global_batch;
    const std::int64_t each = std::min(options.global_batch, epoch_size - first) / kDealt;
    if (each * kDealt != std::min(options.global_batch, epoch_size - first)) return position;
    return first + (position - first) % each * kDealt + (position - first) / each;
  }

  Batch build(const Place& at) const {
    const Range part = range(at.step);
    const std::int64_t begin = part.begin + at.micro * options.micro_batch;
    const std::int64_t rows = std::min(options.micro_batch, part.end - begin);
    Batch batch = dataset.empty_batch(rows, memory);
    batch.samples = rows;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int64_t epoch = (begin + row) / epoch_size;
      const std::int64_t repeated = dealt((begin + row) % epoch_size);
      const std::int64_t position = repeated / options.repeats, copy = repeated % options.repeats;
      const Permutation order(size, options.seed, static_cast<std::uint64_t>(epoch));
      dataset.item(options.shuffle ? order(position) : position,
                   static_cast<std::uint64_t>(epoch * options.repeats + copy), batch, row);
    }
    dataset.finish(batch, static_cast<std::uint64_t>(begin));
    if (batch.labels.defined()) compact_labels(batch, memory);
    for (std::int64_t row = 0; batch.lengths.defined() && row < rows; ++row) {
      batch.tokens += batch.lengths.data<std::int32_t>()[row];
    }
    return batch;
  }

  Batch build_with_context(const Place& at) const {
    const std::string doing = str("loading step ", at.step, ", micro-batch ", at.micro);
    try {
      return build(at);
    } catch (Error& error) {
      error.add_context(doing);
      throw;
    } catch (const std::exception& error) {
      throw Error(str(doing, ": ", error.what()));
    }
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return stop || exhausted || issued < consumed + options.prefetch; });
      if (stop || exhausted) return;
      if (!settle()) {
        exhausted = true;
        changed.notify_all();
        return;
      }
      const std::int64_t ticket = issued++;
      const Place at = place;
      ++place.micro;
      lock.unlock();
      std::optional<Batch> batch;
      std::optional<Error> error;
      try {
        batch = build_with_context(at);
      } catch (const Error& caught) {
        error = caught;
      }
      lock.lock();
      if (batch) slot(ticket) = std::move(batch);
      if (error && (!failure || ticket < failed_ticket)) {
        failure = std::move(error);
        failed_ticket = ticket;
        exhausted = true;  // what comes behind will not be asked for
      }
      changed.notify_all();
    }
  }

  std::optional<Batch> take() {
    std::unique_lock lock(mutex);
    const std::int64_t ticket = consumed;
    const auto failed = [&] { return failure && failed_ticket <= ticket; };
    const auto ended = [&] { return exhausted && ticket >= issued; };
    changed.wait(lock, [&] { return slot(ticket) || failed() || ended(); });
    if (failed()) throw Error(*failure);
    std::optional<Batch> batch = std::exchange(slot(ticket), std::nullopt);
    if (batch) ++consumed;
    changed.notify_all();
    return batch;
  }

  std::optional<Batch>& slot(std::int64_t ticket) {
    return slots[static_cast<std::size_t>(ticket % options.prefetch)];
  }

  const Dataset& dataset;
  const LoaderOptions options;
  const std::shared_ptr<Memory> memory;
  const std::int64_t size;
  const std::int64_t epoch_size;

  std::mutex mutex;  ///< of all below
  std::condition_variable changed;
  Place place;  ///< of the ticket to be issued next
  std::int64_t issued = 0;
  std::int64_t consumed = 0;
  bool exhausted = false;  ///< no more tickets
  bool stop = false;
  std::optional<Error> failure;  ///< of the lowest ticket that failed
  std::int64_t failed_ticket = 0;
  std::vector<std::optional<Batch>> slots;
  std::vector<std::thread> workers;
};

Loader::Loader(const Dataset& dataset, const LoaderOptions& options, std::shared_ptr<Memory> memory)
    : state_(std::make_unique<State>(dataset, options, std::move(memory))) {
  check(options);
  ORCHID_CHECK_INPUT(state_->size > 0, "loader: the dataset is empty");
  state_->place.step = options.start_step;
  state_->slots.resize(static_cast<std::size_t>(options.prefetch));
  for (int i = 0; i < options.threads; ++i) {
    state_->workers.emplace_back([state = state_.get()] { state->work(); });
  }
}

Loader::~Loader() = default;

std::optional<Batch> Loader::next() {
  if (state_->options.threads > 0) return state_->take();
  if (!state_->settle()) return std::nullopt;
  std::optional<Batch> batch = state_->build_with_context(state_->place);
  ++state_->place.micro;
  return batch;
}

Batch Loader::next_or_throw() {
  std::optional<Batch> batch = next();
  ORCHID_CHECK(batch, "loader: no batch left");
  return *std::move(batch);
}

std::int64_t Loader::micro_batches(std::int64_t step) const {
  return state_->micro_batches(step);
}

std::int64_t Loader::steps_per_epoch() const {
  return state_->steps_per_epoch();
}

}  // namespace orchid::data
