#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace orchid::train {

/// "1h 02m", "3m 07s" or "12s".
std::string duration_text(double seconds);
/// "12.3k", "4.56M": three digits.
std::string short_number(double);

/// What of a line fits on a terminal of so many columns, the last of them left empty: a line that
/// wraps cannot be rewritten. 0: of unknown width, all of it.
std::string cut_to(std::string_view text, std::int64_t columns);
/// Replaces the terminal's current line, on stderr, cut to its width at the moment.
void rewrite_line(const std::string& text);

/// What the person at the terminal sees, on stderr: one line that is rewritten while training, or
/// plain lines where stderr is no terminal.
class Console {
 public:
  /// `first_step`: where this process begins; the time left is judged from its own pace.
  Console(std::int64_t first_step, std::int64_t steps);
  Console();  ///< messages alone
  struct Silent {};
  explicit Console(Silent);  ///< for ranks that leave the talking to the first
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  struct Status {
    std::int64_t step = 0;
    double loss = 0;
    double learning_rate = 0;
    double per_s = 0;  ///< of what `unit` says
    const char* unit = "tokens";
  };
  /// After each step. A terminal is rewritten ten times a second; elsewhere nothing happens.
  void progress(const Status&);
  /// With each line of metrics: a line of its own where stderr is no terminal.
  void report(const Status&);
  void note(const std::string& text);
  /// What this rank alone has met: silent ones show it too. `text` names the rank.
  void own_note(const std::string& text);
  /// On a terminal, text in the line that is rewritten; nothing elsewhere.
  void line(const std::string& text);

 private:
  std::string text_of(const Status&) const;
  void clear_line();

  using Clock = std::chrono::steady_clock;
  std::int64_t first_step_ = 0;
  std::int64_t steps_ = 0;
  bool terminal_ = false;
  bool silent_ = false;
  bool line_open_ = false;
  Clock::time_point begin_;
  Clock::time_point last_shown_;
};

}  // namespace orchid::train
