#pragma once

namespace orchid::train {

/// While one exists: SIGINT, SIGTERM and SIGUSR1 are noted, to be acted on between steps; a second
/// signal ends the process at once. The former handlers come back afterwards.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, or 0.
  static int received();
};

}  // namespace orchid::train
