// Graphs: made by capturing streams, launched any number of times.

#include <map>
#include <string>
#include <utility>

#include <cuda_runtime_api.h>

#include "tests/simt/device/error.h"
#include "tests/simt/device/lock.h"
#include "tests/simt/device/stream.h"

namespace orchid::simt {
namespace {

std::map<cudaStream_t, Graph*>& captures() {
  static auto* all = new std::map<cudaStream_t, Graph*>;
  return *all;
}

Graph* graph_of(cudaGraph_t graph) {
  return reinterpret_cast<Graph*>(graph);
}
Graph* graph_of(cudaGraphExec_t graph) {
  return reinterpret_cast<Graph*>(graph);
}

/// True if everything captured comes before `last`: streams that joined must have come back.
bool all_before(const Graph& graph, const OperationPtr& last) {
  std::map<const Operation*, bool> reached;
  std::vector<OperationPtr> pending;
  if (last) pending.push_back(last);
  while (!pending.empty()) {
    const OperationPtr next = pending.back();
    pending.pop_back();
    if (!std::exchange(reached[next.get()], true))
      pending.insert(pending.end(), next->after.begin(), next->after.end());
  }
  for (const OperationPtr& operation : graph.operations)
    if (!reached.contains(operation.get())) return false;
  return true;
}

}  // namespace
}  // namespace orchid::simt

using namespace orchid::simt;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Lock lock;
  Stream& captured = stream_of(stream);
  if (stream == nullptr || stream == cudaStreamLegacy)
    return report(cudaErrorStreamCaptureUnsupported, "the legacy stream cannot be captured");
  if (captured.graph)
    return report(cudaErrorIllegalState, "cudaStreamBeginCapture: already capturing");
  begin_capture(captured, new Graph);
  captures()[stream] = captured.graph;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* result) {
  const Lock lock;
  *result = nullptr;
  const auto found = captures().find(stream);
  if (found == captures().end())
    return report(cudaErrorStreamCaptureUnmatched,
                  "cudaStreamEndCapture: no capture began in this stream");
  Graph* graph = found->second;
  captures().erase(found);
  const bool joined = all_before(*graph, stream_of(stream).last);
  end_capture(graph);
  if (!graph->spoilt && joined) {
    *result = reinterpret_cast<cudaGraph_t>(graph);
    return cudaSuccess;
  }
  const bool spoilt = graph->spoilt;
  delete graph;
  if (spoilt)
    return report(cudaErrorStreamCaptureInvalidated,
                  "cudaStreamEndCapture: " +
                      std::string(cudaGetErrorString(cudaErrorStreamCaptureUnsupported)));
  return report(cudaErrorStreamCaptureUnjoined,
                "cudaStreamEndCapture: a stream that joined the capture was not waited for");
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock;
  const Graph* graph = stream_of(stream).graph;
  *status = !graph          ? cudaStreamCaptureStatusNone
            : graph->spoilt ? cudaStreamCaptureStatusInvalidated
                            : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* result, cudaGraph_t graph, unsigned long long) {
  const Lock lock;
  *result = reinterpret_cast<cudaGraphExec_t>(new Graph(*graph_of(graph)));
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* result, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(result, graph, flags);
}

cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  const Lock lock;
  if (const cudaError_t error = can_enqueue(stream)) return error;
  if (stream_of(stream).graph)
    return report(cudaErrorNotSupported, "cudaGraphLaunch into a capture: not in this executor");
  // Copies of the captured operations, in the same order to each other: a branch may run before or
  // after another one. All come after what is in the stream, and what follows after all of them.
  const OperationPtr start = add_work(stream, nullptr);
  std::map<const Operation*, OperationPtr> copies;
  std::vector<OperationPtr> all;
  for (const OperationPtr& captured : graph_of(graph)->operations) {
    auto copy = std::make_shared<Operation>();
    copy->work = captured->work;
    copy->on_device = captured->on_device;
    copy->after.push_back(start);
    for (const OperationPtr& before : captured->after)
      copy->after.push_back(copies.at(before.get()));
    copies[captured.get()] = copy;
    all.push_back(copy);
  }
  add_work(stream, nullptr, true, all);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock;
  delete graph_of(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  const Lock lock;
  delete graph_of(graph);
  return cudaSuccess;
}

}  // extern "C"
