#include "node/net/frame.h"

#include "node/base/crc32c.h"
#include "node/base/random.h"
#include "node/net/peer_envelope.h"

#include <gtest/gtest.h>

#include <chrono>
#include <iostream>

namespace starling::node {
namespace {

Bytes random_bytes(Random& random, std::size_t size) {
  Bytes bytes(size);
  for (auto& byte : bytes)
    byte = static_cast<std::byte>(random.next());
  return bytes;
}

TEST(Crc32cTest, gives_the_published_value_and_continues) {
  EXPECT_EQ(crc32c(0, to_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(crc32c(0, to_bytes("12345678901")), to_bytes("23")),
            crc32c(0, to_bytes("1234567890123")));
}

TEST(Crc32cTest, is_the_same_without_the_instruction) {
  Random random{3};
  for (std::size_t size = 0; size < 100; ++size) {
    const Bytes bytes = random_bytes(random, size);
    EXPECT_EQ(crc32c(7, bytes), crc32c_by_tables(7, bytes)) << size;
  }
}

TEST(FrameTest, any_split_of_the_stream_gives_the_same_payloads) {
  Random random{1};
  for (int round = 0; round < 300; ++round) {
    std::vector<Bytes> sent;
    Bytes stream;
    for (std::uint64_t i = random.below(6); i > 0; --i) {
      sent.push_back(random_bytes(random, random.below(300)));
      const Bytes frame = encode_frame(sent.back());
      stream.insert(stream.end(), frame.begin(), frame.end());
    }
    FrameDecoder decoder;
    std::vector<Bytes> got;
    for (BytesView rest{stream}; !rest.empty();) {
      const std::size_t piece = 1 + random.below(std::min<std::size_t>(rest.size(), 200));
      decoder.feed(rest.first(piece));
      rest = rest.subspan(piece);
      for (auto next = decoder.next(); next.value(); next = decoder.next())
        got.push_back(**next);
    }
    EXPECT_EQ(got, sent);
  }
}

TEST(FrameTest, one_flipped_bit_never_passes) {
  Random random{2};
  const Bytes payload = random_bytes(random, 100);
  const Bytes frame = encode_frame(payload);
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes damaged = frame;
    damaged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    FrameDecoder decoder;
    decoder.feed(damaged);
    const auto next = decoder.next();
    EXPECT_TRUE(!next || !*next) << bit;  // An error, or a length that waits for more.
  }
}

TEST(FrameTest, noise_is_refused_or_waited_for) {
  Random random{3};
  for (int round = 0; round < 100000; ++round) {
    FrameDecoder decoder;
    decoder.feed(random_bytes(random, random.below(64)));
    const auto next = decoder.next();
    if (!next) {
      EXPECT_EQ(next.error().code, Errc::corrupt);
    }
  }
}

TEST(EnvelopeTest, survives_the_wire_and_noise_does_not_pass_as_a_kind) {
  const Envelope envelope{.kind = FrameKind::answer, .channel = 4, .request = 1ULL << 50};
  EXPECT_EQ(decode_envelope(encode_envelope(envelope)).value(), envelope);
  Hello hello;
  hello.node.bytes[3] = 9;
  EXPECT_EQ(decode_hello(encode_hello(hello)).value(), hello);
  EXPECT_FALSE(decode_hello(BytesView{encode_hello(hello)}.first(35)));
  const Result<Bytes> error = Error{Errc::not_leader, "n2"};
  EXPECT_EQ(decode_answer(encode_answer(error)).error(), error.error());
  EXPECT_FALSE(decode_answer(BytesView{}));
  Random random{4};
  for (int round = 0; round < 10000; ++round) {
    const Bytes noise = random_bytes(random, random.below(20));
    const auto decoded = decode_envelope(noise);
    if (decoded) {
      EXPECT_LE(static_cast<int>(decoded->kind), 5);
    }
  }
}

TEST(EnvelopeTest, of_two_processes_that_are_one_node_the_later_gives_way) {
  Hello early{.swarm = {}, .node = {{1}}, .boot = {{9}}, .up_ms = 60'000, .is_provisional = false};
  Hello late{.swarm = {}, .node = {{1}}, .boot = {{2}}, .up_ms = 300, .is_provisional = false};
  EXPECT_TRUE(must_give_way(early, late));
  EXPECT_FALSE(must_give_way(late, early));
  late.up_ms = 57'000;
  EXPECT_TRUE(must_give_way(late, early)) << "together, so the greater boot id";
  EXPECT_FALSE(must_give_way(early, late));
}

TEST(EnvelopeTest, of_two_swarms_the_one_that_holds_nothing_dissolves) {
  Hello one{.swarm = {{1}}, .node = {{1}}, .boot = {}, .up_ms = 0, .is_provisional = true};
  Hello two{.swarm = {{2}}, .node = {{2}}, .boot = {}, .up_ms = 0, .is_provisional = false};
  EXPECT_TRUE(must_dissolve(two, one));
  EXPECT_FALSE(must_dissolve(one, two));
  two.is_provisional = true;
  EXPECT_FALSE(must_dissolve(two, one)) << "the smaller id stays";
  EXPECT_TRUE(must_dissolve(one, two));
  one.is_provisional = two.is_provisional = false;
  EXPECT_FALSE(must_dissolve(one, two) || must_dissolve(two, one)) << "both hold something";
}

TEST(EnvelopeTest, another_protocol_is_refused_by_number) {
  Hello theirs;
  theirs.protocol = 9;
  EXPECT_NE(refusal_of(theirs, Hello{}).find("you speak 9"), std::string::npos);
  EXPECT_EQ(refusal_of(Hello{}, Hello{}), "");
}

}  // namespace
}  // namespace starling::node
