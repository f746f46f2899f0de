#include "tests/simt/device/stream.h"

#include <chrono>
#include <set>
#include <utility>

#include "tests/simt/control.h"
#include "tests/simt/device/error.h"
#include "tests/simt/device/lock.h"
#include "tests/simt/device/memory.h"
#include "tests/simt/executor/grid.h"
#include "tests/simt/options.h"

namespace orchid::simt {
namespace {

Stream& legacy_stream() {
  static auto* stream = new Stream;
  return *stream;
}

std::set<Stream*>& streams() {
  static auto* all = new std::set<Stream*>;
  return *all;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Opens device memory for a run of operations that need it: once, because it costs some ten
/// microseconds.
class MemoryAccess {
 public:
  ~MemoryAccess() { set(false); }
  void set(bool open) {
    if (open == open_) return;
    open ? device_memory().open() : device_memory().close();
    open_ = open;
  }

 private:
  bool open_ = false;
};

/// After a failure nothing runs any more, as on a GPU.
void execute(Operation& operation, MemoryAccess& access) {
  if (operation.work && device_failure() == cudaSuccess) {
    access.set(operation.on_device);
    try {
      operation.work();
    } catch (const std::exception& failure) {
      report_failure(failure.what());
    }
  }
  operation.finished = now();
  operation.done = true;
  operation.work = nullptr;
  operation.after.clear();
}

void wait_for(Operation& operation, const OperationPtr& other) {
  if (other && !other->done) operation.after.push_back(other);
}

OperationPtr capture(Stream& stream, OperationPtr operation) {
  if (stream.last) operation->after.push_back(stream.last);
  operation->graph = stream.graph;
  stream.graph->operations.push_back(operation);
  stream.last = operation;
  return operation;
}

}  // namespace

Stream& stream_of(cudaStream_t stream) {
  const bool legacy =
      stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
  return legacy ? legacy_stream() : *reinterpret_cast<Stream*>(stream);
}

Event& event_of(cudaEvent_t event) {
  return *reinterpret_cast<Event*>(event);
}

OperationPtr add_work(cudaStream_t handle, std::function<void()> work, bool on_device,
                      std::vector<OperationPtr> after) {
  Stream& stream = stream_of(handle);
  auto operation = std::make_shared<Operation>();
  operation->work = std::move(work);
  operation->on_device = on_device;
  operation->after = std::move(after);
  if (stream.graph) return capture(stream, operation);
  wait_for(*operation, stream.last);
  if (&stream == &legacy_stream()) {
    for (Stream* other : streams())
      if (other->with_legacy && !other->graph) wait_for(*operation, other->last);
  } else if (stream.with_legacy) {
    wait_for(*operation, legacy_stream().last);
  }
  stream.last = operation;
  if (!options().lazy) finish(operation);
  return operation;
}

void finish(const OperationPtr& operation) {
  MemoryAccess access;
  std::vector<OperationPtr> pending{operation};
  while (!pending.empty()) {
    const OperationPtr next = pending.back();
    const std::size_t before = pending.size();
    if (!next->done)
      for (const OperationPtr& other : next->after)
        if (!other->done) pending.push_back(other);
    if (pending.size() > before) continue;
    pending.pop_back();
    if (!next->done) execute(*next, access);
  }
}

void finish(Stream& stream) {
  if (stream.last && !stream.graph) finish(stream.last);
}

void finish_all() {
  finish(legacy_stream());
  for (Stream* stream : streams()) finish(*stream);
}

void finish_work() {
  const Lock lock;
  finish_all();
}

cudaError_t refuse_in_capture(const char* call) {
  bool capturing = false;
  for (Stream* stream : streams()) {
    if (!stream->graph) continue;
    capturing = true;
    stream->graph->spoilt = true;
  }
  if (!capturing) return cudaSuccess;
  return report(cudaErrorStreamCaptureUnsupported,
                std::string(call) + " while a stream is being captured");
}

cudaError_t can_enqueue(cudaStream_t stream) {
  if (const cudaError_t error = device_failure()) return error;
  if (&stream_of(stream) != &legacy_stream()) return cudaSuccess;
  for (Stream* other : streams())
    if (other->graph && other->with_legacy)
      return report(cudaErrorStreamCaptureImplicit,
                    "work for the legacy stream while a stream that waits for it is captured");
  return cudaSuccess;
}

void begin_capture(Stream& stream, Graph* graph) {
  stream.graph = graph;
  stream.before_capture = std::exchange(stream.last, nullptr);
}

void end_capture(Graph* graph) {
  for (Stream* stream : streams()) {
    if (stream->graph != graph) continue;
    stream->graph = nullptr;
    stream->last = std::exchange(stream->before_capture, nullptr);
  }
  for (const OperationPtr& operation : graph->operations) {
    operation->graph = nullptr;
    operation->done = true;  // events that recorded it have nothing to wait for
  }
}

cudaError_t enqueue_host(cudaStream_t stream, std::function<void()> work) {
  const Lock lock;
  if (const cudaError_t error = can_enqueue(stream)) return error;
  add_work(stream, std::move(work));
  return cudaSuccess;
}

}  // namespace orchid::simt

using namespace orchid::simt;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock;
  auto* created = new Stream;
  created->with_legacy = !(flags & cudaStreamNonBlocking);
  streams().insert(created);
  *stream = reinterpret_cast<cudaStream_t>(created);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock;
  Stream* destroyed = &stream_of(stream);
  finish(*destroyed);
  if (streams().erase(destroyed) == 0)
    return report(cudaErrorInvalidResourceHandle, "cudaStreamDestroy: no such stream");
  delete destroyed;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaStreamSynchronize")) return error;
  finish(stream_of(stream));
  return device_failure();
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaStreamQuery")) return error;
  const OperationPtr& last = stream_of(stream).last;
  return last && !last->done ? cudaErrorNotReady : device_failure();
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaDeviceSynchronize")) return error;
  finish_all();
  return device_failure();
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  const Lock lock;
  if (const cudaError_t error = can_enqueue(stream)) return error;
  add_work(
      stream, [function, argument] { function(argument); }, false);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock;
  delete &event_of(event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock;
  event_of(event).recorded = add_work(stream, nullptr);
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock;
  if (const cudaError_t error = refuse_in_capture("cudaEventSynchronize")) return error;
  if (event_of(event).recorded) finish(event_of(event).recorded);
  return device_failure();
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock;
  const OperationPtr& recorded = event_of(event).recorded;
  return recorded && !recorded->done ? cudaErrorNotReady : device_failure();
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock;
  const OperationPtr &first = event_of(start).recorded, &second = event_of(end).recorded;
  if (!first || !second)
    return report(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: event never recorded");
  if (!first->done || !second->done) return cudaErrorNotReady;
  *milliseconds = static_cast<float>((second->finished - first->finished) * 1e3);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock;
  const OperationPtr recorded = event_of(event).recorded;
  if (!recorded) return cudaSuccess;
  Stream& waiting = stream_of(stream);
  if (recorded->graph && !waiting.graph) begin_capture(waiting, recorded->graph);
  if (waiting.graph && recorded->graph != waiting.graph)
    return report(cudaErrorStreamCaptureIsolation,
                  "cudaStreamWaitEvent: an event from outside the capture");
  add_work(stream, nullptr, true, {recorded});
  return cudaSuccess;
}

}  // extern "C"
