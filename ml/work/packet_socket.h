/// Small messages with a file descriptor attached, over a SOCK_SEQPACKET unix socket: the line
/// between a node and its worker program.
#pragma once

#include "ml/work/work_protocol.h"

#include <optional>

namespace starling::ml {

inline constexpr std::size_t kPacketBytesMax = 4096;
inline constexpr int kWorkerControlFd = 3;  ///< where a worker program finds its end of the line

/// A message and the descriptor that came with it (-1: none); the receiver owns it.
struct Packet {
  WorkMessage message;
  int attached = -1;
};

/// Sends one message. `attached` is duplicated by the kernel and stays the caller's; -1: none.
/// Errors: `unavailable` if the other end is gone or its queue is full.
Result<> send_packet(int socket, const WorkMessage& message, int attached = -1);

/// The next message; nothing if none waits and the socket does not block.
/// Errors: `unavailable` at the end of the line; `corrupt`.
Result<std::optional<Packet>> receive_packet(int socket);

}  // namespace starling::ml
