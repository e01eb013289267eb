/// The worker programs of a node: the own engine's, which trains and serves, and LibTorch's, for
/// networks that came from elsewhere, which is started when it is first needed.
#pragma once

#include "ml/work/worker_pool.h"

#include <filesystem>
#include <optional>
#include <string>

namespace starling::ml {

class WorkerPools {
 public:
  /// `program` for all work; empty: `starling-native-worker` and `starling-torch-worker` beside the
  /// running program.
  WorkerPools(const asio::any_io_executor& executor, const std::filesystem::path& program)
      : WorkerPools(executor,
                    program.empty() ? beside("starling-native-worker") : program,
                    program.empty() ? beside("starling-torch-worker") : program) {}

  WorkerPools(const asio::any_io_executor& executor,
              const std::filesystem::path& native_program,
              const std::filesystem::path& torch_program)
      : native_(executor, native_program) {
    if (torch_program != native_program) torch_.emplace(executor, torch_program);
  }

  WorkerPool& native() { return native_; }

  WorkerPool& torch() { return torch_ ? *torch_ : native_; }

  void stop() {
    native_.stop();
    if (torch_) torch_->stop();
  }

 private:
  static std::filesystem::path beside(const std::string& name) {
    std::error_code failed;  // then it is looked for in the working directory, and named
    return std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / name;
  }

  WorkerPool native_;
  std::optional<WorkerPool> torch_;
};

}  // namespace starling::ml
