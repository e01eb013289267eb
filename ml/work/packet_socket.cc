#include "ml/work/packet_socket.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace starling::ml {
namespace {

/// The first descriptor that came with a packet. Others, which nobody here sends, are closed.
int attached_to(msghdr& header) {
  int first = -1;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, reinterpret_cast<unsigned char*>(part) + at, sizeof fd);
      if (first < 0)
        first = fd;
      else
        ::close(fd);
    }
  }
  return first;
}

}  // namespace

Result<> send_packet(int socket, const WorkMessage& message, int attached) {
  Bytes bytes = encode_work_message(message);
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (attached >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &attached, sizeof attached);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  return Error{Errc::unavailable, fmt::format("write to worker line: {}", std::strerror(errno))};
}

Result<std::optional<Packet>> receive_packet(int socket) {
  std::array<std::byte, kPacketBytesMax> bytes{};
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::optional<Packet>{};
  if (size <= 0) return Error{Errc::unavailable, "the other end of the worker line is gone"};

  const int fd = attached_to(header);
  const BytesView packet = std::span{bytes}.first(static_cast<std::size_t>(size));
  Result<WorkMessage> message = Error{
      Errc::corrupt,
      fmt::format("a packet on the worker line is above the limit of {} bytes", kPacketBytesMax)};
  if ((header.msg_flags & MSG_TRUNC) == 0) message = decode_work_message(packet);
  if (!message) {
    if (fd >= 0) ::close(fd);
    return message.error();
  }
  return std::optional<Packet>{Packet{std::move(*message), fd}};
}

}  // namespace starling::ml
