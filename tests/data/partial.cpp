#include "data/io/partial.h"

#include <csignal>
#include <functional>
#include <set>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/io/atomic_file.h"
#include "tests/data/fixtures.h"
#include "tests/support/temp_dir.h"

using namespace orchid;
using namespace orchid::data;
using namespace orchid::test;

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

Names names_in(const fs::path& folder) {
  Names names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

/// A process that has done as `body` says, and is killed and gone at the end of the scope.
class Writer {
 public:
  explicit Writer(const std::function<void()>& body) {
    process_ = fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      body();
      _exit(1);
    }
  }
  ~Writer() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

 private:
  pid_t process_ = -1;
};

/// Leaves a file and a folder half written at `target`, and lives on.
void leave_half(const fs::path& target) {
  const AtomicFile file(target.string() + ".00000.gz");
  const PartialFolder folder(target);
  write_text(folder.path() / "part", "part");
  while (true) pause();
}

}  // namespace

TEST_CASE("a folder appears whole or not at all", "[data][partial]") {
  const TempDir dir;
  {
    PartialFolder folder(dir / "sub/out");
    write_text(folder.path() / "a", "a");
    CHECK_FALSE(fs::exists(dir / "sub/out"));
    const PartialFolder other(dir / "sub/out");  // of the same process, and still another
    CHECK(other.path() != folder.path());
    folder.commit();
    CHECK(read_text(dir / "sub/out/a") == "a");
  }
  CHECK(names_in(dir / "sub") == Names{"out"});
  { const PartialFolder dropped(dir / "sub/b"); }
  CHECK(names_in(dir / "sub") == Names{"out"});
  require_error(ErrorKind::usage, {"exists already"}, [&] { PartialFolder(dir / "sub/out"); });
  require_error(ErrorKind::failure, {"/proc/none: cannot create this folder", "--out"},
                [&] { PartialFolder("/proc/none/out"); });
}

TEST_CASE("what killed writers left is removed, what living ones write is not", "[data][partial]") {
  const TempDir dir;
  {
    const Writer writer([&] { leave_half(dir / "out"); });
    for (int i = 0; i < 2000 && names_in(dir.path()).size() < 2; ++i) usleep(1000);
    const Names writing = names_in(dir.path());
    REQUIRE(writing.size() == 2);
    remove_abandoned(dir / "out");
    CHECK(names_in(dir.path()) == writing);
  }
  const Names left = names_in(dir.path());
  REQUIRE(left.size() == 2);
  remove_abandoned(dir / "other");  // of another name
  CHECK(names_in(dir.path()) == left);
  remove_abandoned(dir / "out");
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE("partial files of other machines and of others' making stay", "[data][partial]") {
  const TempDir dir;
  const std::string mine = fs::path(partial_name(dir / "out", 0)).filename().string();
  const std::string machine = mine.substr(4, mine.find('-') - 4);
  REQUIRE(machine.size() == 8);
  const std::string gone = "4194305";  // Linux counts processes up to 4194304
  const std::string abandoned = "out." + machine + "-" + gone + "-0.partial";
  const std::string elsewhere = machine == "00000000" ? "00000001" : "00000000";
  const Names others = {"out." + elsewhere + "-" + gone + "-0.partial",
                        "out." + gone + ".partial",
                        "out." + machine + "-" + gone + ".partial",
                        "out." + machine + "-x-0.partial",
                        "out.thesis.partial",
                        "out.partial",
                        "out." + machine + "-" + gone + "-0.txt",
                        mine};
  for (const std::string& name : others) write_text(dir / name, "text");
  write_text(dir / abandoned, "text");
  // A writer in a container has a number that means nothing here; it holds its file.
  const int held = open((dir / abandoned).c_str(), O_RDONLY | O_CLOEXEC);
  mark_as_alive(held);
  remove_abandoned(dir / "out");
  CHECK(fs::exists(dir / abandoned));
  close(held);
  remove_abandoned(dir / "out");
  CHECK(names_in(dir.path()) == others);
}
