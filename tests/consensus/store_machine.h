/// A store on a disk in memory.
#pragma once

#include "consensus/storage/disk_log_store.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/test_ids.h"

#include <memory>
#include <string>

namespace starling::tests {

struct StoreMachine {
  static constexpr const char* kDir = "/state";

  FaultDisk disk;
  std::unique_ptr<rocksdb::Env> env = env_on(disk);
  std::unique_ptr<consensus::DiskLogStore> store;

  explicit StoreMachine(const DiskImage& image = {}) : disk(image) {}

  static NodeId self() { return node_number(1); }

  Result<> open() {
    // Small segments, so that many are begun and used again.
    const consensus::SegmentLogOptions options{64 << 10, 2};
    auto opened = consensus::DiskLogStore::open(kDir, {}, self(), env.get(), options);
    if (!opened) return opened.error();
    store = std::move(*opened);
    return {};
  }
};

}  // namespace starling::tests
