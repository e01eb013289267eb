#include "bootstrap/ledger_request.h"
#include "ml/study/answer_table.h"
#include "ml/study/study_wire.h"
#include "node/base/hash.h"
#include "node/base/random.h"
#include "node/net/peer_links.h"
#include "node/net/spawn.h"
#include "tools/bench_core/write_load.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace starling::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::chrono::milliseconds kPauseAfterFailure{10};

struct PeerLoad {
  PeerLoad(std::string to, const PeerAccess& access, WriteKeys carried, const LoadPlan& plan)
      : address(std::move(to)),
        keys(carried),
        run(to_hex(secure_random_bytes(8))),
        links(tcp::acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}},
              trust,
              node::PeerLinksLimits{}),
        tally(plan) {
    trust.set_ring(access.ring);
    links.set_swarm(access.swarm);
  }

  Bytes request(std::size_t writer, std::size_t number) const {
    ml::Command command;
    command.body = ml::SetRegister{.key = key_of(tally.plan(), writer, number),
                                   .value = value_of(tally.plan(), writer, number),
                                   .expected = {}};
    // Until an answer says where the log is, no key can name an entry that is not long gone.
    if (keys == WriteKeys::internal && applied > LogIndex{})
      command.key = ml::internal_key(applied, fmt::format("{}.{}.{}", run, writer, number));
    return bootstrap::append_request(kPatience, ml::encode(command));
  }

  asio::awaitable<void> write_on(std::size_t writer);
  Result<> check(const Result<Bytes>& answer);

  std::string address;
  WriteKeys keys;
  std::string run;   ///< Makes the keys of this load its own.
  LogIndex applied;  ///< of the last answer
  asio::io_context context{1};
  node::Trust trust{node::NodeSecret::generate()};
  node::PeerLinks links;
  Tally tally;
  std::size_t active = 0;
};

/// Errors: why this is not the answer to a write that was done.
Result<> PeerLoad::check(const Result<Bytes>& answer) {
  if (!answer) return answer.error();
  if (answer->size() < 8) return Error{Errc::corrupt, "the answer is too short"};
  applied = {from_big_endian_key(as_text(*answer).substr(0, 8))};
  const auto outcome = ml::decode_outcome(as_text(*answer).substr(8));
  if (!outcome) return outcome.error();
  if (outcome->error) return *outcome->error;
  return {};
}

asio::awaitable<void> PeerLoad::write_on(std::size_t writer) {
  asio::steady_timer pause{context};
  for (std::size_t number = 0; !tally.is_over(); ++number) {
    auto body = request(writer, number);
    const auto started = Clock::now();
    const auto answer =
        co_await links.call(address, node::Channel::ledger, std::move(body), kPatience);
    const auto done = check(answer);
    if (done) {
      tally.succeeded(started);
      continue;
    }
    tally.failed(fmt::format("{}: {}", to_string(done.error().code), done.error().detail));
    pause.expires_after(kPauseAfterFailure);
    co_await pause.async_wait(asio::use_awaitable);
  }
  if (--active == 0) links.stop();
}

}  // namespace

Json peer_load(const std::string& address,
               const PeerAccess& access,
               WriteKeys keys,
               const LoadPlan& plan) {
  PeerLoad load{address, access, keys, plan};
  load.active = plan.writers;
  for (std::size_t writer = 0; writer < plan.writers; ++writer)
    node::spawn(load.context.get_executor(), load.write_on(writer));
  load.context.run();
  return load.tally.finish();
}

}  // namespace starling::bench
