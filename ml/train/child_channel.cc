#include "ml/train/child_channel.h"

#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace starling::ml {

ChildChannel::~ChildChannel() {
  ::close(socket_);
}

Result<WorkMessage> ChildChannel::read() {
  std::vector<std::byte> chunk(64 << 10);
  for (;;) {
    auto payload = decoder_.next();
    if (!payload) return payload.error();
    if (*payload) return decode_work_message(**payload);
    const ssize_t size = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error{Errc::unavailable, "the node has let go of this worker"};
    decoder_.feed(std::span{chunk}.first(static_cast<std::size_t>(size)));
  }
}

Result<> ChildChannel::write(const WorkMessage& message) {
  const Bytes frame = node::encode_frame(encode_work_message(message));
  BytesView left = frame;
  while (!left.empty()) {
    const ssize_t size = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error{Errc::unavailable, "the node has let go of this worker"};
    left = left.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

bool ChildChannel::has_word() const {
  pollfd wait{socket_, POLLIN, 0};
  return decoder_.holds_bytes() || ::poll(&wait, 1, 0) > 0;
}

bool ChildChannel::is_held() const {
  pollfd wait{socket_, POLLRDHUP, 0};
  return ::poll(&wait, 1, 0) == 0;
}

}  // namespace starling::ml
