#include "train/log/console.h"

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/catch.h"

using namespace orchid::train;

namespace {

/// While it exists, stderr is a terminal.
class Terminal {
 public:
  Terminal() : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    REQUIRE(master_ >= 0);
    REQUIRE(grantpt(master_) == 0);
    REQUIRE(unlockpt(master_) == 0);
    slave_ = open(ptsname(master_), O_RDWR | O_NOCTTY);
    REQUIRE(slave_ >= 0);
    std::fflush(stderr);
    former_ = dup(STDERR_FILENO);
    dup2(slave_, STDERR_FILENO);
  }
  ~Terminal() {
    std::fflush(stderr);
    dup2(former_, STDERR_FILENO);
    for (const int descriptor : {former_, slave_, master_}) close(descriptor);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void resize(unsigned short columns) const {
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    REQUIRE(ioctl(slave_, TIOCSWINSZ, &size) == 0);
  }
  /// What has been written since the last call.
  std::string shown() const {
    std::fflush(stderr);
    char text[4096];
    const ssize_t size = read(master_, text, sizeof text);
    return {text, static_cast<std::size_t>(size < 0 ? 0 : size)};
  }

 private:
  int master_ = -1, slave_ = -1, former_ = -1;
};

}  // namespace

TEST_CASE("a line is cut to one column less than the terminal has", "[train][console]") {
  CHECK(cut_to("step 1/2", 0) == "step 1/2");  // of unknown width
  CHECK(cut_to("step 1/2", 9) == "step 1/2");
  CHECK(cut_to("step 1/2", 8) == "step 1/");
  CHECK(cut_to("step 1/2", 2) == "s");
  CHECK(cut_to("step 1/2", 1).empty());
  CHECK(cut_to("", 5).empty());
  CHECK(cut_to("größe 3", 5) == "größ");  // of characters, not of bytes
  CHECK(cut_to("größe 3", 8) == "größe 3");
}

TEST_CASE("the line of progress follows the width of the terminal", "[train][console]") {
  const Terminal terminal;
  terminal.resize(12);
  {
    Console console(0, 100);
    console.line("step 5/100  loss 3.25");
    CHECK(terminal.shown() == "\r\033[Kstep 5/100 ");
    terminal.resize(7);
    console.line("step 6/100  loss 3.25");
    CHECK(terminal.shown() == "\r\033[Kstep 6");
    terminal.resize(0);
    console.line("step 7/100  loss 3.25");
    CHECK(terminal.shown() == "\r\033[Kstep 7/100  loss 3.25");
    terminal.resize(9);
    console.progress({.step = 8, .loss = 1, .learning_rate = 1e-3, .per_s = 10});
    CHECK(terminal.shown() == "\r\033[Kstep 8/1");
    console.note("a message is a line of its own");
    CHECK(terminal.shown() == "\r\033[Ka message is a line of its own\r\n");
  }
}
