/// RocksDB on a FaultDisk: what it writes is torn and lost as that disk decides.
///
/// Threads: any, as RocksDB needs it.
#pragma once

#include "tests/support/fault_disk.h"

#include <rocksdb/env.h>

#include <memory>

namespace starling::tests {

/// `disk` must outlive the result, and the result every database opened with it. RocksDB's own log
/// file is not written.
std::unique_ptr<rocksdb::Env> env_on(FaultDisk& disk);

}  // namespace starling::tests
