#pragma once

#include <string>
#include <vector>

namespace orchid::train {

/// Ranks on this machine: one program, started once a rank.
struct LaunchOptions {
  int ranks = 1;
  /// Program and arguments; the program is a path.
  std::vector<std::string> command;
  /// How long a rank may take to end once it was told to, before it is killed.
  double grace_s = 30;
  /// Rank 0 writes to standard output as it is, for programs that answer in JSON.
  bool plain_output = false;
  int out = 1, err = 2;  ///< descriptors of this process that take what the ranks write
};

/// Runs the ranks to their end. Each has the variables of torchrun's form in its environment (see
/// read_rendezvous), a process group of its own, and an equal share of the cores as
/// OMP_NUM_THREADS; its lines get "[rank] " in front. SIGTERM, SIGINT and SIGUSR1 are passed on to
/// all, to each when it catches them (or does not within seconds: then it dies of them). A rank
/// that fails ends the others: SIGTERM, and after the grace SIGKILL; they never outlive the
/// launcher. Returns 0, or the exit code of the rank that failed first (128 + n: by signal n). To
/// be called from the process's only thread.
int launch_ranks(const LaunchOptions&);

/// The same for ranks that speak MPI: mpirun (Open MPI or MPICH) starts them, marks their lines as
/// above, and ends all when one fails. Signals go to the ranks themselves, and mpirun hears none,
/// since it would not leave them the time to save. A usage Error where there is no mpirun.
int launch_mpi_ranks(const LaunchOptions&);

}  // namespace orchid::train
