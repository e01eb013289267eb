/// A store on a disk in memory.
#pragma once

#include "consensus/storage/rocks_log_store.h"
#include "tests/support/fault_file_system.h"

#include <memory>
#include <string>

namespace starling::tests {

struct StoreMachine {
  static constexpr const char* kDir = "/state";

  FaultDisk disk;
  std::unique_ptr<rocksdb::Env> env = env_on(disk);
  std::unique_ptr<consensus::RocksLogStore> store;

  explicit StoreMachine(const DiskImage& image = {}) : disk(image) {}

  static NodeId self() {
    NodeId id;
    id.bytes[15] = 1;
    return id;
  }

  Result<> open() {
    auto opened = consensus::RocksLogStore::open(kDir, {}, self(), env.get());
    if (!opened) return opened.error();
    store = std::move(*opened);
    return {};
  }
};

}  // namespace starling::tests
