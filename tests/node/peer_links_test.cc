#include "node/net/peer_links.h"

#include "node/net/frame.h"
#include "node/net/peer_envelope.h"
#include "tests/node/loop.h"
#include "tests/support/test_ids.h"
#include "tests/support/test_trust.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <memory>
#include <vector>

namespace starling::node {
namespace {

using tests::swarm_number;
using tests::trust_of;

using namespace std::chrono_literals;
using tests::address_of;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

struct Peer {
  Peer(tests::Loop& loop, std::uint8_t name, std::uint8_t swarm, PeerLinksLimits limits = {})
      : trust(trust_of(name)) {
    auto listener = loop.listen();
    address = address_of(listener);
    links = std::make_unique<PeerLinks>(std::move(listener), *trust, limits);
    if (swarm != 0) links->set_swarm(swarm_number(swarm));
  }

  std::string address;
  std::unique_ptr<Trust> trust;
  std::unique_ptr<PeerLinks> links;
};

asio::awaitable<Result<Bytes>> echo(NodeId from, Bytes body) {
  std::string text = std::to_string(tests::number_of(from)) + " says " + std::string{as_text(body)};
  co_return to_bytes(text);
}

asio::awaitable<Result<Bytes>> refuse_name(NodeId, Bytes body) {
  co_return Error{Errc::conflict, "name " + std::string{as_text(body)} + " is taken"};
}

asio::awaitable<Result<Bytes>> size_only(NodeId, Bytes body) {
  co_return to_bytes(std::to_string(body.size()));
}

asio::awaitable<Result<Bytes>> never(NodeId, Bytes) {
  asio::steady_timer forever{co_await asio::this_coro::executor, 1h};
  co_await forever.async_wait(asio::use_awaitable);
  co_return Bytes{};
}

/// Where the next connection comes from.
asio::awaitable<std::string> next_caller(asio::ip::tcp::acceptor& listener) {
  const auto socket = co_await listener.async_accept(asio::use_awaitable);
  co_return socket.remote_endpoint().address().to_string();
}

class PeerLinksTest : public testing::Test {
 protected:
  Result<Bytes> call(Peer& from,
                     const std::string& address,
                     Channel channel,
                     std::string_view text,
                     std::chrono::milliseconds patience = 5s) {
    return loop_.await(from.links->call(address, channel, to_bytes(text), patience));
  }

  tests::Loop loop_;
};

TEST_F(PeerLinksTest, a_call_gets_its_answer_and_the_handler_knows_who_asks) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  const auto answer = call(a, b.address, Channel::ledger, "hello");
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(as_text(*answer), "1 says hello");
}

TEST_F(PeerLinksTest, connections_leave_from_the_address_that_is_listened_on) {
  for (const char* own : {"127.0.0.7", "127.0.0.1"}) {
    asio::ip::tcp::acceptor peer = loop_.listen();
    asio::ip::tcp::acceptor listener{loop_.io(), {asio::ip::make_address(own), 0}};
    const auto trust = trust_of(1);
    PeerLinks links{std::move(listener), *trust, {}};
    links.send(address_of(peer), Channel::raft, to_bytes("x"));
    EXPECT_EQ(loop_.await(next_caller(peer)), own);
  }
}

TEST_F(PeerLinksTest, a_node_that_listens_everywhere_lets_the_system_choose) {
  asio::ip::tcp::acceptor peer = loop_.listen();
  asio::ip::tcp::acceptor listener{loop_.io(), {asio::ip::address_v4::any(), 0}};
  const auto trust = trust_of(1);
  PeerLinks links{std::move(listener), *trust, {}};
  links.send(address_of(peer), Channel::raft, to_bytes("x"));
  EXPECT_EQ(loop_.await(next_caller(peer)), "127.0.0.1");
}

TEST_F(PeerLinksTest, an_error_of_the_handler_comes_back_as_it_is) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, refuse_name);
  b.links->start();
  const auto answer = call(a, b.address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error(), (Error{Errc::conflict, "name x is taken"}));
}

TEST_F(PeerLinksTest, messages_arrive_in_order_over_one_connection) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  std::vector<std::string> seen;
  b.links->on_message(Channel::raft,
                      [&seen](NodeId, Bytes body) { seen.emplace_back(as_text(body)); });
  b.links->start();
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::to_string(i));
    a.links->send(b.address, Channel::raft, to_bytes(sent.back()));
  }
  EXPECT_TRUE(loop_.run_until([&] { return seen.size() == sent.size(); }));
  EXPECT_EQ(seen, sent);
}

TEST_F(PeerLinksTest, another_swarm_is_refused_with_a_sentence) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 8};
  bool heard = false;
  b.links->on_message(Channel::raft, [&heard](NodeId, Bytes) { heard = true; });
  b.links->on_request(Channel::membership, echo);
  b.links->start();
  a.links->send(b.address, Channel::raft, to_bytes("x"));
  const auto answer = call(a, b.address, Channel::membership, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_NE(answer.error().detail.find("belongs to swarm 00000000000000000000000000000008"),
            std::string::npos)
      << answer.error().detail;
  EXPECT_FALSE(heard);
}

TEST_F(PeerLinksTest, a_node_without_a_swarm_may_only_ask_to_be_let_in_until_it_joins) {
  Peer a{loop_, 1, 0};
  Peer b{loop_, 2, 7};
  b.links->on_admission([](const PeerCaller& caller, Bytes body) {
    return echo(node_id_of(caller.key), std::move(body));
  });
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  EXPECT_TRUE(call(a, b.address, Channel::admission, "x"));
  const auto early = call(a, b.address, Channel::ledger, "x");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Errc::unavailable);
  EXPECT_EQ(early.error().detail, "you have not joined this swarm yet");

  a.links->set_swarm(swarm_number(7));
  EXPECT_TRUE(call(a, b.address, Channel::ledger, "x"));
}

TEST_F(PeerLinksTest, nobody_listening_is_unavailable_and_names_the_address) {
  Peer a{loop_, 1, 7};
  std::string address;
  {
    const auto listener = loop_.listen();
    address = address_of(listener);
  }
  const auto answer = call(a, address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_EQ(answer.error().detail, "cannot connect to " + address + ": Connection refused");
}

TEST_F(PeerLinksTest, a_peer_that_dies_in_mid_call_leaves_the_outcome_unknown) {
  Peer a{loop_, 1, 7};
  auto b = std::make_unique<Peer>(loop_, std::uint8_t{2}, std::uint8_t{7});
  b->links->on_request(Channel::ledger, never);
  bool asked = false;
  b->links->on_message(Channel::raft, [&asked](NodeId, Bytes) { asked = true; });
  b->links->start();
  std::optional<Result<Bytes>> answer;
  asio::co_spawn(loop_.io(),
                 a.links->call(b->address, Channel::ledger, to_bytes("x"), 1h),
                 [&answer](std::exception_ptr, Result<Bytes> result) { answer = result; });
  loop_.io().poll();
  a.links->send(b->address, Channel::raft, to_bytes("the request is before this"));
  ASSERT_TRUE(loop_.run_until([&] { return asked; }));
  EXPECT_FALSE(answer);

  b->links->stop();
  ASSERT_TRUE(loop_.run_until([&] { return answer.has_value(); }));
  ASSERT_FALSE(*answer);
  EXPECT_EQ(answer->error().code, Errc::timed_out);
}

TEST_F(PeerLinksTest, patience_ends_a_call_that_is_never_answered) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, never);
  b.links->start();
  const auto answer = call(a, b.address, Channel::ledger, "x", 50ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::timed_out);
}

TEST_F(PeerLinksTest, the_next_send_connects_again) {
  Peer a{loop_, 1, 7};
  auto listener = loop_.listen();
  const auto endpoint = listener.local_endpoint();
  const std::string address = address_of(listener);
  const auto trust = trust_of(2);
  auto first = std::make_unique<PeerLinks>(std::move(listener), *trust, PeerLinksLimits{});
  first->set_swarm(swarm_number(7));
  first->on_request(Channel::ledger, echo);
  first->start();
  ASSERT_TRUE(call(a, address, Channel::ledger, "x"));
  first.reset();

  asio::ip::tcp::acceptor again{loop_.io(), endpoint};
  PeerLinks second{std::move(again), *trust, PeerLinksLimits{}};
  second.set_swarm(swarm_number(7));
  second.on_request(Channel::ledger, echo);
  second.start();
  EXPECT_TRUE(loop_.run_until([&] { return bool{call(a, address, Channel::ledger, "x")}; }));
}

TEST_F(PeerLinksTest, a_full_queue_drops_messages_and_refuses_calls) {
  Peer a{loop_, 1, 7, {.queued_bytes_max = 10000}};
  Peer b{loop_, 2, 7};
  int seen = 0;
  b.links->on_message(Channel::raft, [&seen](NodeId, Bytes) { ++seen; });
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  for (int i = 0; i < 100; ++i)  // Nothing is written before the loop runs.
    a.links->send(b.address, Channel::raft, Bytes(1000));
  const auto refused = call(a, b.address, Channel::ledger, std::string(1000, 'x'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unavailable);
  ASSERT_TRUE(loop_.run_until([&] { return seen > 0; }));
  EXPECT_TRUE(call(a, b.address, Channel::ledger, "behind all messages"));
  EXPECT_EQ(seen, 9);
}

TEST_F(PeerLinksTest, sixteen_mebibytes_pass_and_one_byte_more_is_refused) {
  constexpr std::size_t kMost = kFramePayloadBytesMax - kEnvelopeBytes;
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::snapshot, size_only);
  b.links->start();
  const auto most = call(a, b.address, Channel::snapshot, std::string(kMost, 'x'));
  ASSERT_TRUE(most) << most.error().detail;
  EXPECT_EQ(as_text(*most), std::to_string(kMost));
  const auto more = call(a, b.address, Channel::snapshot, std::string(kMost + 1, 'x'));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Errc::too_large);
}

TEST_F(PeerLinksTest, garbage_closes_the_connection) {
  Peer b{loop_, 2, 7};
  b.links->start();
  asio::ip::tcp::socket socket{loop_.io()};
  const auto colon = b.address.find(':');
  const auto port = static_cast<std::uint16_t>(std::stoi(b.address.substr(colon + 1)));
  socket.connect({asio::ip::address_v4::loopback(), port});
  const Bytes garbage(64, std::byte{0xff});
  asio::write(socket, asio::buffer(garbage));
  bool closed = false;
  std::array<char, 16> answer{};
  socket.async_read_some(
      asio::buffer(answer),
      [&closed](boost::system::error_code ec, std::size_t) { closed = bool{ec}; });
  EXPECT_TRUE(loop_.run_until([&] { return closed; }));
}

/// Between a caller and a peer: hands bytes on both ways, until it is deaf and swallows them.
struct Relay {
  Relay(tests::Loop& loop, const std::string& to) : listener(loop.listen()), peer(loop.io()) {
    address = address_of(listener);
    const auto port = static_cast<std::uint16_t>(std::stoi(to.substr(to.find(':') + 1)));
    peer.connect({asio::ip::address_v4::loopback(), port});
    asio::co_spawn(loop.io(), run(), asio::detached);
  }

  asio::awaitable<void> run() {
    caller.emplace(co_await listener.async_accept(asio::use_awaitable));
    asio::co_spawn(listener.get_executor(), hand_on(*caller, peer), asio::detached);
    co_await hand_on(peer, *caller);
  }

  asio::awaitable<void> hand_on(asio::ip::tcp::socket& from, asio::ip::tcp::socket& to) {
    std::array<char, 4096> bytes{};
    const auto all = asio::buffer(bytes);
    for (;;) {
      const auto [ended, size] = co_await from.async_read_some(all, kAsTuple);
      is_ended = is_ended || ended;
      boost::system::error_code ignored;
      if (ended) to.close(ignored);
      if (ended) co_return;
      taken += size;
      if (is_deaf) continue;
      const auto part = asio::buffer(bytes, size);
      co_await asio::async_write(to, part, kAsTuple);
    }
  }

  asio::ip::tcp::acceptor listener;
  asio::ip::tcp::socket peer;
  std::optional<asio::ip::tcp::socket> caller;
  std::string address;
  std::size_t taken = 0;
  bool is_deaf = false;
  bool is_ended = false;
};

TEST_F(PeerLinksTest, a_peer_that_takes_everything_and_says_nothing_is_given_up) {
  Peer a{loop_, 1, 7, {.answer_patience = 100ms}};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  Relay relay{loop_, b.address};
  ASSERT_TRUE(call(a, relay.address, Channel::ledger, "x"));
  relay.is_deaf = true;
  const auto answer = call(a, relay.address, Channel::ledger, "x", 50s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::timed_out);
  EXPECT_NE(answer.error().detail.find("has not answered for 1"), std::string::npos)
      << answer.error().detail;
}

TEST_F(PeerLinksTest, a_peer_that_does_not_answer_the_handshake_is_given_up_and_did_nothing) {
  Peer a{loop_, 1, 7, {.handshake_patience = 100ms}};
  Peer b{loop_, 2, 7};
  b.links->start();
  Relay relay{loop_, b.address};
  relay.is_deaf = true;
  const auto answer = call(a, relay.address, Channel::ledger, "x", 50s);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_NE(answer.error().detail.find("did not finish the handshake within 100 ms"),
            std::string::npos)
      << answer.error().detail;
}

TEST_F(PeerLinksTest, who_connects_and_says_nothing_is_not_waited_for) {
  Peer b{loop_, 2, 7, {.strangers_max = 2, .handshake_patience = 100ms}};
  b.links->start();
  const auto port =
      static_cast<std::uint16_t>(std::stoi(b.address.substr(b.address.find(':') + 1)));
  std::vector<asio::ip::tcp::socket> silent;
  std::vector<bool> ended(3);
  std::array<char, 1> byte{};
  for (std::size_t i = 0; i < ended.size(); ++i) {
    silent.emplace_back(loop_.io()).connect({asio::ip::address_v4::loopback(), port});
    silent[i].async_read_some(asio::buffer(byte), [&ended, i](boost::system::error_code ec, auto) {
      ended[i] = bool{ec};
    });
  }
  EXPECT_TRUE(loop_.run_until([&] { return ended[2]; })) << "above the limit: at once";
  EXPECT_TRUE(loop_.run_until([&] { return ended[0] && ended[1]; }));
}

TEST_F(PeerLinksTest, who_knows_another_secret_is_not_answered_and_learns_nothing) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  a.trust->set_ring(tests::ring_of(98));
  bool heard = false;
  b.links->on_message(Channel::raft, [&heard](NodeId, Bytes) { heard = true; });
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  Relay relay{loop_, b.address};
  a.links->send(relay.address, Channel::raft, to_bytes("x"));
  const auto answer = call(a, relay.address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_NE(answer.error().detail.find("does not know the same secret"), std::string::npos);
  EXPECT_FALSE(heard);
  EXPECT_EQ(relay.taken, 80U) << "only what was asked went over the wire, no byte came back";
}

/// The other side knows a key that was given to this node by hand, which proves little once the
/// swarm has another.
TEST_F(PeerLinksTest, by_a_key_that_is_not_the_swarms_only_admission_is_asked_for) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  a.trust->set_ring(tests::ring_of(98));
  a.trust->set_given(tests::ring_of(99));
  bool heard = false;
  b.links->on_message(Channel::raft, [&heard](NodeId, Bytes) { heard = true; });
  b.links->on_request(Channel::ledger, echo);
  b.links->on_admission([](const PeerCaller& caller, Bytes body) {
    return echo(node_id_of(caller.key), std::move(body));
  });
  b.links->start();
  EXPECT_FALSE(call(a, b.address, Channel::admission, "x")) << "the first key is refused";
  EXPECT_TRUE(call(a, b.address, Channel::admission, "x"));
  a.links->send(b.address, Channel::raft, to_bytes("x"));
  const auto answer = call(a, b.address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unavailable);
  EXPECT_FALSE(heard);
}

TEST_F(PeerLinksTest, a_removed_member_is_told_so_and_what_is_open_is_closed) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  bool is_removed = false;
  b.trust->set_standing([&is_removed](const PublicKey& key) {
    const bool is_a = key == tests::keyed_secret(1).key().public_key;
    return is_a && is_removed ? Standing::removed : Standing::member;
  });
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  Relay relay{loop_, b.address};
  ASSERT_TRUE(call(a, relay.address, Channel::ledger, "x"));
  is_removed = true;
  b.links->drop_distrusted();
  EXPECT_TRUE(loop_.run_until([&] { return relay.is_ended; }));
  const auto answer = call(a, b.address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().detail.find("was removed from the swarm"), std::string::npos)
      << answer.error().detail;
}

TEST_F(PeerLinksTest, two_recovery_epochs_do_not_talk) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  b.links->set_swarm(swarm_number(7), 1);
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  const auto answer = call(a, b.address, Channel::ledger, "x");
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().detail.find("recovery epoch 1"), std::string::npos)
      << answer.error().detail;
}

TEST_F(PeerLinksTest, a_node_recognises_itself_and_others) {
  Peer a{loop_, 1, 7};
  Peer b{loop_, 2, 7};
  a.links->start();
  b.links->start();
  EXPECT_EQ(loop_.await(a.links->who_is(a.address)).value().boot, a.links->hello().boot);
  const Hello other = loop_.await(a.links->who_is(b.address)).value();
  EXPECT_EQ(other.boot, b.links->hello().boot);
  EXPECT_EQ(other.node, b.links->hello().node);
  EXPECT_NE(a.links->hello().boot, b.links->hello().boot);
}

TEST_F(PeerLinksTest, a_peer_that_works_long_on_a_call_is_not_given_up) {
  Peer a{loop_, 1, 7, {.answer_patience = 100ms}};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, never);
  b.links->start();
  const auto answer = call(a, b.address, Channel::ledger, "x", 1s);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().detail.find("within 1000 ms"), std::string::npos)
      << answer.error().detail;
}

TEST_F(PeerLinksTest, idle_connections_close_and_come_back) {
  Peer a{loop_, 1, 7, {.idle_patience = 20ms}};
  Peer b{loop_, 2, 7};
  b.links->on_request(Channel::ledger, echo);
  b.links->start();
  Relay relay{loop_, b.address};
  EXPECT_TRUE(call(a, relay.address, Channel::ledger, "x"));
  EXPECT_TRUE(loop_.run_until([&] { return relay.is_ended; }));
  EXPECT_TRUE(call(a, b.address, Channel::ledger, "x"));
}

}  // namespace
}  // namespace starling::node
