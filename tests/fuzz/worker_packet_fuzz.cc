// Packets between a node and its worker program, over a real socket. The first byte says how
// many descriptors are attached; none may stay open that nobody owns.
#include "ml/work/packet_socket.h"
#include "tests/fuzz/fuzz_target.h"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace starling::ml {
namespace {

struct Line {
  std::array<int, 2> ends{};

  Line() {
    const int made = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends.data());
    fuzz::require(made == 0, "a pair of sockets can be had");
  }
};

void send_raw(int socket, BytesView bytes, int attached, std::size_t copies) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
  if (copies > 0) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(copies * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(copies * sizeof(int));
    for (std::size_t i = 0; i < copies; ++i)
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &attached, sizeof attached);
  }
  fuzz::require(::sendmsg(socket, &header, 0) >= 0, "a packet can be sent");
}

/// The lowest free descriptor: the same before and after, unless one was lost.
int lowest_free_descriptor(int any) {
  const int copy = ::fcntl(any, F_DUPFD, 0);
  ::close(copy);
  return copy;
}

}  // namespace
}  // namespace starling::ml

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starling;
  static const ml::Line line;
  if (size < 2 || size > 2 * ml::kPacketBytesMax) return 0;
  const BytesView input = fuzz::as_bytes_view(data + 1, size - 1);
  const std::size_t copies = data[0] % 4;
  const int free_before = ml::lowest_free_descriptor(line.ends[0]);
  ml::send_raw(line.ends[0], input, line.ends[1], copies);
  const auto packet = fuzz::watched(size, [] { return ml::receive_packet(line.ends[1]); });
  if (packet) {
    fuzz::require(packet->has_value(), "a packet that was sent is there");
    fuzz::require(((*packet)->attached >= 0) == (copies > 0), "what was attached arrives");
    fuzz::require(input.size() <= ml::kPacketBytesMax, "a packet above the limit is refused");
    fuzz::count_accepted();
    if ((*packet)->attached >= 0) ::close((*packet)->attached);
    const Bytes bytes = ml::encode_work_message((*packet)->message);
    const auto again = ml::decode_work_message(bytes);
    fuzz::require(again && ml::encode_work_message(*again) == bytes,
                  "what was accepted means one thing");
  } else {
    fuzz::require(packet.error().code == Errc::corrupt, "what is refused is called corrupt");
  }
  fuzz::require(ml::lowest_free_descriptor(line.ends[0]) == free_before,
                "no descriptor stays open");
  return 0;
}
