#include "node/base/hash.h"
#include "node/net/peer_session.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starling::node {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kHelloFrameBytes = 80;  // or a little less
constexpr int kLooksPerAnswer = 4;
constexpr int kWritingFactor = 24;  // two minutes: then it is given up whatever is on its way

}  // namespace

OutgoingSession::OutgoingSession(const asio::any_io_executor& executor,
                                 std::string address,
                                 std::shared_ptr<PeerHouse> house)
    : address_(std::move(address)),
      house_(std::move(house)),
      wire_(asio::ip::tcp::socket{executor}),
      look_(executor),
      opened_(executor, asio::steady_timer::time_point::max()) {}

void OutgoingSession::start() {
  spawn(look_.get_executor(), run(shared_from_this()));
}

bool OutgoingSession::has_room(std::size_t body_bytes) const {
  const std::size_t queued = wire_.queued_bytes();
  return queued <= kHelloFrameBytes || queued + body_bytes <= house_->limits.queued_bytes_max;
}

void OutgoingSession::send_message(Channel channel, BytesView body) {
  if (!may_carry(channel)) return;
  const Envelope envelope{
      .kind = FrameKind::message, .channel = static_cast<std::uint8_t>(channel), .request = 0};
  wire_.push(envelope, body);
}

void OutgoingSession::send_hello() {
  const Envelope envelope{.kind = FrameKind::hello, .channel = 0, .request = 0};
  wire_.push(envelope, encode_hello(house_->own_hello()));
}

asio::awaitable<Result<Bytes>> OutgoingSession::call(std::uint64_t id,
                                                     Channel channel,
                                                     Bytes body,
                                                     std::chrono::milliseconds patience) {
  const auto keep_alive = shared_from_this();
  if (!may_carry(channel)) {
    co_return Error{Errc::unavailable,
                    fmt::format("{} has not shown that it is a member", address_)};
  }
  const auto pending = std::make_shared<PendingCall>(look_.get_executor());
  const Envelope envelope{
      .kind = FrameKind::request, .channel = static_cast<std::uint8_t>(channel), .request = id};
  pending_[id] = pending;
  wire_.push(envelope, body);
  body = {};

  pending->alarm.expires_after(patience);
  if (!pending->outcome) co_await pending->alarm.async_wait(kAsTuple);

  pending_.erase(id);
  if (pending->outcome) co_return std::move(*pending->outcome);
  if (wire_.take_back(id)) {
    co_return Error{Errc::unavailable,
                    fmt::format("not sent to {} within {} ms", address_, patience.count())};
  }
  co_return Error{Errc::timed_out,
                  fmt::format("no answer from {} within {} ms", address_, patience.count())};
}

void OutgoingSession::close(const std::string& why) {
  if (wire_.is_closed()) return;
  why_over_ = {peer_ ? Errc::unavailable : why_over_.code, why};
  for (const auto& [id, call] : pending_) {
    const bool never_done = wire_.is_queued(id) || refused_;
    if (!call->outcome) {
      call->outcome = never_done ? Error{Errc::unavailable, why}
                                 : Error{Errc::timed_out, why + "; the outcome is unknown"};
    }
    call->alarm.cancel();
  }
  wire_.close();
  look_.cancel();
  opened_.cancel();
}

asio::awaitable<void> OutgoingSession::opened() {
  const auto keep_alive = shared_from_this();
  if (!peer_ && !wire_.is_closed()) co_await opened_.async_wait(kAsTuple);
}

bool OutgoingSession::may_go_on() const {
  if (!peer_) return true;
  const Standing standing = house_->trust.standing(peer_key_);
  const bool is_outdated = !house_->trust.ring().empty() && !house_->trust.is_current(shown_);
  return standing != Standing::removed && (!is_outdated || standing == Standing::member);
}

/// By a key that is not the swarm's any more, or not known to be, the other side may be anyone who
/// once knew it: it is only asked to let this node in.
bool OutgoingSession::may_carry(Channel channel) const {
  return channel == Channel::admission || !peer_ || house_->trust.is_current(shown_) ||
         house_->trust.standing(peer_key_) == Standing::member;
}

/// Of several shared keys the next is shown when one was refused, which is done without a word.
asio::awaitable<Result<>> OutgoingSession::shake() {
  const auto credentials = house_->trust.credentials();
  if (credentials.empty()) {
    co_return Error{Errc::unauthorized,
                    "this node has no secret: give --secret-file or --join-token"};
  }
  const Credential credential = credentials[house_->next_credential[address_] % credentials.size()];
  said_ = house_->own_hello();
  const Bytes hello = encode_hello(said_);
  HandshakeInitiator handshake{house_->trust.self(), credential, hello, secure_random<32>()};
  auto written = co_await wire_.write_message(handshake.first());
  if (!written) co_return written;
  const auto second = co_await wire_.read_message();
  if (!second && wire_.is_closed()) co_return second.error();
  if (!second) {
    ++house_->next_credential[address_];
    co_return Error{Errc::unauthorized,
                    fmt::format("{} says nothing to this node: it does not know the same secret "
                                "(--secret-file, --join-token), or is no node of this kind ({})",
                                address_,
                                second.error().detail)};
  }
  auto last = handshake.take_answer(*second);
  if (!last) co_return last.error();
  if (auto met = meet(handshake.peer()); !met) co_return met;
  house_->next_credential.erase(address_);
  shown_ = credential;
  written = co_await wire_.write_message(std::move(*last));
  if (!written) co_return written;
  house_->look_for_twin(*peer_, said_, peer_key_, address_);
  if (house_->trust.is_current(shown_)) {
    house_->look_at_epoch(*peer_, peer_key_);
    house_->look_at_swarm(*peer_, peer_key_, address_);
  }
  wire_.secure(handshake.keys().to_responder, handshake.keys().to_initiator);
  co_return Result<>{};
}

Result<> OutgoingSession::meet(const HandshakePeer& peer) {
  const auto hello = decode_hello(peer.hello);
  if (!hello) return hello.error();
  if (hello->node != node_id_of(peer.key))
    return Error{Errc::unauthorized, "its hello names another node than its key"};
  if (house_->trust.standing(peer.key.public_key) == Standing::removed)
    return Error{Errc::unauthorized, "that node was removed from the swarm"};
  peer_ = *hello;
  peer_key_ = peer.key.public_key;
  return {};
}

asio::awaitable<void> OutgoingSession::give_up_slow_handshake(
    std::shared_ptr<OutgoingSession> self) {
  const auto patience = self->house_->limits.handshake_patience;
  self->look_.expires_after(patience);
  co_await self->look_.async_wait(kAsTuple);
  if (self->peer_) co_return;
  self->close(fmt::format(
      "{} did not finish the handshake within {} ms", self->address_, patience.count()));
}

asio::awaitable<void> OutgoingSession::run(std::shared_ptr<OutgoingSession> self) {
  const auto patience = self->house_->limits.connect_patience;
  const auto own = self->house_->own_address;
  const auto connected = co_await self->wire_.connect(self->address_, own, patience);
  if (!connected) {
    self->house_->log.debug("{}", connected.error().detail);
    self->close(connected.error().detail);
    co_return;
  }
  spawn(self->look_.get_executor(), give_up_slow_handshake(self));
  const auto opened = co_await self->shake();
  if (!opened) {
    self->why_over_.code = opened.error().code;
    self->refused(opened.error().detail, RefusalReason::other);
    self->close(opened.error().detail);
    co_return;
  }
  self->opened_.cancel();
  self->look_.cancel();
  spawn(self->look_.get_executor(), write(self));
  spawn(self->look_.get_executor(), watch(self));
  for (;;) {
    const auto payload = co_await self->wire_.read();
    const std::string why = payload ? self->take(*payload) : payload.error().detail;
    if (why.empty()) continue;
    self->close(fmt::format("connection to {} ended: {}", self->address_, why));
    co_return;
  }
}

asio::awaitable<void> OutgoingSession::write(std::shared_ptr<OutgoingSession> self) {
  co_await self->wire_.write_all();
}

asio::awaitable<void> OutgoingSession::watch(std::shared_ptr<OutgoingSession> self) {
  const auto& limits = self->house_->limits;
  const auto every = std::min(limits.idle_patience, limits.answer_patience / kLooksPerAnswer);
  while (!self->wire_.is_closed()) {
    self->look_.expires_after(every);
    co_await self->look_.async_wait(kAsTuple);
    self->close_if_idle();
    self->close_if_deaf();
  }
}

void OutgoingSession::close_if_idle() {
  if (wire_.is_closed()) return;
  if (PeerWire::Clock::now() - wire_.last_used() < house_->limits.idle_patience) return;
  if (pending_.empty() && wire_.queued_bytes() == 0)
    close("idle");
  else
    wire_.touch();
}

/// Most of what is sent here is never answered, and TCP is content when a proxy or a hung process
/// takes it. So the peer is asked with a hello, which it answers with its own.
void OutgoingSession::close_if_deaf() {
  if (wire_.is_closed()) return;
  const auto now = PeerWire::Clock::now();
  if (asked_ && wire_.last_heard() > *asked_) asked_.reset();
  if (!asked_ && wire_.last_pushed() > wire_.last_heard()) {
    asked_ = now;
    send_hello();
  }
  const auto patience = house_->limits.answer_patience;
  if (!asked_ || now - *asked_ < patience) return;
  // What was asked may be on its way behind it. A peer's host confirms, also for a hung process.
  const bool is_writing = wire_.unconfirmed_bytes() > 0;
  if (is_writing && now - *asked_ < kWritingFactor * patience) return;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - *asked_);
  const std::string why = fmt::format(
      "connection to {} ended: it has not answered for {} ms", address_, waited.count());
  house_->log.warn("{}", why);
  close(why);
}

std::string OutgoingSession::take(BytesView payload) {
  const auto envelope = decode_envelope(payload);
  if (!envelope) return envelope.error().detail;
  const BytesView body = payload.subspan(kEnvelopeBytes);
  switch (envelope->kind) {
    case FrameKind::hello: accepted_ = true; return {};
    case FrameKind::refusal:
      refused(as_text(body), static_cast<RefusalReason>(envelope->channel));
      return fmt::format("refused: {}", as_text(body));
    case FrameKind::answer: break;
    case FrameKind::message:
    case FrameKind::request: return "it sent a question where answers belong";
  }
  const auto found = pending_.find(envelope->request);
  if (found == pending_.end()) return {};  // Its caller lost patience.
  found->second->outcome = decode_answer(body);
  found->second->alarm.cancel();
  return {};
}

void OutgoingSession::refused(std::string_view sentence, RefusalReason reason) {
  refused_ = !accepted_;
  // Only a member's word counts, as this node knows the members.
  const bool is_believed = house_->trust.standing(peer_key_) == Standing::member;
  if (reason == RefusalReason::removed && is_believed && house_->on_removed)
    std::exchange(house_->on_removed, {})();
  auto& last = house_->last_refusal[address_];
  if (last == sentence) return;
  last = sentence;
  house_->log.warn("no talk with {}: {}", address_, sentence);
}

}  // namespace starling::node
