#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <driver_types.h>

namespace orchid::simt {

struct Graph;

/// One piece of work of a stream; nothing for events and joins.
struct Operation {
  std::function<void()> work;
  bool on_device = true;  ///< opens device memory while it runs
  std::vector<std::shared_ptr<Operation>> after;
  bool done = false;
  double finished = 0;     ///< seconds of a clock
  Graph* graph = nullptr;  ///< if it was captured instead of run
};
using OperationPtr = std::shared_ptr<Operation>;

/// Operations in the order of capture, each after others of the same graph.
struct Graph {
  std::vector<OperationPtr> operations;
  bool spoilt = false;  ///< by a call that a capture does not allow
};

struct Stream {
  OperationPtr last;
  bool with_legacy = true;  ///< waits for the legacy stream and it for this one
  Graph* graph = nullptr;   ///< while capturing
  OperationPtr before_capture;
};

struct Event {
  OperationPtr recorded;
};

Stream& stream_of(cudaStream_t stream);
Event& event_of(cudaEvent_t event);

/// The failure of the device, or why this stream takes no work now.
cudaError_t can_enqueue(cudaStream_t stream);
/// Adds work to the stream, or to the graph that is captured from it.
OperationPtr add_work(cudaStream_t stream, std::function<void()> work, bool on_device = true,
                      std::vector<OperationPtr> after = {});
/// Runs this and what must come before, nothing else.
void finish(const OperationPtr& operation);
void finish(Stream& stream);
void finish_all();

void begin_capture(Stream& stream, Graph* graph);
/// In all streams that take part; what was captured is not work of theirs any more.
void end_capture(Graph* graph);
/// An error if some stream is being captured, which then is spoilt: for calls that wait or
/// allocate.
cudaError_t refuse_in_capture(const char* call);

}  // namespace orchid::simt
