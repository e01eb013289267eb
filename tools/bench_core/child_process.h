/// A program that the benchmark started, and ends at the latest with itself.
#pragma once

#include "node/base/error.h"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace starling::bench {

/// True as soon as `is_so` is; false once `patience` has passed.
bool wait_until(std::chrono::milliseconds patience, const std::function<bool()>& is_so);

/// Where `name` is in PATH; empty if it is not.
std::filesystem::path find_program(const std::string& name);

/// A TCP port of 127.0.0.1 that is free now.
std::uint16_t free_port();

class ChildProcess {
 public:
  ChildProcess() = default;
  ~ChildProcess();  ///< kill -9
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  /// `words[0]` is the program. What it says goes to the end of `output`.
  /// Errors: `io`.
  static Result<ChildProcess> start(const std::vector<std::string>& words,
                                    const std::filesystem::path& output);

  pid_t pid() const { return pid_; }

  bool is_running() const { return pid_ > 0; }

  /// SIGKILL; returns once it is gone.
  void kill();

  /// SIGTERM, and SIGKILL after `grace`.
  void stop(std::chrono::milliseconds grace);

  /// Its exit status, once it has ended by itself; 128 + the signal if one ended it.
  /// Errors: `timed_out`; it is killed then.
  Result<int> wait(std::chrono::milliseconds patience);

 private:
  pid_t pid_ = 0;
};

}  // namespace starling::bench
