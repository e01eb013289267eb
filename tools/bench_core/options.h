/// What `bench_core` was asked to do.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace starling::bench {

struct BenchOptions {
  std::filesystem::path dir;       ///< where all data goes; what is measured is this disk
  std::filesystem::path starling;  ///< the program
  std::filesystem::path etcd;      ///< empty: not installed, or not wanted
  std::filesystem::path etcd_load;
  bool wants_etcd = true;
  std::size_t rounds = 3;
  std::chrono::seconds time{5};  ///< of each load
  std::vector<std::size_t> writers{1, 64, 512};
  std::vector<std::string> loads{"peer", "peer_without_keys", "http"};
  std::size_t failovers = 100;
  std::size_t etcd_failovers = 5;
  bool wants_memory = true;
};

}  // namespace starling::bench
