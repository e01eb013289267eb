#include "node/gossip/gossip_service.h"

#include "node/base/clock.h"
#include "node/base/log.h"
#include "node/gossip/member_news.h"
#include "node/gossip/swim_wire.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace starling::node {
namespace {

using namespace std::chrono_literals;
using asio::ip::udp;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kPushPullPatience = 3000ms;
constexpr auto kJoinPauseMin = 100ms;
constexpr auto kJoinPauseMax = 2000ms;
constexpr auto kJoinLogEvery = 10s;
constexpr auto kResolveEvery = 60s;
constexpr std::size_t kStrangersMax = 1024;
constexpr auto kCallPatience = 1500ms;
constexpr int kCallsMax = 8;
// A leap above so many is no refutation: the number is of another process with this node's key.
constexpr std::uint64_t kRefutationsAtMost = 1U << 10;
constexpr std::uint64_t kSaidByTwinAtMost = 1U << 24;  // datagrams; 16 seconds of incarnations
constexpr std::size_t kPushPullsMax = 8;               // that this node has under way
constexpr int kPagesMax = 64;                          // of one push/pull

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return HostPort{.host = std::move(host), .port = address.substr(colon + 1)};
}

std::optional<udp::endpoint> numeric_endpoint(const HostPort& at) {
  boost::system::error_code ec;
  const auto host = asio::ip::make_address(at.host, ec);
  std::uint16_t port = 0;
  const char* end = at.port.data() + at.port.size();
  const auto [stop, fault] = std::from_chars(at.port.data(), end, port);
  if (ec || fault != std::errc{} || stop != end || port == 0) return std::nullopt;
  return udp::endpoint{host, port};
}

}  // namespace

struct GossipService::State : std::enable_shared_from_this<State> {
  State(udp::socket given, PeerLinks& peer_links, const Trust& given_trust, GossipOptions options)
      : socket(std::move(given)),
        links(peer_links),
        trust(given_trust),
        swarm(options.swarm),
        recovery_epoch(options.recovery_epoch),
        seal(trust.self(), options.incarnation),
        timer(socket.get_executor()),
        join_timer(socket.get_executor()),
        settle_timer(socket.get_executor()),
        seeds(options.seeds),
        self(trust.self().node()),
        log("gossip", self.hex().substr(0, 8)),
        core(SwimConfig{.self = self,
                        .key = trust.self().key(),
                        .swarm = options.swarm,
                        .facts = std::move(options.facts),
                        .seeds = std::move(options.seeds),
                        .incarnation = options.incarnation,
                        .seed = options.seed,
                        .timings = options.timings},
             mono_now()),
        highest_incarnation(options.incarnation) {
    remember({});
    renew_keys();
  }

  struct Resolved {
    std::optional<udp::endpoint> endpoint;
    MonoTime asked_at{0};
  };

  static asio::awaitable<void> receive_all(std::shared_ptr<State> state);
  static asio::awaitable<void> tick_all(std::shared_ptr<State> state);
  static asio::awaitable<void> join(std::shared_ptr<State> state);
  static asio::awaitable<void> repair(std::shared_ptr<State> state, std::string address);
  static asio::awaitable<void> ask_for_life(std::shared_ptr<State> state, SwimCall call);
  static asio::awaitable<void> resolve(std::shared_ptr<State> state, std::string address);
  static asio::awaitable<Result<NodeId>> push_pull(std::shared_ptr<State> state,
                                                   std::string address);
  static asio::awaitable<Result<Bytes>> answer(std::shared_ptr<State> state, Bytes body);

  void carry_out(const SwimEffects& effects);
  MonoTime next_deadline() const;

  void renew_keys() { seal.set_scope(swarm, recovery_epoch, trust.ring()); }

  Result<SwimMessage> open(BytesView datagram);
  NodeKey key_of(NodeId node) const;
  void send(const SwimDatagram& datagram);
  std::optional<udp::endpoint> endpoint_of(const std::string& address);
  void tell_news(MonoTime now);
  void look_whether_settled();
  Result<> take_state(const SwimState& theirs);
  Error other_swarm(SwarmId theirs) const;
  void remember(const std::vector<Member>& changed);
  void stop();

  udp::socket socket;
  PeerLinks& links;
  const Trust& trust;
  SwarmId swarm;
  std::uint64_t recovery_epoch;
  DatagramSeal seal;
  asio::steady_timer timer;
  asio::steady_timer join_timer;
  asio::steady_timer settle_timer;
  bool has_asked = false;  ///< every seed, or one that answered
  std::vector<std::string> seeds;
  NodeId self;
  Logger log;
  SwimCore core;
  std::function<void(const std::vector<Member>&)> on_change;
  MemberNews news;
  std::array<std::byte, 65536> datagram{};
  std::map<std::string, Resolved> resolved;
  std::map<NodeId, NodeKey> strangers;  ///< who spoke and is no known member (yet)
  std::set<std::string> repairing;
  int calls = 0;  ///< for a sign of life, under way
  bool stopped = false;
  std::uint64_t highest_incarnation;  ///< that this node used

  mutable std::mutex mutex;
  std::map<NodeId, Member> known;  ///< guarded by `mutex`
  std::uint64_t incarnation = 0;   ///< guarded by `mutex`
};

asio::awaitable<void> GossipService::State::receive_all(std::shared_ptr<State> state) {
  while (!state->stopped) {
    udp::endpoint from;
    const auto target = asio::buffer(state->datagram);
    const auto [ec, size] = co_await state->socket.async_receive_from(target, from, kAsTuple);
    if (state->stopped) co_return;
    if (ec) continue;  // An earlier datagram met a closed port; the probes will find out.
    const auto message = state->open(BytesView{state->datagram}.first(size));
    if (message)
      state->carry_out(state->core.receive(mono_now(), *message));
    else
      state->log.debug("ignored a datagram: {}", message.error().detail);
  }
}

asio::awaitable<void> GossipService::State::tick_all(std::shared_ptr<State> state) {
  while (!state->stopped) {
    const MonoTime now = mono_now();
    state->tell_news(now);
    if (now >= state->core.next_deadline()) {
      state->carry_out(state->core.tick(now));
      continue;
    }
    state->timer.expires_after(state->next_deadline() - now);
    co_await state->timer.async_wait(kAsTuple);
  }
}

asio::awaitable<void> GossipService::State::join(std::shared_ptr<State> state) {
  auto pause = kJoinPauseMin;
  MonoTime log_at = mono_now();
  std::vector<std::string> seeds = state->seeds;
  while (!state->stopped && !seeds.empty()) {
    for (const std::string& seed : std::vector<std::string>{seeds}) {
      const auto joined = co_await push_pull(state, seed);
      if (state->stopped) co_return;
      if (joined && *joined == state->self) {
        std::erase(seeds, seed);
        continue;
      }
      if (joined) {
        state->log.info("met the swarm at {}", seed);
        state->has_asked = true;
        state->look_whether_settled();
        co_return;
      }
      if (mono_now() < log_at) continue;
      log_at = mono_now() + kJoinLogEvery;
      state->log.info("no member answers at {} ({}); still trying", seed, joined.error().detail);
    }
    state->has_asked = true;
    state->look_whether_settled();
    state->join_timer.expires_after(pause);
    co_await state->join_timer.async_wait(kAsTuple);
    pause = std::min(pause * 2, kJoinPauseMax);
  }
  state->has_asked = true;  // Every seed is this node itself.
  state->look_whether_settled();
}

asio::awaitable<void> GossipService::State::repair(std::shared_ptr<State> state,
                                                   std::string address) {
  const auto done = co_await push_pull(state, address);
  state->repairing.erase(address);
  state->look_whether_settled();
  if (!done) state->log.debug("no exchange with {}: {}", address, done.error().detail);
}

/// Whoever is there says who it is: the address may be another node's by now.
asio::awaitable<void> GossipService::State::ask_for_life(std::shared_ptr<State> state,
                                                         SwimCall call) {
  ++state->calls;
  Bytes nothing;
  const auto answer = co_await state->links.call(
      call.address, Channel::membership, std::move(nothing), kCallPatience);
  --state->calls;
  if (state->stopped || !answer) co_return;
  if (std::ranges::equal(*answer, view_of(call.to.bytes)))
    state->carry_out(state->core.take_call_answer(mono_now(), call));
}

asio::awaitable<Result<NodeId>> GossipService::State::push_pull(std::shared_ptr<State> state,
                                                                std::string address) {
  NodeId after;
  for (int page = 0; page < kPagesMax; ++page) {
    Bytes ours = encode_swim_state(state->core.page(after));
    const auto body = co_await state->links.call(
        address, Channel::membership, std::move(ours), kPushPullPatience);
    if (!body) co_return body.error();
    if (state->stopped) co_return Error{Errc::unavailable, "this node is stopping"};
    const auto theirs = decode_swim_state(*body);
    if (!theirs) co_return theirs.error();
    const auto taken = state->take_state(*theirs);
    if (!taken) co_return taken.error();
    if (theirs->upto <= after) co_return theirs->from;  // That was the last page.
    after = theirs->upto;
  }
  co_return Error{Errc::too_large, fmt::format("{} knows too many members", address)};
}

asio::awaitable<Result<Bytes>> GossipService::State::answer(std::shared_ptr<State> state,
                                                            Bytes body) {
  if (state->stopped) co_return Error{Errc::unavailable, "this node is stopping"};
  if (body.empty()) {  // a call for a sign of life
    append(body, view_of(state->self.bytes));
    co_return body;
  }
  const auto theirs = decode_swim_state(body);
  if (!theirs) co_return theirs.error();
  if (theirs->swarm != state->swarm) co_return state->other_swarm(theirs->swarm);
  const SwimState ours = state->core.answer_to(*theirs);
  state->carry_out(state->core.merge(mono_now(), theirs->members));
  co_return encode_swim_state(ours);
}

Error GossipService::State::other_swarm(SwarmId theirs) const {
  return {Errc::conflict,
          fmt::format("one node belongs to swarm {}, the other to {}", theirs.hex(), swarm.hex())};
}

Result<> GossipService::State::take_state(const SwimState& theirs) {
  if (theirs.from == self) return {};
  if (theirs.swarm != swarm) return other_swarm(theirs.swarm);
  carry_out(core.merge(mono_now(), theirs.members));
  return {};
}

/// Errors: as those of `DatagramSeal::open` and of the decoder, `unauthorized` if the sender was
/// removed or speaks in another's name.
Result<SwimMessage> GossipService::State::open(BytesView bytes) {
  auto opened = seal.open(bytes);
  if (!opened) return opened.error();
  auto message = decode_swim_message(opened->content);
  if (!message) return message.error();
  if (message->from != node_id_of(opened->from))
    return Error{Errc::unauthorized, "a member speaks in another's name"};
  if (trust.standing(opened->from.public_key) == Standing::removed)
    return Error{Errc::unauthorized, "a removed member speaks"};
  if (strangers.size() >= kStrangersMax) strangers.clear();
  if (!core.member(message->from)) strangers[message->from] = opened->from;
  return message;
}

NodeKey GossipService::State::key_of(NodeId node) const {
  const auto member = core.member(node);
  if (member && !member->key.is_none()) return member->key;
  const auto stranger = strangers.find(node);
  return stranger == strangers.end() ? NodeKey{} : stranger->second;
}

void GossipService::State::carry_out(const SwimEffects& effects) {
  for (const auto& datagram_out : effects.send)
    send(datagram_out);
  for (const auto& call : effects.call) {
    if (calls < kCallsMax) spawn(socket.get_executor(), ask_for_life(shared_from_this(), call));
  }
  for (const auto& address : effects.push_pull) {
    if (repairing.size() >= kPushPullsMax || !repairing.insert(address).second) continue;
    spawn(socket.get_executor(), repair(shared_from_this(), address));
  }
  remember(effects.changed);
  // Whoever else spoke as this node began at that incarnation, and may have said a lot since.
  if (core.incarnation() > highest_incarnation + kRefutationsAtMost)
    seal.begin_above(core.incarnation() + kSaidByTwinAtMost);
  highest_incarnation = core.incarnation();
  news.take(mono_now(), effects.changed);
  for (const Member& member : effects.changed) {
    log.debug("{} ({}) at {} is {} incarnation={}",
              member.facts.name,
              member.id.hex(),
              member.facts.address,
              to_string(member.state),
              member.incarnation);
  }
  const MonoTime now = mono_now();
  const MonoTime due = std::max(next_deadline(), now);
  if (timer.expiry() > std::chrono::steady_clock::now() + (due - now)) timer.cancel();
}

MonoTime GossipService::State::next_deadline() const {
  const auto due = news.due();
  return due ? std::min(*due, core.next_deadline()) : core.next_deadline();
}

void GossipService::State::tell_news(MonoTime now) {
  const auto due = news.due();
  if (!due || now < *due) return;
  const auto told = news.tell();
  if (on_change) on_change(told);
}

void GossipService::State::look_whether_settled() {
  if (has_asked && repairing.empty()) settle_timer.cancel();
}

void GossipService::State::send(const SwimDatagram& datagram_out) {
  const auto endpoint = endpoint_of(datagram_out.address);
  if (!endpoint) return;
  // To whom there is no key nothing can be said; a push/pull will bring it.
  const auto sealed = seal.seal(key_of(datagram_out.to), encode_swim_message(datagram_out.message));
  if (!sealed) return;
  boost::system::error_code lost;  // A datagram may always be lost.
  socket.send_to(asio::buffer(*sealed), *endpoint, 0, lost);
}

std::optional<udp::endpoint> GossipService::State::endpoint_of(const std::string& address) {
  const auto at = split_address(address);
  if (!at) return std::nullopt;
  const auto numeric = numeric_endpoint(*at);
  if (numeric) return numeric;
  Resolved& entry = resolved[address];
  if (entry.asked_at == MonoTime{0} || mono_now() - entry.asked_at > kResolveEvery) {
    entry.asked_at = mono_now();
    spawn(socket.get_executor(), resolve(shared_from_this(), address));
  }
  return entry.endpoint;
}

asio::awaitable<void> GossipService::State::resolve(std::shared_ptr<State> state,
                                                    std::string address) {
  const auto at = split_address(address);
  udp::resolver resolver{state->socket.get_executor()};
  const auto [ec, found] = co_await resolver.async_resolve(at->host, at->port, kAsTuple);
  if (ec)
    state->log.warn("cannot find the address of {}: {}", address, ec.message());
  else if (!found.empty())
    state->resolved[address].endpoint = found.begin()->endpoint();
}

void GossipService::State::remember(const std::vector<Member>& changed) {
  const std::lock_guard lock{mutex};
  incarnation = core.incarnation();
  for (const Member& member : changed)
    known[member.id] = member;
  if (known.size() == core.size()) return;
  known.clear();  // Someone was forgotten, or this is the start.
  for (Member& member : core.members())
    known[member.id] = std::move(member);
}

void GossipService::State::stop() {
  stopped = true;
  boost::system::error_code ignored;  // It is closed either way.
  socket.close(ignored);
  timer.cancel();
  join_timer.cancel();
  settle_timer.cancel();
}

GossipService::GossipService(udp::socket socket,
                             PeerLinks& links,
                             const Trust& trust,
                             GossipOptions options)
    : state_(std::make_shared<State>(std::move(socket), links, trust, std::move(options))) {}

GossipService::~GossipService() {
  stop();
}

void GossipService::on_change(std::function<void(const std::vector<Member>&)> handler) {
  state_->on_change = std::move(handler);
}

asio::awaitable<void> GossipService::settled(std::chrono::milliseconds patience) {
  const auto state = state_;
  state->settle_timer.expires_after(patience);
  const bool has_nobody = state->seeds.empty();
  const bool is_settled = has_nobody || (state->has_asked && state->repairing.empty());
  if (!is_settled && !state->stopped) co_await state->settle_timer.async_wait(kAsTuple);
}

void GossipService::start() {
  boost::system::error_code ignored;  // Else a full buffer waits a moment instead of dropping.
  state_->socket.non_blocking(true, ignored);
  const auto state = state_;
  state_->links.on_request(Channel::membership, [state](NodeId, Bytes body) {
    return State::answer(state, std::move(body));
  });
  const auto executor = state_->socket.get_executor();
  spawn(executor, State::receive_all(state_));
  spawn(executor, State::tick_all(state_));
  spawn(executor, State::join(state_));
}

void GossipService::expel(NodeId node) {
  state_->carry_out(state_->core.expel(mono_now(), node));
}

void GossipService::renew_keys() {
  state_->renew_keys();
}

void GossipService::set_facts(MemberFacts facts) {
  const std::string fault = fault_of(facts);
  if (!fault.empty()) {
    state_->log.error("this node's facts are not published: {}", fault);
    return;
  }
  state_->core.set_facts(std::move(facts));
  state_->timer.cancel();
}

std::vector<Member> GossipService::members() const {
  const std::lock_guard lock{state_->mutex};
  std::vector<Member> all;
  for (const auto& [id, member] : state_->known)
    all.push_back(member);
  return all;
}

std::optional<Member> GossipService::member(NodeId id) const {
  const std::lock_guard lock{state_->mutex};
  const auto found = state_->known.find(id);
  if (found == state_->known.end()) return std::nullopt;
  return found->second;
}

std::optional<MonoTime> GossipService::round_trip(NodeId id) const {
  return state_->core.round_trip(id);
}

std::uint64_t GossipService::incarnation() const {
  const std::lock_guard lock{state_->mutex};
  return state_->incarnation;
}

void GossipService::stop() {
  state_->stop();
}

}  // namespace starling::node
