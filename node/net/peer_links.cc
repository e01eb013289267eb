#include "node/net/peer_links.h"

#include "node/base/hash.h"
#include "node/net/peer_session.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <set>
#include <utility>

namespace starling::node {
namespace {

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBodyBytesMax = kFramePayloadBytesMax - kEnvelopeBytes;
constexpr std::chrono::milliseconds kAcceptPause{100};  // when the process is out of descriptors

// Bulk has a connection of its own, so that a heartbeat never waits behind a blob.
bool is_bulk(Channel channel) {
  return channel == Channel::snapshot || channel == Channel::blobs;
}

Error above_limit(std::size_t size) {
  return {Errc::too_large,
          fmt::format("a message of {} bytes is above the limit of {}", size, kBodyBytesMax)};
}

}  // namespace

PeerHouse::PeerHouse(const Trust& given_trust, PeerLinksLimits given, asio::ip::address own)
    : trust(given_trust),
      limits(given),
      own_address(std::move(own)),
      log("net", given_trust.self().node().hex().substr(0, 8)) {
  hello.node = trust.self().node();
  hello.boot.bytes = secure_random<16>();
}

struct PeerLinks::State : std::enable_shared_from_this<State> {
  using Key = std::pair<std::string, bool>;

  State(asio::ip::tcp::acceptor listener, std::shared_ptr<PeerHouse> shared)
      : acceptor(std::move(listener)),
        executor(acceptor.get_executor()),
        pause(executor),
        house(std::move(shared)) {}

  OutgoingSession& session_for(const std::string& address, Channel channel);
  static asio::awaitable<void> accept_all(std::shared_ptr<State> self);
  void take(asio::ip::tcp::socket socket);

  asio::ip::tcp::acceptor acceptor;
  asio::any_io_executor executor;
  asio::steady_timer pause;
  std::shared_ptr<PeerHouse> house;
  std::map<Key, std::shared_ptr<OutgoingSession>> outgoing;
  std::set<std::shared_ptr<IncomingSession>> incoming;
  std::uint64_t next_call = 1;
  bool stopped = false;
};

OutgoingSession& PeerLinks::State::session_for(const std::string& address, Channel channel) {
  auto& session = outgoing[Key{address, is_bulk(channel)}];
  if (session == nullptr || session->is_over()) {
    session = std::make_shared<OutgoingSession>(executor, address, house);
    session->start();
  }
  return *session;
}

asio::awaitable<void> PeerLinks::State::accept_all(std::shared_ptr<State> self) {
  while (!self->stopped) {
    auto [ec, socket] = co_await self->acceptor.async_accept(kAsTuple);
    if (self->stopped) co_return;
    if (!ec) {
      self->take(std::move(socket));
      continue;
    }
    self->house->log.warn("cannot accept a peer's connection: {}", ec.message());
    self->pause.expires_after(kAcceptPause);
    co_await self->pause.async_wait(kAsTuple);
  }
}

void PeerLinks::State::take(asio::ip::tcp::socket socket) {
  std::erase_if(incoming, [](const auto& session) { return session->is_over(); });
  if (incoming.size() >= house->limits.connections_max) {
    house->log.warn("closed a peer's connection: {} are open, which is the limit", incoming.size());
    return;
  }
  const auto session = std::make_shared<IncomingSession>(std::move(socket), house);
  std::size_t strangers = 0;
  std::size_t from_there = 0;
  for (const auto& other : incoming) {
    strangers += other->is_stranger() ? 1 : 0;
    from_there += other->is_stranger() && other->source() == session->source() ? 1 : 0;
  }
  const auto& limits = house->limits;
  // Members always find room beside them.
  if (from_there >= limits.strangers_max || strangers >= limits.connections_max / 2)
    return session->close();
  incoming.insert(session);
  session->start();
}

/// Who knows the key and was not removed could be a member at any time, and a node that has lost
/// its state knows no members.
void PeerHouse::look_at_epoch(const Hello& theirs, const PublicKey& key) const {
  const bool is_later = !hello.swarm.is_none() && theirs.swarm == hello.swarm &&
                        theirs.recovery_epoch > hello.recovery_epoch;
  if (is_later && on_recovered && trust.standing(key) != Standing::removed)
    on_recovered(theirs.recovery_epoch);
}

Hello PeerHouse::own_hello() const {
  Hello now = hello;
  const auto up = PeerWire::Clock::now() - started;
  now.up_ms =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(up).count());
  return now;
}

void PeerHouse::look_for_twin(const Hello& theirs,
                              const Hello& ours,
                              const PublicKey& key,
                              const std::string& where) const {
  const bool is_twin = key == trust.self().key().public_key && theirs.boot != ours.boot;
  if (is_twin && on_twin) on_twin(where, must_give_way(theirs, ours));
}

void PeerHouse::look_at_swarm(const Hello& theirs,
                              const PublicKey& key,
                              const std::string& where) const {
  const bool is_other =
      !hello.swarm.is_none() && !theirs.swarm.is_none() && theirs.swarm != hello.swarm;
  if (is_other && on_other_swarm && trust.standing(key) != Standing::removed)
    on_other_swarm(theirs.swarm, where, must_dissolve(theirs, hello));
}

PeerLinks::PeerLinks(asio::ip::tcp::acceptor listener, const Trust& trust, PeerLinksLimits limits) {
  boost::system::error_code unknown;  // Then the system chooses where connections leave from.
  const auto own = listener.local_endpoint(unknown).address();
  auto house = std::make_shared<PeerHouse>(trust, limits, own);
  state_ = std::make_shared<State>(std::move(listener), std::move(house));
}

PeerLinks::~PeerLinks() {
  stop();
}

void PeerLinks::set_swarm(SwarmId swarm, std::uint64_t recovery_epoch) {
  Hello& hello = state_->house->hello;
  if (hello.swarm == swarm && hello.recovery_epoch == recovery_epoch) return;
  hello.swarm = swarm;
  hello.recovery_epoch = recovery_epoch;
  for (const auto& [key, session] : state_->outgoing) {
    if (!session->is_over() && session->peer()) session->send_hello();
  }
}

const Hello& PeerLinks::hello() const {
  return state_->house->hello;
}

void PeerLinks::drop_distrusted() {
  for (const auto& [key, session] : state_->outgoing) {
    if (!session->may_go_on()) session->close("who is there is not trusted any more");
  }
  for (const auto& session : state_->incoming) {
    if (!session->may_go_on()) session->close();
  }
}

void PeerLinks::connect_anew() {
  for (const auto& [key, session] : state_->outgoing)
    session->close("this node has another key to show");
  state_->house->next_credential.clear();
}

void PeerLinks::on_recovered(std::function<void(std::uint64_t recovery_epoch)> handler) {
  state_->house->on_recovered = std::move(handler);
}

void PeerLinks::set_provisional(bool is_provisional) {
  state_->house->hello.is_provisional = is_provisional;
}

void PeerLinks::on_other_swarm(OtherSwarmHandler handler) {
  state_->house->on_other_swarm = std::move(handler);
}

void PeerLinks::on_twin(TwinHandler handler) {
  state_->house->on_twin = std::move(handler);
}

void PeerLinks::on_removed(std::function<void()> handler) {
  state_->house->on_removed = std::move(handler);
}

asio::awaitable<Result<Hello>> PeerLinks::who_is(std::string address) {
  const auto state = state_;
  const auto session =
      std::make_shared<OutgoingSession>(state->executor, std::move(address), state->house);
  session->start();
  co_await session->opened();
  const auto peer = session->peer();
  session->close("that was all");
  if (!peer) co_return session->why_over();
  co_return *peer;
}

void PeerLinks::on_message(Channel channel, MessageHandler handler) {
  state_->house->on_message[static_cast<std::size_t>(channel)] = std::move(handler);
}

void PeerLinks::on_request(Channel channel, RequestHandler handler) {
  state_->house->on_request[static_cast<std::size_t>(channel)] = std::move(handler);
}

void PeerLinks::on_admission(AdmissionHandler handler) {
  state_->house->on_admission = std::move(handler);
}

void PeerLinks::start() {
  spawn(state_->executor, State::accept_all(state_));
}

void PeerLinks::send(const std::string& address, Channel channel, Bytes body) {
  if (state_->stopped) return;
  if (body.size() > kBodyBytesMax) {
    state_->house->log.warn("not sent to {}: {}", address, above_limit(body.size()).detail);
    return;
  }
  OutgoingSession& session = state_->session_for(address, channel);
  if (session.has_room(body.size())) session.send_message(channel, body);
}

asio::awaitable<Result<Bytes>> PeerLinks::call(std::string address,
                                               Channel channel,
                                               Bytes body,
                                               std::chrono::milliseconds patience) {
  const auto state = state_;
  if (state->stopped) co_return Error{Errc::unavailable, "this node is stopping"};
  if (body.size() > kBodyBytesMax) co_return above_limit(body.size());

  OutgoingSession& session = state->session_for(address, channel);
  if (!session.has_room(body.size())) {
    co_return Error{Errc::unavailable, fmt::format("the queue to {} is full", address)};
  }
  const std::uint64_t id = state->next_call++;
  co_return co_await session.call(id, channel, std::move(body), patience);
}

void PeerLinks::stop() {
  if (std::exchange(state_->stopped, true)) return;
  boost::system::error_code ignored;  // It is closed either way.
  state_->acceptor.close(ignored);
  state_->pause.cancel();
  for (const auto& [key, session] : state_->outgoing)
    session->close("this node is stopping");
  for (const auto& session : state_->incoming)
    session->close();
  state_->outgoing.clear();
  state_->incoming.clear();
}

}  // namespace starling::node
