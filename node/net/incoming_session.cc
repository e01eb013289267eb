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

asio::awaitable<Result<Bytes>> guarded(const PeerLinks::RequestHandler& handler,
                                       NodeId from,
                                       Bytes body) {
  try {
    co_return co_await handler(from, std::move(body));
  } catch (const std::exception& failure) {
    co_return Error{Errc::timed_out, fmt::format("the peer failed: {}", failure.what())};
  }
}

}  // namespace

IncomingSession::IncomingSession(asio::ip::tcp::socket socket, std::shared_ptr<PeerHouse> house)
    : house_(std::move(house)), wire_(std::move(socket)), idle_(wire_.executor()) {}

void IncomingSession::start() {
  wire_.set_options();
  spawn(idle_.get_executor(), run(shared_from_this()));
  spawn(idle_.get_executor(), write(shared_from_this()));
  spawn(idle_.get_executor(), close_when_idle(shared_from_this()));
}

void IncomingSession::close() {
  wire_.close();
  idle_.cancel();
}

asio::awaitable<void> IncomingSession::run(std::shared_ptr<IncomingSession> self) {
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
  if (!peer_) return Error{Errc::corrupt, "the first frame is not a hello"};

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
  peer_ = *hello;
  const std::string refusal = refusal_of(*hello, house_->hello);
  const Envelope reply{.kind = refusal.empty() ? FrameKind::hello : FrameKind::refusal};
  if (refusal.empty()) {
    wire_.push(reply, encode_hello(house_->hello));
    return {};
  }
  refused_ = true;
  house_->log.debug("refused node {}: {}", hello->node.hex(), refusal);
  wire_.push(reply, to_bytes(refusal));
  return {};
}

std::optional<Error> IncomingSession::why_not(std::uint8_t channel) const {
  const bool is_membership = channel == static_cast<std::uint8_t>(Channel::membership);
  if (!is_membership && house_->hello.swarm.is_none())
    return Error{Errc::unavailable, "this node has not joined a swarm yet"};
  if (!is_membership && peer_->swarm != house_->hello.swarm)
    return Error{Errc::unavailable, "you have not joined this swarm yet"};
  if (running_ >= kRunningMax)
    return Error{Errc::unavailable, fmt::format("{} requests of yours are running", running_)};
  return std::nullopt;
}

asio::awaitable<void> IncomingSession::answer(std::shared_ptr<IncomingSession> self,
                                              Envelope envelope,
                                              Bytes body) {
  const auto& handler = self->house_->on_request[envelope.channel];
  if (handler) {
    const auto result = co_await guarded(handler, self->peer_->node, std::move(body));
    self->send_answer(envelope, result);
  } else {
    const Error none{Errc::unsupported,
                     fmt::format("this node answers nothing on channel {}", envelope.channel)};
    self->send_answer(envelope, none);
  }
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
