/// The worker programs of a node: the own engine's, which trains and serves, and LibTorch's, for
/// networks that came from elsewhere. Each is started when it is first needed.
#pragma once

#include "ml/work/worker_pool.h"

#include <filesystem>
#include <string>

namespace starling::ml {

struct WorkerPools {
  /// `program`: instead of both; empty: `starling-native-worker` and `starling-torch-worker`
  /// beside the running program.
  WorkerPools(const asio::any_io_executor& executor, const std::filesystem::path& program)
      : native(executor, chosen(program, "starling-native-worker")),
        torch(executor, chosen(program, "starling-torch-worker")) {}

  static std::filesystem::path chosen(const std::filesystem::path& program,
                                      const std::string& name) {
    if (!program.empty()) return program;
    std::error_code failed;  // then it is looked for in the working directory, and named
    return std::filesystem::read_symlink("/proc/self/exe", failed).parent_path() / name;
  }

  void stop() {
    native.stop();
    torch.stop();
  }

  WorkerPool native;
  WorkerPool torch;
};

}  // namespace starling::ml
