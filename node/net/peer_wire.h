/// One TCP stream between nodes: first the messages of a handshake, then frames in sealed records.
/// A queue of frames to write, bounded by its user, and whole payloads read.
///
/// Threads: lives on its socket's executor. One reader and one writer run at the same time.
#pragma once

#include "node/net/frame.h"
#include "node/net/peer_envelope.h"
#include "node/secure/record_stream.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <deque>

namespace starling::node {

namespace asio = boost::asio;

class PeerWire {
 public:
  using Clock = std::chrono::steady_clock;

  explicit PeerWire(asio::ip::tcp::socket socket);

  /// A message of the handshake: length u16 little endian | that many bytes, at most
  /// `kHandshakeBytesMax`. Errors: `io` when the peer is gone, `corrupt` above the limit.
  asio::awaitable<Result<>> write_message(Bytes message);
  asio::awaitable<Result<Bytes>> read_message();

  /// The handshake is over: what follows is sealed.
  void secure(const std::array<std::uint8_t, 32>& send_key,
              const std::array<std::uint8_t, 32>& receive_key);

  /// Queues a frame. Nothing is written before `write_all` runs.
  void push(const Envelope& envelope, BytesView body);

  /// Takes the request `id` out of the queue. False: it is (being) written already.
  bool take_back(std::uint64_t id);

  bool is_queued(std::uint64_t id) const;

  /// Bytes pushed and not yet given to the kernel.
  std::size_t queued_bytes() const { return queued_bytes_; }

  /// Bytes pushed that the other end has not confirmed.
  std::size_t unconfirmed_bytes();

  bool is_closed() const { return closed_; }

  asio::any_io_executor executor() { return socket_.get_executor(); }

  /// Unspecified when the connection is already gone.
  asio::ip::address remote_address() const;

  Clock::time_point last_pushed() const { return last_pushed_; }

  Clock::time_point last_heard() const { return last_heard_; }

  /// When a frame was last pushed, bytes last read, or `touch` called.
  Clock::time_point last_used() const { return last_used_; }

  void touch() { last_used_ = Clock::now(); }

  /// Connects the socket and sets its options. The connection leaves from `own`, unless that is
  /// unspecified, of the other IP version, or loopback while the peer is not.
  /// Errors: `unavailable` with the reason.
  asio::awaitable<Result<>> connect(std::string address,
                                    asio::ip::address own,
                                    std::chrono::milliseconds patience);

  /// No delay, keep-alive, and a dead peer noticed after some seconds of unanswered data.
  void set_options();

  /// Writes what is pushed until closed. Only after `secure`.
  asio::awaitable<void> write_all();

  /// The next payload, after `secure`. Errors: `corrupt`, or `io` when the peer is gone or the wire
  /// closed.
  asio::awaitable<Result<Bytes>> read();

  /// Returns when at most `bytes` are queued, or the wire is closed.
  asio::awaitable<void> drained_to(std::size_t bytes);

  void close();

 private:
  struct Item {
    Bytes frame;
    std::uint64_t request = 0;  // 0: cannot be taken back
  };

  asio::awaitable<boost::system::error_code> connect_to(asio::ip::tcp::endpoint peer,
                                                        asio::ip::address own);

  asio::awaitable<Result<>> read_some();
  std::size_t seal_some(Bytes& sealed);

  asio::ip::tcp::socket socket_;
  asio::steady_timer pushed_;
  asio::steady_timer drained_;
  std::optional<RecordSealer> sealer_;
  std::optional<RecordOpener> opener_;
  FrameDecoder decoder_;
  std::array<std::byte, 16384> chunk_{};
  Bytes arrived_;  ///< and not looked at yet; after the handshake only what came with its end
  Bytes current_;  ///< the frame whose first `current_taken_` bytes are sealed
  std::size_t current_taken_ = 0;
  std::deque<Item> outbox_;
  std::size_t queued_bytes_ = 0;
  bool closed_ = false;
  Clock::time_point last_used_ = Clock::now();
  Clock::time_point last_pushed_ = last_used_;
  Clock::time_point last_heard_ = last_used_;
};

}  // namespace starling::node
