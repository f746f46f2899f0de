// Keeps the failure of a kernel within the test that launched it.

#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/simt/control.h"
#include "tests/support/catch.h"

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

/// After a failure the device takes no more work, so later tests would fail for nothing: forgets it
/// when the test is over. A failure that no call of the test has returned ends the process.
class FailureListener final : public Listener {
 public:
  using Listener::Listener;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    Listener::testCaseStarting(test);
    name_ = test.name;
  }

  void testCaseEnded(const Catch::TestCaseStats& test) override {
    Listener::testCaseEnded(test);
    orchid::simt::finish_work();
    const std::string text = orchid::simt::failure_text();
    if (!orchid::simt::clear_failure()) return;
    std::fprintf(stderr, "test \"%s\" did not ask for a failure of the device: %s\n", name_.c_str(),
                 text.c_str());
    std::fflush(nullptr);
    std::_Exit(1);
  }

 private:
  std::string name_;
};

}  // namespace

CATCH_REGISTER_LISTENER(FailureListener)
