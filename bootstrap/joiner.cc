#include "bootstrap/joiner.h"

#include "bootstrap/node_sockets.h"
#include "bootstrap/settings.h"
#include "node/base/clock.h"
#include "node/gossip/swim_wire.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr MonoTime kFirstComplaint = 2s;
constexpr MonoTime kComplainEvery = 10s;

}  // namespace

asio::awaitable<std::vector<std::string>> resolve_all(std::string address) {
  std::vector<std::string> all;
  const auto parsed = parse_host_port("--join", address);
  if (!parsed) co_return all;
  asio::ip::tcp::resolver resolver{co_await asio::this_coro::executor};
  const auto port = std::to_string(parsed->port);
  const auto [ec, found] = co_await resolver.async_resolve(parsed->host, port, kAsTuple);
  if (ec) co_return all;
  for (const auto& entry : found)
    all.push_back(to_text(entry.endpoint()));
  co_return all;
}

Joiner::Joiner(asio::any_io_executor core,
               node::PeerLinks& links,
               std::vector<std::string> seeds,
               std::string name,
               std::optional<SwarmId> expected,
               Logger log)
    : core_(core),
      links_(links),
      name_(std::move(name)),
      expected_(expected),
      log_(std::move(log)),
      founding_(FoundingConfig{.seeds = std::move(seeds), .self = links.hello().boot}, mono_now()),
      alarm_(core),
      complain_at_(mono_now() + kFirstComplaint) {}

asio::awaitable<Result<std::optional<node::Admitted>>> Joiner::run() {
  const auto self = shared_from_this();
  links_.on_request(node::Channel::membership,
                    [self](NodeId, Bytes state) { return self->hear(std::move(state)); });
  while (!is_stopped_) {
    const FoundingStep step = founding_.next(mono_now());
    complain();
    switch (step.kind) {
      case FoundingStep::Kind::found: co_return std::optional<node::Admitted>{};
      case FoundingStep::Kind::wait:
        alarm_.expires_after(std::max(step.at - mono_now(), MonoTime{1ms}));
        co_await alarm_.async_wait(kAsTuple);
        break;
      case FoundingStep::Kind::probe: {
        const auto answers = co_await probe(step.address);
        founding_.probed(answers);
        break;
      }
      case FoundingStep::Kind::ask: {
        auto admitted = co_await ask_admission(links_, step.address, name_);
        if (admitted && expected_ && admitted->admitted.swarm != *expected_) {
          admitted = Error{Errc::conflict,
                           fmt::format("it is of swarm {}, the join token is of swarm {}",
                                       admitted->admitted.swarm.hex(),
                                       expected_->hex())};
        }
        if (admitted) co_return std::optional<node::Admitted>{std::move(admitted->admitted)};
        founding_.asked(step.address, admitted.error());
        co_await look_for_a_swarm(step.address);
        break;
      }
    }
  }
  co_return Error{Errc::unavailable, "this node is stopping"};
}

void Joiner::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

void Joiner::complain() {
  if (mono_now() < complain_at_) return;
  complain_at_ = mono_now() + kComplainEvery;
  log_.warn("still trying: {}", founding_.why_not());
}

/// Who did not let this node in may be of a swarm all the same.
asio::awaitable<void> Joiner::look_for_a_swarm(std::string address) {
  const auto peer = co_await links_.who_is(address);
  if (peer && !peer->swarm.is_none()) founding_.heard_of_member(mono_now(), address);
}

asio::awaitable<std::vector<OwnerProbe>> Joiner::probe(std::string address) {
  std::vector<OwnerProbe> answers;
  const auto endpoints = co_await resolve_all(std::move(address));
  for (const std::string& endpoint : endpoints) {
    const auto peer = co_await links_.who_is(endpoint);
    answers.push_back({.address = endpoint, .answered = {}});
    if (peer) answers.back().answered = peer->boot;
  }
  co_return answers;
}

/// A member exchanges states with everyone; this node has none, but now knows whom to ask.
asio::awaitable<Result<Bytes>> Joiner::hear(Bytes state) {
  const Error not_joined{Errc::unavailable, "this node has not joined a swarm yet"};
  if (state.empty()) {  // a call for a sign of life: only members make those
    founding_.heard_of_swarm();
    co_return not_joined;
  }
  const auto theirs = node::decode_swim_state(state);
  if (!theirs) co_return theirs.error();
  if (!theirs->swarm.is_none() && !theirs->from_address.empty()) {
    founding_.heard_of_member(mono_now(), theirs->from_address);
    alarm_.cancel();
  }
  co_return not_joined;
}

}  // namespace starling::bootstrap
