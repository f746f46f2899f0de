#pragma once

namespace orchid::train {

/// Exit code of work that a person interrupted.
constexpr int kInterrupted = 130;

/// Who sends signals. A cluster signals every process of a job, and launchers among them pass
/// theirs on: one that tells ranks to stop reaches them several times.
enum class SignalSource { person, launcher };

/// While one exists: SIGINT, SIGTERM and SIGUSR1 are noted, to be acted on between steps; a second
/// signal ends the process at once. From a launcher, SIGTERM or SIGUSR1 that come again within
/// kSameSignal_s are the same. What was before comes back afterwards.
class StopSignals {
 public:
  /// mpirun (Open MPI) sends its own SIGTERM a second after it got one.
  static constexpr int kSameSignal_s = 3;

  explicit StopSignals(SignalSource = SignalSource::person);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, or 0.
  static int received();
};

}  // namespace orchid::train
