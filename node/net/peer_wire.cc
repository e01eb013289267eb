#include "node/net/peer_wire.h"

#include "node/base/assert.h"
#include "node/base/clock.h"
#include "node/secure/handshake.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <vector>

namespace starling::node {
namespace {

using namespace asio::experimental::awaitable_operators;
using asio::ip::tcp;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBytesPerWrite = 256 << 10;
constexpr int kUnansweredMs =
    5000;  // TCP_USER_TIMEOUT: data without an ACK this long is a dead peer

Error cannot_connect(const std::string& address, const std::string& why) {
  return {Errc::unavailable, fmt::format("cannot connect to {}: {}", address, why)};
}

/// Where nobody listens, the system may choose the very port that is asked for as this end's own:
/// TCP then opens to itself, and the dead peer's port stays taken.
bool is_connected_to_itself(const tcp::socket& socket) {
  boost::system::error_code unknown;
  const auto local = socket.local_endpoint(unknown);
  const auto remote = socket.remote_endpoint(unknown);
  return !unknown && local == remote;
}

/// On a host with several addresses the peer sees the one it knows this node by. The port is chosen
/// when connecting, so that connections to different peers may share it.
boost::system::error_code leave_from(tcp::socket& socket,
                                     const asio::ip::address& own,
                                     const tcp::endpoint& peer) {
  boost::system::error_code failed;
  const bool is_pointless = own.is_unspecified() || own.is_v4() != peer.address().is_v4() ||
                            (own.is_loopback() && !peer.address().is_loopback());
  if (is_pointless) return failed;
  using NoPortYet = asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;
  boost::system::error_code ignored;  // Without it there are fewer ports, and enough.
  socket.set_option(NoPortYet{true}, ignored);
  socket.bind(tcp::endpoint{own, 0}, failed);
  return failed;
}

asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve(std::string address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) co_return cannot_connect(address, "it is not HOST:PORT");
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);

  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver{executor};
  boost::system::error_code not_numeric;
  asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {  // No name, so no resolver thread either.
    const auto found = resolver.resolve(host, port, tcp::resolver::numeric_host, not_numeric);
    if (not_numeric) co_return cannot_connect(address, not_numeric.message());
    co_return std::vector<tcp::endpoint>{found.begin(), found.end()};
  }
  const auto [ec, found] = co_await resolver.async_resolve(host, port, kAsTuple);
  if (ec) co_return cannot_connect(address, ec.message());
  co_return std::vector<tcp::endpoint>{found.begin(), found.end()};
}

}  // namespace

PeerWire::PeerWire(tcp::socket socket)
    : socket_(std::move(socket)),
      pushed_(socket_.get_executor()),
      drained_(socket_.get_executor()) {}

asio::ip::address PeerWire::remote_address() const {
  boost::system::error_code gone;
  return socket_.remote_endpoint(gone).address();
}

void PeerWire::push(const Envelope& envelope, BytesView body) {
  if (closed_) return;
  const auto head = encode_envelope(envelope);
  Item item{.frame = encode_frame(head, body),
            .request = envelope.kind == FrameKind::request ? envelope.request : 0};
  queued_bytes_ += item.frame.size();
  outbox_.push_back(std::move(item));
  last_used_ = last_pushed_ = Clock::now();
  pushed_.cancel();
}

std::size_t PeerWire::unconfirmed_bytes() {
  int in_kernel = 0;
  if (ioctl(socket_.native_handle(), SIOCOUTQ, &in_kernel) != 0) in_kernel = 0;
  return queued_bytes_ + static_cast<std::size_t>(in_kernel);
}

bool PeerWire::take_back(std::uint64_t id) {
  const auto found = std::find_if(
      outbox_.begin(), outbox_.end(), [id](const Item& item) { return item.request == id; });
  if (found == outbox_.end()) return false;
  queued_bytes_ -= found->frame.size();
  outbox_.erase(found);
  return true;
}

bool PeerWire::is_queued(std::uint64_t id) const {
  return std::any_of(
      outbox_.begin(), outbox_.end(), [id](const Item& item) { return item.request == id; });
}

asio::awaitable<boost::system::error_code> PeerWire::connect_to(tcp::endpoint peer,
                                                                asio::ip::address own) {
  boost::system::error_code failed;
  socket_.close(failed);
  socket_.open(peer.protocol(), failed);
  if (!failed) failed = leave_from(socket_, own, peer);
  if (failed) co_return failed;
  const auto [ec] = co_await socket_.async_connect(peer, kAsTuple);
  co_return ec;
}

asio::awaitable<Result<>> PeerWire::connect(std::string address,
                                            asio::ip::address own,
                                            std::chrono::milliseconds patience) {
  const auto endpoints = co_await resolve(address);
  if (!endpoints) co_return endpoints.error();

  boost::system::error_code ec = asio::error::host_not_found;
  asio::steady_timer alarm{socket_.get_executor(), patience};
  for (const tcp::endpoint& peer : *endpoints) {
    if (closed_) co_return cannot_connect(address, "closed meanwhile");
    const auto first = co_await (connect_to(peer, own) || alarm.async_wait(kAsTuple));
    if (first.index() == 1) {
      co_return cannot_connect(address, fmt::format("no answer within {} ms", patience.count()));
    }
    ec = std::get<0>(first);
    if (!ec) break;
  }
  if (ec) co_return cannot_connect(address, ec.message());
  if (is_connected_to_itself(socket_)) co_return cannot_connect(address, "nobody listens there");
  set_options();
  co_return Result<>{};
}

void PeerWire::set_options() {
  boost::system::error_code ignored;  // An option the system lacks costs speed, not correctness.
  socket_.set_option(tcp::no_delay{true}, ignored);
  socket_.set_option(asio::socket_base::keep_alive{true}, ignored);
  using UserTimeout = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>;
  socket_.set_option(UserTimeout{kUnansweredMs}, ignored);
}

asio::awaitable<Result<>> PeerWire::write_message(Bytes message) {
  Bytes framed(2);
  boost::endian::store_little_u16(raw(framed.data()), static_cast<std::uint16_t>(message.size()));
  append(framed, message);
  const auto buffer = asio::buffer(framed);
  const auto [ec, written] = co_await asio::async_write(socket_, buffer, kAsTuple);
  if (ec) co_return Error{Errc::io, ec.message()};
  co_return Result<>{};
}

asio::awaitable<Result<Bytes>> PeerWire::read_message() {
  for (;;) {
    const std::size_t length =
        arrived_.size() < 2 ? 0 : boost::endian::load_little_u16(raw(arrived_.data()));
    if (length > kHandshakeBytesMax) {
      co_return Error{Errc::corrupt,
                      fmt::format("a handshake's message of {} bytes is above the limit of {}",
                                  length,
                                  kHandshakeBytesMax)};
    }
    if (arrived_.size() >= 2 + length && arrived_.size() >= 2) {
      const auto end = arrived_.begin() + 2 + static_cast<std::ptrdiff_t>(length);
      Bytes message(arrived_.begin() + 2, end);
      arrived_.erase(arrived_.begin(), end);
      co_return message;
    }
    if (auto more = co_await read_some(); !more) co_return more.error();
  }
}

void PeerWire::secure(const std::array<std::uint8_t, 32>& send_key,
                      const std::array<std::uint8_t, 32>& receive_key) {
  sealer_.emplace(send_key);
  opener_.emplace(receive_key);
}

/// At most `kBytesPerWrite` of what is queued, sealed. Returns: how much of the queue that is.
std::size_t PeerWire::seal_some(Bytes& sealed) {
  std::size_t total = 0;
  Bytes plain;
  const auto flush = [&] {
    if (!plain.empty()) sealer_->seal(plain, mono_now(), sealed);
    plain.clear();
  };
  while (total < kBytesPerWrite && (current_taken_ < current_.size() || !outbox_.empty())) {
    if (current_taken_ == current_.size()) {
      current_ = std::move(outbox_.front().frame);
      current_taken_ = 0;
      outbox_.pop_front();
    }
    const std::size_t fits =
        std::min(kRecordPlainMax - plain.size(), current_.size() - current_taken_);
    append(plain, BytesView{current_}.subspan(current_taken_, fits));
    current_taken_ += fits;
    total += fits;
    if (plain.size() == kRecordPlainMax) flush();
  }
  flush();
  if (current_taken_ == current_.size()) {
    current_ = {};
    current_taken_ = 0;
  }
  return total;
}

asio::awaitable<void> PeerWire::write_all() {
  STARLING_ASSERT(sealer_.has_value(), "frames are written after the handshake");
  Bytes sealed;
  while (!closed_) {
    if (outbox_.empty() && current_.empty()) {
      sealed = {};  // An idle connection keeps no memory of its largest message.
      pushed_.expires_at(Clock::time_point::max());
      co_await pushed_.async_wait(kAsTuple);
      continue;
    }
    sealed.clear();
    const std::size_t total = seal_some(sealed);
    const auto buffer = asio::buffer(sealed);
    const auto [ec, written] = co_await asio::async_write(socket_, buffer, kAsTuple);
    queued_bytes_ -= total;
    drained_.cancel();
    if (ec) close();
  }
}

/// Appends to `arrived_`.
asio::awaitable<Result<>> PeerWire::read_some() {
  const auto target = asio::buffer(chunk_);
  const auto [ec, byte_count] = co_await socket_.async_read_some(target, kAsTuple);
  if (ec) co_return Error{Errc::io, ec.message()};
  last_used_ = last_heard_ = Clock::now();
  append(arrived_, BytesView{chunk_}.first(byte_count));
  co_return Result<>{};
}

asio::awaitable<Result<Bytes>> PeerWire::read() {
  STARLING_ASSERT(opener_.has_value(), "frames are read after the handshake");
  Bytes plain;
  for (;;) {
    if (closed_) co_return Error{Errc::io, "the connection was closed"};
    auto payload = decoder_.next();
    if (!payload) co_return payload.error();
    if (*payload) co_return std::move(**payload);

    if (arrived_.empty()) {
      if (auto more = co_await read_some(); !more) co_return more.error();
    }
    plain.clear();
    const auto opened = opener_->feed(arrived_, plain);
    arrived_.clear();
    decoder_.feed(plain);
    if (!opened) co_return opened.error();
  }
}

asio::awaitable<void> PeerWire::drained_to(std::size_t bytes) {
  while (!closed_ && queued_bytes_ > bytes) {
    drained_.expires_at(Clock::time_point::max());
    co_await drained_.async_wait(kAsTuple);
  }
}

void PeerWire::close() {
  closed_ = true;
  boost::system::error_code ignored;  // A peer that is already gone is as closed as it gets.
  socket_.close(ignored);
  pushed_.cancel();
  drained_.cancel();
}

}  // namespace starling::node
