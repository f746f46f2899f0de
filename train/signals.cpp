#include "train/signals.h"

#include <array>
#include <csignal>
#include <ctime>

#include <unistd.h>

namespace orchid::train {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};

// Globals, since a handler can reach nothing else.
volatile std::sig_atomic_t signal_received = 0;
volatile std::sig_atomic_t launched = 0;  // SignalSource::launcher
volatile std::time_t first_came = 0;      // seconds of the monotonic clock
std::array<struct sigaction, kSignals.size()> former_actions{};
sigset_t former_mask{};

std::time_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

/// The first signal once more, from another process that passes it on.
bool same_again(int signal) {
  return launched != 0 && signal != SIGINT && signal == signal_received &&
         now() - first_came <= StopSignals::kSameSignal_s;
}

void handle(int signal) {
  if (signal_received == 0) {
    first_came = now();
    signal_received = signal;
  } else if (!same_again(signal)) {
    _exit(128 + signal);
  }
}

}  // namespace

StopSignals::StopSignals(SignalSource source) {
  signal_received = 0;
  launched = source == SignalSource::launcher ? 1 : 0;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &former_actions[i]);
  sigset_t heard;  // whoever started this may not have wanted to hear them itself
  sigemptyset(&heard);
  for (const int signal : kSignals) sigaddset(&heard, signal);
  pthread_sigmask(SIG_UNBLOCK, &heard, &former_mask);
}

StopSignals::~StopSignals() {
  pthread_sigmask(SIG_SETMASK, &former_mask, nullptr);
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &former_actions[i], nullptr);
}

int StopSignals::received() {
  return signal_received;
}

}  // namespace orchid::train
