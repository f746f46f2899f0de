#include "train/signals.h"

#include <array>
#include <csignal>

#include <unistd.h>

namespace orchid::train {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1};

volatile std::sig_atomic_t signal_received = 0;  // the one global: a handler can reach no other
std::array<struct sigaction, kSignals.size()> former_actions{};

void handle(int signal) {
  if (signal_received != 0) _exit(128 + signal);
  signal_received = signal;
}

}  // namespace

StopSignals::StopSignals() {
  signal_received = 0;
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &action, &former_actions[i]);
}

StopSignals::~StopSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    sigaction(kSignals[i], &former_actions[i], nullptr);
}

int StopSignals::received() {
  return signal_received;
}

}  // namespace orchid::train
