#include "train/log/console.h"

#include <cmath>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

#include "data/io/sources.h"

namespace orchid::train {
namespace {

template <class... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto whole = static_cast<long long>(seconds + 0.5);
  if (whole >= 3600) return format("%lldh %02lldm", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return format("%lldm %02llds", whole / 60, whole % 60);
  return format("%llds", whole);
}

std::string short_number(double number) {
  const char* unit = "";
  for (const char* next : {"k", "M", "G", "T", "P", "E", "Z"}) {
    if (std::abs(number) < 999.5) break;
    number /= 1000;
    unit = next;
  }
  const double size = std::abs(number);
  const int decimals = *unit == 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return format("%.*f%s", decimals, number, unit);
}

std::string cut_to(std::string_view text, std::int64_t columns) {
  if (columns <= 0) return std::string(text);
  return columns == 1 ? "" : std::string(data::first_characters(text, columns - 1));
}

/// In one piece: ranks share stderr.
void rewrite_line(const std::string& text) {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) size.ws_col = 0;
  std::fprintf(stderr, "\r\033[K%s", cut_to(text, size.ws_col).c_str());
}

Console::Console(std::int64_t first_step, std::int64_t steps)
    : first_step_(first_step),
      steps_(steps),
      terminal_(isatty(STDERR_FILENO) != 0),
      begin_(Clock::now()) {}

Console::Console() : Console(0, 0) {}

Console::Console(Silent) : Console() {
  terminal_ = false;
  silent_ = true;
}

Console::~Console() {
  if (line_open_) std::fputc('\n', stderr);
}

std::string Console::text_of(const Status& status) const {
  const std::chrono::duration<double> elapsed = Clock::now() - begin_;
  const auto done = static_cast<double>(status.step - first_step_);
  const double left = elapsed.count() / done * static_cast<double>(steps_ - status.step);
  return format("step %lld/%lld  loss %.4f  lr %.2e  %s %s/s  %s left",
                static_cast<long long>(status.step), static_cast<long long>(steps_), status.loss,
                status.learning_rate, short_number(status.per_s).c_str(), status.unit,
                duration_text(left).c_str());
}

void Console::progress(const Status& status) {
  if (!terminal_) return;
  const Clock::time_point now = Clock::now();
  if (line_open_ && now - last_shown_ < std::chrono::milliseconds(100)) return;
  last_shown_ = now;
  line(text_of(status));
}

void Console::line(const std::string& text) {
  if (!terminal_) return;
  rewrite_line(text);
  line_open_ = true;
}

void Console::report(const Status& status) {
  if (!terminal_ && !silent_) std::fprintf(stderr, "%s\n", text_of(status).c_str());
}

void Console::clear_line() {
  if (line_open_) std::fputs("\r\033[K", stderr);
  line_open_ = false;
}

void Console::note(const std::string& text) {
  if (!silent_) own_note(text);
}

/// In one piece: ranks share stderr.
void Console::own_note(const std::string& text) {
  clear_line();
  const bool over_another = silent_ && isatty(STDERR_FILENO) != 0;  // the first rank's open line
  std::fprintf(stderr, "%s%s\n", over_another ? "\r\033[K" : "", text.c_str());
}

}  // namespace orchid::train
