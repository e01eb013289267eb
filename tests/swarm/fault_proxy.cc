#include "tests/swarm/fault_proxy.h"

#include "node/base/random.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace starling::tests {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kChunkBytes = 64 * 1024;
constexpr unsigned kFirstHome = 11;  // 127.0.0.11 is node 0
constexpr int kPortTries = 50;

/// TCP and UDP on one port of the system's choice.
struct Front {
  Front(asio::io_context& context) : acceptor(context), datagrams(context) {
    for (int i = 0; i < kPortTries; ++i) {
      acceptor = tcp::acceptor{context, {asio::ip::address_v4::loopback(), 0}};
      error_code taken;
      datagrams = udp::socket{context, udp::v4()};
      datagrams.bind({asio::ip::address_v4::loopback(), acceptor.local_endpoint().port()}, taken);
      if (!taken) return;
    }
    throw std::runtime_error{"no port is free for TCP and UDP alike"};
  }

  tcp::acceptor acceptor;
  udp::socket datagrams;
  tcp::endpoint target;  ///< port 0: not known yet
};

/// One connection from node to node and what lies in it.
struct Relay {
  Relay(tcp::socket caller, std::size_t from_node, std::size_t to_node)
      : near(std::move(caller)), far(near.get_executor()), from(from_node), to(to_node) {}

  void close() {
    error_code ignored;  // It may be closed already.
    near.close(ignored);
    far.close(ignored);
  }

  tcp::socket near;
  tcp::socket far;
  std::size_t from;
  std::size_t to;
};

}  // namespace

struct FaultProxy::State {
  State(std::size_t count, std::uint64_t seed)
      : nodes(count), changed(context), random(seed), rules((count + 1) * (count + 1)) {
    changed.expires_at(asio::steady_timer::time_point::max());
    for (std::size_t i = 0; i < count; ++i)
      fronts.push_back(std::make_unique<Front>(context));
  }

  /// The node that calls from there; `nodes` if it is none of them.
  std::size_t node_at(const asio::ip::address& address) const {
    const auto last = address.to_v4().to_uint() & 0xff;
    const bool is_home = last >= kFirstHome && last < kFirstHome + nodes;
    return is_home ? last - kFirstHome : nodes;
  }

  LinkRule& rule(std::size_t from, std::size_t to) { return rules[from * (nodes + 1) + to]; }

  asio::awaitable<void> accept_all(std::size_t node);
  asio::awaitable<void> run(std::shared_ptr<Relay> relay);
  asio::awaitable<bool> is_let_through(std::shared_ptr<Relay> relay,
                                       std::size_t from,
                                       std::size_t to);
  asio::awaitable<void> pump(std::shared_ptr<Relay> relay, bool is_forward);
  asio::awaitable<void> receive_all(std::size_t node);
  asio::awaitable<void> deliver(std::size_t node,
                                std::shared_ptr<std::string> datagram,
                                std::chrono::milliseconds delay);
  void end_refused();
  void notify();

  /// Done on the proxy's thread when it returns: what comes afterwards meets the change.
  template <class Change>
  void change(const Change& make) {
    std::promise<void> done;
    asio::post(context, [&] {
      make();
      notify();
      done.set_value();
    });
    done.get_future().wait();
  }

  const std::size_t nodes;
  asio::io_context context;
  asio::steady_timer changed;  ///< cancelled whenever a rule changes
  Random random;
  std::vector<LinkRule> rules;
  std::vector<std::unique_ptr<Front>> fronts;
  std::set<std::shared_ptr<Relay>> relays;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> datagrams = 0;
  std::atomic<std::uint64_t> datagrams_lost = 0;
  std::atomic<std::uint64_t> chunks_held = 0;
  std::atomic<std::uint64_t> connections_ended = 0;
  std::thread thread;
};

asio::awaitable<void> FaultProxy::State::accept_all(std::size_t node) {
  for (;;) {
    auto [failed, socket] = co_await fronts[node]->acceptor.async_accept(kAsTuple);
    if (failed == asio::error::operation_aborted) co_return;
    if (failed) continue;
    error_code gone;  // The caller may have left again.
    const auto caller = socket.remote_endpoint(gone);
    if (gone) continue;
    const auto relay = std::make_shared<Relay>(std::move(socket), node_at(caller.address()), node);
    relays.insert(relay);
    node::spawn(context.get_executor(), run(relay));
  }
}

asio::awaitable<void> FaultProxy::State::run(std::shared_ptr<Relay> relay) {
  // A handshake needs both directions.
  const bool calls = co_await is_let_through(relay, relay->from, relay->to);
  const bool is_answered = calls && co_await is_let_through(relay, relay->to, relay->from);
  const auto target = fronts[relay->to]->target;
  error_code failed = asio::error::connection_refused;
  if (is_answered && target.port() != 0) {
    const auto [connecting] = co_await relay->far.async_connect(target, kAsTuple);
    failed = connecting;
  }
  if (failed) {
    relay->close();
    relays.erase(relay);
    co_return;
  }
  error_code ignored;  // Costs speed only.
  relay->near.set_option(tcp::no_delay{true}, ignored);
  relay->far.set_option(tcp::no_delay{true}, ignored);
  node::spawn(context.get_executor(), pump(relay, true));
  node::spawn(context.get_executor(), pump(relay, false));
}

/// Returns when the link is open; false if the connection is broken instead.
asio::awaitable<bool> FaultProxy::State::is_let_through(std::shared_ptr<Relay> relay,
                                                        std::size_t from,
                                                        std::size_t to) {
  if (rule(from, to).way == LinkRule::Way::hold) ++chunks_held;
  while (rule(from, to).way == LinkRule::Way::hold && relay->near.is_open())
    co_await changed.async_wait(kAsTuple);
  co_return rule(from, to).way == LinkRule::Way::open && relay->near.is_open();
}

asio::awaitable<void> FaultProxy::State::pump(std::shared_ptr<Relay> relay, bool is_forward) {
  tcp::socket& in = is_forward ? relay->near : relay->far;
  tcp::socket& out = is_forward ? relay->far : relay->near;
  const std::size_t from = is_forward ? relay->from : relay->to;
  const std::size_t to = is_forward ? relay->to : relay->from;
  std::vector<char> chunk(kChunkBytes);
  asio::steady_timer alarm{context};
  for (;;) {
    const auto [failed, size] = co_await in.async_read_some(asio::buffer(chunk), kAsTuple);
    if (failed) break;
    if (!co_await is_let_through(relay, from, to)) break;
    if (rule(from, to).delay.count() > 0) {
      alarm.expires_after(rule(from, to).delay);
      co_await alarm.async_wait(kAsTuple);
    }
    const auto [lost, written] =
        co_await asio::async_write(out, asio::buffer(chunk.data(), size), kAsTuple);
    if (lost) break;
    bytes += written;
  }
  relay->close();
  relays.erase(relay);
}

asio::awaitable<void> FaultProxy::State::receive_all(std::size_t node) {
  std::vector<char> buffer(kChunkBytes);
  for (;;) {
    udp::endpoint caller;
    const auto [failed, size] =
        co_await fronts[node]->datagrams.async_receive_from(asio::buffer(buffer), caller, kAsTuple);
    if (failed == asio::error::operation_aborted) co_return;
    if (failed) continue;  // An earlier datagram met a closed port.
    const LinkRule& link = rule(node_at(caller.address()), node);
    if (link.way != LinkRule::Way::open || random.chance(link.loss)) {
      ++datagrams_lost;
      continue;
    }
    auto datagram = std::make_shared<std::string>(buffer.data(), size);
    node::spawn(context.get_executor(), deliver(node, std::move(datagram), link.delay));
  }
}

asio::awaitable<void> FaultProxy::State::deliver(std::size_t node,
                                                 std::shared_ptr<std::string> datagram,
                                                 std::chrono::milliseconds delay) {
  if (delay.count() > 0) {
    asio::steady_timer alarm{context, delay};
    co_await alarm.async_wait(kAsTuple);
  }
  const auto target = fronts[node]->target;
  if (target.port() == 0) co_return;
  error_code lost;  // A datagram may always be lost.
  const udp::endpoint to{target.address(), target.port()};
  fronts[node]->datagrams.send_to(asio::buffer(*datagram), to, 0, lost);
  ++datagrams;
}

void FaultProxy::State::end_refused() {
  for (const auto& relay : relays) {
    const bool is_refused = rule(relay->from, relay->to).way == LinkRule::Way::refuse ||
                            rule(relay->to, relay->from).way == LinkRule::Way::refuse;
    if (!is_refused) continue;
    ++connections_ended;
    relay->close();
  }
}

void FaultProxy::State::notify() {
  end_refused();
  changed.cancel();
}

FaultProxy::FaultProxy(std::size_t nodes, std::uint64_t seed)
    : state_(std::make_unique<State>(nodes, seed)) {
  for (std::size_t i = 0; i < nodes; ++i) {
    node::spawn(state_->context.get_executor(), state_->accept_all(i));
    node::spawn(state_->context.get_executor(), state_->receive_all(i));
  }
  state_->thread = std::thread{[state = state_.get()] {
    const auto open = asio::make_work_guard(state->context);
    state->context.run();
  }};
}

FaultProxy::~FaultProxy() {
  state_->context.stop();
  state_->thread.join();
}

std::string FaultProxy::home(std::size_t node) {
  return fmt::format("127.0.0.{}:0", kFirstHome + node);
}

std::string FaultProxy::front(std::size_t node) const {
  return fmt::format("127.0.0.1:{}", state_->fronts[node]->acceptor.local_endpoint().port());
}

void FaultProxy::set_target(std::size_t node, const std::string& address) {
  const auto colon = address.rfind(':');
  const tcp::endpoint target{asio::ip::make_address(address.substr(0, colon)),
                             static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)))};
  state_->change([&] { state_->fronts[node]->target = target; });
}

void FaultProxy::set_rule(std::size_t from, std::size_t to, LinkRule rule) {
  state_->change([&] { state_->rule(from, to) = rule; });
}

void FaultProxy::heal() {
  state_->change([&] { state_->rules.assign(state_->rules.size(), LinkRule{}); });
}

FaultProxy::Counts FaultProxy::counts() const {
  return {.bytes = state_->bytes,
          .datagrams = state_->datagrams,
          .datagrams_lost = state_->datagrams_lost,
          .chunks_held = state_->chunks_held,
          .connections_ended = state_->connections_ended};
}

}  // namespace starling::tests
