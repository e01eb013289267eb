/// This program once more, in the same process.
#pragma once

#include <string>

namespace starling::node {

/// Replaces the running program by a fresh start of itself with the same arguments; every open
/// file and socket is closed. For a process whose memory is not to be trusted any more.
/// Returns only if that failed, with the reason.
std::string restart_process();

}  // namespace starling::node
