// The spoiled network spoils what it is told to, and nothing else.
#include "tests/swarm/fault_proxy.h"

#include "tests/swarm/wait_until.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>

namespace starling::tests {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;
using Way = LinkRule::Way;

constexpr auto kPatience = 10s;

/// Nodes 0 and 1 as bare sockets: 1 listens, 0 calls.
class FaultProxyTest : public testing::Test {
 protected:
  FaultProxyTest() {
    error_code_.clear();
    const auto port = listener_.local_endpoint().port();
    datagrams_.bind({home(1), port}, error_code_);
    if (error_code_) throw std::runtime_error{error_code_.message()};
    proxy_.set_target(1, fmt::format("{}:{}", home(1).to_string(), port));
  }

  static asio::ip::address home(std::size_t node) {
    const auto text = FaultProxy::home(node);
    return asio::ip::make_address(text.substr(0, text.find(':')));
  }

  std::uint16_t front_port(std::size_t node) const {
    const auto text = proxy_.front(node);
    return static_cast<std::uint16_t>(std::stoul(text.substr(text.find(':') + 1)));
  }

  tcp::socket call() {
    tcp::socket socket{context_, tcp::v4()};
    socket.bind({home(0), 0});
    socket.connect({asio::ip::address_v4::loopback(), front_port(1)});
    return socket;
  }

  static bool has_bytes(tcp::socket& socket) {
    return wait_until(kPatience, [&] { return socket.available() > 0; });
  }

  /// True if the connection ends within the patience.
  static bool ends(tcp::socket& socket) {
    socket.non_blocking(true);
    return wait_until(kPatience, [&] {
      std::array<char, 16> piece;
      boost::system::error_code why;
      socket.read_some(asio::buffer(piece), why);
      return why && why != asio::error::would_block;
    });
  }

  boost::system::error_code error_code_;
  asio::io_context context_;
  tcp::acceptor listener_{context_, {home(1), 0}};
  udp::socket datagrams_{context_, udp::v4()};
  FaultProxy proxy_{2, 1};
};

std::string read_text(tcp::socket& socket, std::size_t size) {
  std::string text(size, '\0');
  asio::read(socket, asio::buffer(text));
  return text;
}

void write_text(tcp::socket& socket, const std::string& text) {
  asio::write(socket, asio::buffer(text));
}

TEST_F(FaultProxyTest, RelaysBothWaysUntilToldOtherwise) {
  auto caller = call();
  write_text(caller, "question");
  auto called = listener_.accept();
  EXPECT_EQ(read_text(called, 8), "question");
  write_text(called, "answer");
  EXPECT_EQ(read_text(caller, 6), "answer");
  EXPECT_TRUE(wait_until(kPatience, [&] { return proxy_.counts().bytes == 14; }));
  caller.close();
  EXPECT_TRUE(ends(called));
}

TEST_F(FaultProxyTest, AHeldDirectionKeepsBytesBackAndTheOtherOneGoesOn) {
  auto caller = call();
  write_text(caller, "1");
  auto called = listener_.accept();
  EXPECT_EQ(read_text(called, 1), "1");
  proxy_.set_rule(0, 1, {.way = Way::hold});
  write_text(caller, "2");
  ASSERT_TRUE(wait_until(kPatience, [&] { return proxy_.counts().chunks_held == 1; }));
  write_text(called, "back");
  EXPECT_EQ(read_text(caller, 4), "back");
  EXPECT_EQ(called.available(), 0U);
  proxy_.heal();
  EXPECT_EQ(read_text(called, 1), "2");
}

TEST_F(FaultProxyTest, AHeldDirectionOpensNoNewConnection) {
  for (const auto& [from, to] : {std::pair{0U, 1U}, std::pair{1U, 0U}}) {
    proxy_.set_rule(from, to, {.way = Way::hold});
    const auto held = proxy_.counts().chunks_held;
    auto caller = call();
    write_text(caller, "late");
    ASSERT_TRUE(wait_until(kPatience, [&] { return proxy_.counts().chunks_held > held; }));
    listener_.non_blocking(true);
    boost::system::error_code nobody;
    listener_.accept(nobody);
    EXPECT_EQ(nobody, asio::error::would_block);
    listener_.non_blocking(false);
    proxy_.heal();
    auto called = listener_.accept();
    EXPECT_EQ(read_text(called, 4), "late");
  }
}

TEST_F(FaultProxyTest, ARefusedDirectionBreaksConnectionsOldAndNew) {
  auto caller = call();
  auto called = listener_.accept();
  proxy_.set_rule(1, 0, {.way = Way::refuse});
  EXPECT_TRUE(ends(caller));
  EXPECT_TRUE(ends(called));
  EXPECT_EQ(proxy_.counts().connections_ended, 1U);
  auto again = call();
  EXPECT_TRUE(ends(again));
}

TEST_F(FaultProxyTest, DelayIsAtLeastWhatWasAskedFor) {
  auto caller = call();
  auto called = listener_.accept();
  proxy_.set_rule(0, 1, {.delay = 100ms});
  const auto asked = Clock::now();
  write_text(caller, "x");
  EXPECT_EQ(read_text(called, 1), "x");
  EXPECT_GE(Clock::now() - asked, 100ms);
}

TEST_F(FaultProxyTest, DatagramsAreRelayedLostOrLate) {
  udp::socket caller{context_, {home(0), 0}};
  const udp::endpoint front{asio::ip::address_v4::loopback(), front_port(1)};
  const auto send = [&](const std::string& text) { caller.send_to(asio::buffer(text), front); };
  const auto next = [&] {
    std::array<char, 64> piece;
    return std::string{piece.data(), datagrams_.receive(asio::buffer(piece))};
  };
  send("through");
  EXPECT_EQ(next(), "through");
  for (const auto& rule : {LinkRule{.way = Way::hold}, LinkRule{.loss = 1.0}}) {
    proxy_.set_rule(0, 1, rule);
    const auto lost = proxy_.counts().datagrams_lost;
    send("lost");
    ASSERT_TRUE(wait_until(kPatience, [&] { return proxy_.counts().datagrams_lost > lost; }));
  }
  EXPECT_EQ(datagrams_.available(), 0U);
  proxy_.set_rule(0, 1, {.delay = 20ms});
  const auto asked = Clock::now();
  send("late");
  EXPECT_EQ(next(), "late");
  EXPECT_GE(Clock::now() - asked, 20ms);
}

TEST_F(FaultProxyTest, StrangersPassUnharmed) {
  proxy_.set_rule(0, 1, {.way = Way::refuse});
  proxy_.set_rule(1, 0, {.way = Way::refuse});
  tcp::socket stranger{context_};
  stranger.connect({asio::ip::address_v4::loopback(), front_port(1)});
  write_text(stranger, "x");
  auto called = listener_.accept();
  EXPECT_EQ(read_text(called, 1), "x");
}

}  // namespace
}  // namespace starling::tests
