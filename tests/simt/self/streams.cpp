// Streams, events, graphs: what may be late is late, what is ordered is ordered.

#include "kernels/core/error.h"
#include "tests/simt/self/device_array.h"
#include "tests/simt/self/kernels.h"

using namespace orchid::simt;
using namespace orchid::simt::self;
using Catch::Matchers::Contains;

namespace {

struct Streams {
  cudaStream_t a = nullptr, b = nullptr;
  Streams() {
    cudaStreamCreateWithFlags(&a, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&b, cudaStreamNonBlocking);
  }
  ~Streams() {
    cudaStreamDestroy(a);
    cudaStreamDestroy(b);
  }
};

struct Pinned {
  float* value = nullptr;
  Pinned() { cudaMallocHost(reinterpret_cast<void**>(&value), sizeof(float)); }
  ~Pinned() { cudaFreeHost(value); }
};

void copy_value(float* to, const float* from, cudaStream_t stream) {
  REQUIRE(cudaMemcpyAsync(to, from, sizeof(float), cudaMemcpyDefault, stream) == cudaSuccess);
}

struct GraphOf {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;

  template <class Body>
  GraphOf(cudaStream_t stream, const Body& body) {
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    body();
    REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    REQUIRE(cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess);
  }
  ~GraphOf() {
    cudaGraphExecDestroy(ready);
    cudaGraphDestroy(graph);
  }
};

}  // namespace

TEST_CASE("lazy streams run work when a synchronisation demands it", "[simt]") {
  const WithOptions restored;
  options().lazy = true;
  const Streams streams;
  const Pinned pinned;
  const DeviceArray<float> x(64);
  fill(x.data(), 64, 5, streams.a);
  *pinned.value = -1;
  copy_value(pinned.value, x.data(), streams.a);
  CHECK(*pinned.value == -1);
  CHECK(cudaStreamQuery(streams.a) == cudaErrorNotReady);
  CHECK(cudaStreamSynchronize(streams.b) == cudaSuccess);
  CHECK(*pinned.value == -1);
  CHECK(cudaStreamSynchronize(streams.a) == cudaSuccess);
  CHECK(*pinned.value == 5);
  CHECK(cudaStreamQuery(streams.a) == cudaSuccess);
}

TEST_CASE("work of two streams is ordered by an event, not without", "[simt]") {
  const WithOptions restored;
  options().lazy = true;
  const bool with_event = GENERATE(false, true);
  const Streams streams;
  const Pinned pinned;
  const DeviceArray<float> x(64);
  REQUIRE(cudaMemset(x.data(), 0, x.bytes()) == cudaSuccess);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  fill(x.data(), 64, 7, streams.a);
  cudaEvent_t event = nullptr;
  cudaEventCreate(&event);
  cudaEventRecord(event, streams.a);
  CHECK(cudaEventQuery(event) == cudaErrorNotReady);
  if (with_event) cudaStreamWaitEvent(streams.b, event, 0);
  copy_value(pinned.value, x.data(), streams.b);
  REQUIRE(cudaStreamSynchronize(streams.b) == cudaSuccess);
  CHECK(*pinned.value == (with_event ? 7 : 0));
  CHECK(cudaEventSynchronize(event) == cudaSuccess);
  CHECK(cudaEventQuery(event) == cudaSuccess);
  cudaEventDestroy(event);
}

TEST_CASE("the legacy stream waits for blocking streams and they for it", "[simt]") {
  const WithOptions restored;
  options().lazy = true;
  cudaStream_t stream = nullptr;
  cudaStreamCreate(&stream);
  const DeviceArray<float> x(64);
  fill(x.data(), 64, 3, stream);
  CHECK(x.download()[0] == 3);
  fill(x.data(), 64, 4);
  const Pinned pinned;
  copy_value(pinned.value, x.data(), stream);
  cudaStreamSynchronize(stream);
  CHECK(*pinned.value == 4);
  cudaStreamDestroy(stream);
}

TEST_CASE("a graph replays kernels, copies and host work with what memory holds then", "[simt]") {
  const WithOptions restored;
  options().lazy = GENERATE(false, true);
  const Streams streams;
  const DeviceArray<float> x(32 * 32), y(32 * 32);
  const DeviceArray<float> sums(32);
  float* first = y.data();
  const GraphOf graph(streams.a, [&] {
    transpose(x.data(), y.data(), 32, 32, true, false, streams.a);
    REQUIRE(enqueue_host(streams.a, [first] { first[0] += 100; }) == cudaSuccess);
  });
  for (const float start : {3.0f, 4.0f}) {
    x.upload(ramp(32 * 32, start));
    REQUIRE(cudaGraphLaunch(graph.ready, streams.a) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(streams.a) == cudaSuccess);
    CHECK(y.download()[0] == start + 100);
    CHECK(y.download()[1] == start + 32);
  }
}

TEST_CASE("a capture follows events into other streams, which must come back", "[simt]") {
  const Streams streams;
  const DeviceArray<float> x(64), y(64);
  cudaEvent_t fork = nullptr, join = nullptr;
  cudaEventCreate(&fork);
  cudaEventCreate(&join);
  const auto branch = [&] {
    fill(x.data(), 64, 1, streams.a);
    cudaEventRecord(fork, streams.a);
    cudaStreamWaitEvent(streams.b, fork, 0);
    fill(y.data(), 64, 2, streams.b);
    cudaEventRecord(join, streams.b);
  };
  {
    const GraphOf graph(streams.a, [&] {
      branch();
      cudaStreamWaitEvent(streams.a, join, 0);
    });
    REQUIRE(cudaGraphLaunch(graph.ready, streams.a) == cudaSuccess);
    REQUIRE(cudaStreamSynchronize(streams.a) == cudaSuccess);
    CHECK(x.download()[0] == 1);
    CHECK(y.download()[63] == 2);
  }
  REQUIRE(cudaStreamBeginCapture(streams.a, cudaStreamCaptureModeGlobal) == cudaSuccess);
  branch();
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(streams.a, &graph) == cudaErrorStreamCaptureUnjoined);
  cudaEventDestroy(fork);
  cudaEventDestroy(join);
  cudaGetLastError();
}

TEST_CASE("calls that a capture does not allow spoil it", "[simt]") {
  const Streams streams;
  void* block = nullptr;
  const int call = GENERATE(0, 1, 2);
  REQUIRE(cudaStreamBeginCapture(streams.a, cudaStreamCaptureModeGlobal) == cudaSuccess);
  const cudaError_t error = call == 0   ? cudaMalloc(&block, 100)
                            : call == 1 ? cudaStreamSynchronize(streams.a)
                                        : cudaDeviceSynchronize();
  CHECK(error == cudaErrorStreamCaptureUnsupported);
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(streams.a, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK_THAT(cudaGetErrorString(cudaErrorStreamCaptureInvalidated), Contains("while a stream"));
  CHECK(graph == nullptr);
  cudaGetLastError();
}
