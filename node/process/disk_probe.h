/// How long a disk takes to make a small write durable.
#pragma once

#include "node/base/error.h"

#include <chrono>
#include <filesystem>

namespace starling::node {

/// The second slowest of 20 writes of 4 KiB to a file in `dir`, each synced; the file is removed
/// again. What a write takes there on a bad day (95 of 100 take less).
///
/// Threads: blocks for as long as 20 syncs take. Errors: `io`.
Result<std::chrono::microseconds> slow_sync(const std::filesystem::path& dir);

}  // namespace starling::node
