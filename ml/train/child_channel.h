/// A child's end of its channel: blocking, framed, one thread.
#pragma once

#include "ml/work/work_protocol.h"
#include "node/net/frame.h"

namespace starling::ml {

class ChildChannel {
 public:
  /// Takes ownership of `socket`.
  explicit ChildChannel(int socket) : socket_(socket) {}

  ~ChildChannel();
  ChildChannel(const ChildChannel&) = delete;
  ChildChannel& operator=(const ChildChannel&) = delete;

  /// Waits for the next message.
  /// Errors: `unavailable` when the node has let go; `corrupt`.
  Result<WorkMessage> read();

  /// Errors: `unavailable` when the node has let go.
  Result<> write(const WorkMessage& message);

  /// Whether the node has said something. Does not wait.
  bool has_word() const;

  /// Whether the node still holds the other end. Does not wait.
  bool is_held() const;

 private:
  int socket_;
  node::FrameDecoder decoder_;
};

}  // namespace starling::ml
