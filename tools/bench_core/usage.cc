#include "tools/bench_core/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace starling::bench {
namespace {

double ticks_to_seconds(double ticks) {
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double status_mb(pid_t pid, const std::string& name) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with(name)) return std::stod(line.substr(name.size())) / 1024;
  return 0;
}

double own_cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Of all processes together: user, nice, system, irq and softirq.
double machine_cpu_seconds() {
  std::ifstream stat("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0;
  stat >> cpu >> user >> nice >> system >> idle >> waiting >> irq >> softirq;
  return ticks_to_seconds(user + nice + system + irq + softirq);
}

double sum_of_cpu(const std::vector<pid_t>& pids) {
  double sum = 0;
  for (const pid_t pid : pids)
    sum += cpu_seconds_of(pid);
  return sum;
}

}  // namespace

double cpu_seconds_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');  // The name may hold spaces.
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i)
    fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return ticks_to_seconds(user + system);
}

double resident_mb(pid_t pid) {
  return status_mb(pid, "VmRSS:");
}

double resident_peak_mb(pid_t pid) {
  return status_mb(pid, "VmHWM:");
}

double anonymous_mb(pid_t pid) {
  return status_mb(pid, "RssAnon:");
}

double load_average() {
  std::ifstream file("/proc/loadavg");
  double load = 0;
  file >> load;
  return load;
}

UsageWindow::UsageWindow(std::vector<pid_t> servers)
    : servers_(std::move(servers)),
      started_(Clock::now()),
      client_s_(own_cpu_seconds()),
      server_s_(sum_of_cpu(servers_)),
      machine_s_(machine_cpu_seconds()) {}

Json UsageWindow::finish() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  const double client = own_cpu_seconds() - client_s_;
  const double server = sum_of_cpu(servers_) - server_s_;
  const double others = machine_cpu_seconds() - machine_s_ - client - server;
  return {{"seconds", rounded(seconds)},
          {"client_cpu_s", rounded(client)},
          {"server_cpu_s", rounded(server)},
          {"others_cpu_s", rounded(std::max(others, 0.0))},
          {"cores", std::thread::hardware_concurrency()}};
}

}  // namespace starling::bench
