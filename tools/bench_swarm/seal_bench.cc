#include "node/base/clock.h"
#include "node/base/hash.h"
#include "node/secure/datagram_seal.h"
#include "node/secure/record_stream.h"
#include "tools/bench_core/samples.h"
#include "tools/bench_swarm/parts.h"

namespace starling::bench {
namespace {

constexpr int kTimes = 20'000;
constexpr int kRecords = 2'000;

double microseconds_each(Clock::time_point begun, int times) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begun).count() / times;
}

Json datagrams(std::size_t size) {
  const auto a = node::NodeSecret::generate();
  const auto b = node::NodeSecret::generate();
  const node::SwarmKeyRing ring{
      {.generation = 1, .use = node::KeyUse::in_use, .key = secure_random<32>()}};
  node::DatagramSeal from{a, 1};
  node::DatagramSeal to{b, 1};
  SwarmId swarm{secure_random<16>()};
  from.set_scope(swarm, 0, ring);
  to.set_scope(swarm, 0, ring);
  const Bytes content(size, std::byte{7});
  std::vector<Bytes> sealed;
  sealed.reserve(kTimes);
  auto begun = Clock::now();
  for (int i = 0; i < kTimes; ++i)
    sealed.push_back(*from.seal(b.key(), content));
  const double seal_us = microseconds_each(begun, kTimes);
  begun = Clock::now();
  int opened = 0;
  for (const Bytes& datagram : sealed)
    opened += to.open(datagram) ? 1 : 0;
  return {{"content_bytes", size},
          {"seal_us", rounded(seal_us)},
          {"open_us", rounded(microseconds_each(begun, kTimes))},
          {"all_opened", opened == kTimes}};
}

Json records(std::size_t size) {
  const auto key = secure_random<32>();
  node::RecordSealer sealer{key};
  node::RecordOpener opener{key};
  const Bytes plain(size, std::byte{7});
  Bytes sealed;
  auto begun = Clock::now();
  for (int i = 0; i < kRecords; ++i)
    sealer.seal(plain, mono_now(), sealed);
  const double seal_us = microseconds_each(begun, kRecords);
  Bytes back;
  begun = Clock::now();
  const bool is_open = opener.feed(sealed, back).has_value();
  return {{"record_bytes", size},
          {"seal_us", rounded(seal_us)},
          {"open_us", rounded(microseconds_each(begun, kRecords))},
          {"all_opened", is_open && back.size() == size * kRecords}};
}

}  // namespace

Json bench_seals() {
  return {{"datagrams", {datagrams(100), datagrams(1200)}},
          {"records", {records(200), records(4096), records(node::kRecordPlainMax)}}};
}

}  // namespace starling::bench
