/// Who used the processors and the memory while something was measured. Linux: /proc.
#pragma once

#include "tools/bench_core/samples.h"

#include <sys/types.h>
#include <vector>

namespace starling::bench {

/// User and system time of a running process so far, with all its threads. 0 if it is gone.
double cpu_seconds_of(pid_t pid);

/// Resident memory now, and at its highest. 0 if the process is gone.
double resident_mb(pid_t pid);
double resident_peak_mb(pid_t pid);

/// The part of the resident memory that is the process's own, not a file's pages.
double anonymous_mb(pid_t pid);

/// Runnable processes, averaged by the kernel over the last minute.
double load_average();

/// From its making to `finish`.
class UsageWindow {
 public:
  explicit UsageWindow(std::vector<pid_t> servers);

  /// {"seconds", "client_cpu_s", "server_cpu_s" (all servers), "others_cpu_s" (everybody else on
  /// the machine), "cores"}
  Json finish() const;

 private:
  std::vector<pid_t> servers_;
  Clock::time_point started_;
  double client_s_;
  double server_s_;
  double machine_s_;
};

}  // namespace starling::bench
