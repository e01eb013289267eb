#include "node/base/hash.h"
#include "node/net/peer_session.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <exception>
#include <utility>

namespace starling::node {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kRunningMax = 1024;  // requests of one connection that are being answered

// The peer closes first: it knows whether it still waits for an answer.
constexpr int kIdleFactor = 2;

constexpr std::chrono::seconds kWarningPause{1};

asio::awaitable<Result<Bytes>> guarded(asio::awaitable<Result<Bytes>> work) {
  try {
    co_return co_await std::move(work);
  } catch (const std::exception& failure) {
    co_return Error{Errc::timed_out, fmt::format("the peer failed: {}", failure.what())};
  }
}

}  // namespace

IncomingSession::IncomingSession(asio::ip::tcp::socket socket, std::shared_ptr<PeerHouse> house)
    : house_(std::move(house)), wire_(std::move(socket)), idle_(wire_.executor()) {
  source_ = wire_.remote_address();
}

void IncomingSession::start() {
  wire_.set_options();
  spawn(idle_.get_executor(), run(shared_from_this()));
  spawn(idle_.get_executor(), close_when_idle(shared_from_this()));
}

void IncomingSession::close() {
  wire_.close();
  idle_.cancel();
}

asio::awaitable<Result<>> IncomingSession::shake() {
  said_ = house_->own_hello();
  const Bytes hello = encode_hello(said_);
  HandshakeResponder handshake{house_->trust.self(), hello, secure_random<32>()};
  const auto first = co_await wire_.read_message();
  if (!first) co_return first.error();
  const auto find_key = [this](CredentialKind kind, const KeyId& id) {
    return house_->trust.find(kind, id);
  };
  auto second = handshake.take_first(*first, find_key);
  if (!second) co_return second.error();
  auto written = co_await wire_.write_message(std::move(*second));
  if (!written) co_return written;
  const auto third = co_await wire_.read_message();
  if (!third) co_return third.error();
  if (auto taken = handshake.take_last(*third); !taken) co_return taken;
  co_return meet(handshake);
}

/// Who is there is proven; whether it may speak is another question, which it gets an answer to.
Result<> IncomingSession::meet(const HandshakeResponder& handshake) {
  const auto hello = decode_hello(handshake.peer().hello);
  if (!hello) return hello.error();
  if (hello->node != node_id_of(handshake.peer().key))
    return Error{Errc::unauthorized, "its hello names another node than its key"};
  peer_ = *hello;
  caller_ = {.key = handshake.peer().key, .kind = handshake.kind(), .key_id = handshake.key_id()};
  wire_.secure(handshake.keys().to_initiator, handshake.keys().to_responder);
  const PeerVerdict verdict =
      house_->trust.judge(handshake.peer().key, handshake.kind(), handshake.key_id());
  rights_ = verdict.rights;
  if (rights_ == PeerRights::all) house_->look_at_epoch(*hello, caller_.key.public_key);
  house_->look_for_twin(*hello, said_, caller_.key.public_key, source_.to_string());
  if (rights_ == PeerRights::all)
    house_->look_at_swarm(*hello, caller_.key.public_key, source_.to_string());
  const bool is_removed = house_->trust.standing(caller_.key.public_key) == Standing::removed;
  const auto reason = is_removed ? RefusalReason::removed : RefusalReason::other;
  greet(verdict.rights == PeerRights::none ? verdict.why : refusal_of(*hello, house_->hello),
        reason);
  return {};
}

void IncomingSession::greet(const std::string& refusal, RefusalReason reason) {
  const Envelope reply{.kind = FrameKind::refusal, .channel = static_cast<std::uint8_t>(reason)};
  if (refusal.empty()) {
    wire_.push(Envelope{.kind = FrameKind::hello}, encode_hello(house_->own_hello()));
    return;
  }
  refused_ = true;
  house_->log.debug("refused node {}: {}", peer_->node.hex(), refusal);
  wire_.push(reply, to_bytes(refusal));
}

bool IncomingSession::may_go_on() const {
  if (!peer_ || refused_) return true;
  return house_->trust.judge(caller_.key, caller_.kind, caller_.key_id).rights != PeerRights::none;
}

asio::awaitable<void> IncomingSession::run(std::shared_ptr<IncomingSession> self) {
  const auto met = co_await self->shake();
  if (!met) {
    const auto now = PeerWire::Clock::now();
    const bool is_worth_a_line =
        met.error().code != Errc::io && now - self->house_->warned_at > kWarningPause;
    if (is_worth_a_line) self->house_->warned_at = now;
    if (is_worth_a_line)
      self->house_->log.warn(
          "closed a connection from {}: {}", self->source_.to_string(), met.error().detail);
    self->close();
    co_return;
  }
  spawn(self->idle_.get_executor(), write(self));
  while (!self->is_over()) {
    const auto payload = co_await self->wire_.read();
    if (!payload) break;
    const auto taken = self->take(*payload);
    if (!taken) {
      self->house_->log.warn("closed a peer's connection: {}", taken.error().detail);
      break;
    }
    co_await self->wire_.drained_to(kFramePayloadBytesMax);  // It asks faster than it listens.
  }
  self->close();
}

asio::awaitable<void> IncomingSession::write(std::shared_ptr<IncomingSession> self) {
  co_await self->wire_.write_all();
}

asio::awaitable<void> IncomingSession::close_when_idle(std::shared_ptr<IncomingSession> self) {
  const auto patience = kIdleFactor * self->house_->limits.idle_patience;
  self->idle_.expires_after(self->house_->limits.handshake_patience);
  co_await self->idle_.async_wait(kAsTuple);
  // Who was refused has had the time to read why.
  if (!self->peer_ || self->refused_) self->close();
  while (!self->is_over()) {
    self->idle_.expires_at(self->wire_.last_used() + patience);
    co_await self->idle_.async_wait(kAsTuple);
    if (PeerWire::Clock::now() - self->wire_.last_used() < patience) continue;
    if (self->running_ == 0) self->close();
    self->wire_.touch();
  }
}

Result<> IncomingSession::take(const Bytes& payload) {
  if (refused_) return {};
  const auto envelope = decode_envelope(payload);
  if (!envelope) return envelope.error();
  const BytesView body = BytesView{payload}.subspan(kEnvelopeBytes);
  if (envelope->kind == FrameKind::hello) return take_hello(body);

  const auto refusal = why_not(envelope->channel);
  if (envelope->kind == FrameKind::message) {
    const auto& handler = house_->on_message[envelope->channel];
    if (!refusal && handler) handler(peer_->node, Bytes(body.begin(), body.end()));
    return {};
  }
  if (envelope->kind != FrameKind::request) return Error{Errc::corrupt, "an answer to no question"};
  if (refusal) {
    send_answer(*envelope, *refusal);
    return {};
  }
  ++running_;
  Bytes own(body.begin(), body.end());
  spawn(idle_.get_executor(), answer(shared_from_this(), *envelope, std::move(own)));
  return {};
}

Result<> IncomingSession::take_hello(BytesView body) {
  const auto hello = decode_hello(body);
  if (!hello) return hello.error();
  if (hello->node != peer_->node)
    return Error{Errc::unauthorized, "a hello names another node than the handshake's"};
  peer_ = *hello;
  greet(refusal_of(*hello, house_->hello), RefusalReason::other);
  return {};
}

std::optional<Error> IncomingSession::why_not(std::uint8_t channel) const {
  const bool is_admission = channel == static_cast<std::uint8_t>(Channel::admission);
  const bool is_membership = channel == static_cast<std::uint8_t>(Channel::membership);
  const bool has_joined = !house_->hello.swarm.is_none();
  // Who has no swarm yet learns from a member's call that there is one.
  if (!has_joined && !is_membership)
    return Error{Errc::unavailable, "this node has not joined a swarm yet"};
  const bool is_of_this_swarm =
      peer_->swarm == house_->hello.swarm && peer_->recovery_epoch == house_->hello.recovery_epoch;
  const bool is_member =
      rights_ == PeerRights::all && !peer_->swarm.is_none() && (!has_joined || is_of_this_swarm);
  if (!is_admission && !is_member)
    return Error{Errc::unavailable, "you have not joined this swarm yet"};
  if (running_ >= kRunningMax)
    return Error{Errc::unavailable, fmt::format("{} requests of yours are running", running_)};
  return std::nullopt;
}

asio::awaitable<Result<Bytes>> IncomingSession::handle(std::uint8_t channel, Bytes body) {
  const bool is_admission = channel == static_cast<std::uint8_t>(Channel::admission);
  if (is_admission && house_->on_admission)
    co_return co_await guarded(house_->on_admission(caller_, std::move(body)));
  const auto& handler = house_->on_request[channel];
  if (handler) co_return co_await guarded(handler(peer_->node, std::move(body)));
  if (channel <= static_cast<std::uint8_t>(Channel::survey))
    co_return Error{Errc::unavailable, "this node is starting and answers soon"};
  co_return Error{Errc::unsupported,
                  fmt::format("this node answers nothing on channel {}", channel)};
}

asio::awaitable<void> IncomingSession::answer(std::shared_ptr<IncomingSession> self,
                                              Envelope envelope,
                                              Bytes body) {
  const auto result = co_await self->handle(envelope.channel, std::move(body));
  self->send_answer(envelope, result);
  --self->running_;
}

void IncomingSession::send_answer(const Envelope& request, const Result<Bytes>& result) {
  const Envelope reply{
      .kind = FrameKind::answer, .channel = request.channel, .request = request.request};
  Bytes body = encode_answer(result);
  if (body.size() + kEnvelopeBytes > kFramePayloadBytesMax) {
    const Error error{
        Errc::too_large,
        fmt::format(
            "the answer of {} bytes is above the limit of {}", body.size(), kFramePayloadBytesMax)};
    body = encode_answer(error);
  }
  wire_.push(reply, body);
}

}  // namespace starling::node
