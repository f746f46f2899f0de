#include <string>

#include "kernels/core/error.h"
#include "tests/support/catch.h"
#include "train/comm/communicator.h"

using namespace orchid;

namespace {

/// Cannot tell the others that it gave up.
class Mute final : public train::Communicator {
 public:
  Mute() : Communicator(0, 2) {}
  const char* backend() const override { return "mute"; }
  int announced = 0;

 private:
  void start(Context&, const train::CommCall&) override {}
  void finish(Context&, const train::CommCall&) override {}
  void run_on_host(const train::CommCall&) override {}
  void announce(const std::string&) override {
    ++announced;
    throw Error("store: rank 0 is gone");
  }
};

}  // namespace

TEST_CASE("what a rank gives up for is not replaced by what telling the others met", "[comm]") {
  Mute comm;
  CHECK_NOTHROW(comm.fail("the loss is not finite"));
  CHECK(comm.announced == 1);
  std::string said;
  try {
    comm.barrier("the end");
  } catch (const Error& error) {
    said = error.what();
  }
  CHECK(said.find("this rank gave up: the loss is not finite") != std::string::npos);
}
