// Real nodes under faults, clients that record what they see, and a judge that knows nothing of
// Raft. STARLING_FAULT_SECONDS and STARLING_FAULT_SEED make a longer or a certain run.
#include "tests/support/linearizability.h"
#include "tests/swarm/nemesis.h"
#include "tests/swarm/workload.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNodes = 5;
constexpr auto kAgreePatience = 30s;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

SwarmPlan plan_behind(FaultProxy& proxy) {
  return {.nodes = kNodes,
          .slots = 1,
          .listen = FaultProxy::home,
          .advertise = [&proxy](std::size_t node) { return proxy.front(node); },
          .started = [&proxy](std::size_t node,
                              const std::string& address) { proxy.set_target(node, address); }};
}

std::vector<std::string> urls_of(const ProcessSwarm& swarm) {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < swarm.size(); ++i)
    urls.push_back(swarm.url(i));
  return urls;
}

/// The registers as each node has them by itself.
Json registers_of(NodeClient& client, std::size_t node) {
  return client.get_json(node, "/api/v1/registers");
}

/// All see one leader, have applied the same, and hold the same registers.
bool do_all_agree(NodeClient& client) {
  const Json first = client.get_json(0, "/api/v1/swarm");
  if (!first.is_object() || first["leader"].is_null()) return false;
  for (std::size_t i = 0; i < client.nodes(); ++i) {
    const Json seen = client.get_json(i, "/api/v1/swarm");
    if (!seen.is_object() || seen["leader"] != first["leader"] ||
        seen["applied_index"] != first["commit_index"])
      return false;
    for (const auto& member : seen["members"])
      if (member["state"] != "alive") return false;
  }
  const Json registers = registers_of(client, 0);
  for (std::size_t i = 1; i < client.nodes(); ++i)
    if (!registers.is_object() || registers_of(client, i) != registers) return false;
  return true;
}

/// The swarm's state at the end holds each acknowledged write, or a later one.
void expect_all_present(const std::vector<Acknowledged>& writes, NodeClient& client) {
  std::map<std::string, std::uint64_t> versions;
  const Json registers = registers_of(client, 0);
  for (const auto& entry : registers["registers"])
    versions[entry["key"]] = entry["version"];
  for (const auto& write : writes) {
    const auto found = versions.find(write.key);
    if (found == versions.end() || found->second < write.version) {
      ADD_FAILURE() << "lost: " << write.key << " version " << write.version;
    } else if (found->second == write.version) {
      const Told told =
          client.ask(write.version % client.nodes(), "GET", "/api/v1/registers/" + write.key);
      EXPECT_EQ(told.body, write.value) << write.key;
    }
  }
}

void expect_linearizable(const std::vector<Operation>& history) {
  for (const auto& judged : check_history(history)) {
    EXPECT_EQ(judged.verdict, Verdict::linearizable)
        << judged.key << ": " << to_string(judged.verdict) << ", " << judged.why;
    EXPECT_LE(judged.operations, 200U) << judged.key;
    EXPECT_LE(judged.unknown, kUnknownPerKey) << judged.key;
  }
}

bool is_all_linearizable(const std::vector<Operation>& history) {
  const auto verdicts = check_history(history);
  return std::all_of(verdicts.begin(), verdicts.end(), [](const KeyVerdict& judged) {
    return judged.verdict == Verdict::linearizable;
  });
}

bool is_done(const Operation& operation) {
  return operation.known == Known::ok && operation.out.contains("version");
}

/// A read that is made to see what was overwritten before it was called; nothing if there is none.
std::optional<std::vector<Operation>> with_stale_read(std::vector<Operation> history) {
  for (auto& read : history) {
    if (read.function != "read" || !is_done(read)) continue;
    for (const auto& write : history) {
      const bool is_older = write.key == read.key && write.function != "read" && is_done(write) &&
                            write.return_ns < read.call_ns &&
                            write.out["version"] < read.out["version"];
      // Somebody else must have seen the newer version before: else the older one could be right.
      const bool is_overwritten =
          is_older && std::any_of(history.begin(), history.end(), [&](const Operation& other) {
            return other.key == read.key && is_done(other) && other.id != read.id &&
                   other.return_ns < read.call_ns && other.out["version"] == read.out["version"];
          });
      if (!is_overwritten) continue;
      read.out = {{"version", write.out["version"]}, {"value", write.in["value"]}};
      return history;
    }
  }
  return std::nullopt;
}

/// A refused claim that is made to have succeeded, where the winner is known.
std::optional<std::vector<Operation>> with_double_claim(std::vector<Operation> history) {
  for (auto& loser : history) {
    if (loser.function != "claim" || loser.known != Known::fail) continue;
    if (loser.out.value("code", "") != "conflict") continue;
    const bool has_winner =
        std::any_of(history.begin(), history.end(), [&](const Operation& winner) {
          return winner.key == loser.key && winner.function == "claim" &&
                 winner.known == Known::ok && winner.in == loser.in;
        });
    if (!has_winner) continue;
    loser.known = Known::ok;
    return history;
  }
  return std::nullopt;
}

/// An acknowledged write that is made to have left no trace: who saw it saw what was before.
std::optional<std::vector<Operation>> with_lost_write(std::vector<Operation> history) {
  for (auto& read : history) {
    if (!read.key.starts_with("once-") || read.function != "read" || !is_done(read)) continue;
    const bool is_acknowledged =
        std::any_of(history.begin(), history.end(), [&](const Operation& write) {
          return write.key == read.key && write.function == "cas" && is_done(write) &&
                 write.return_ns < read.call_ns;
        });
    if (!is_acknowledged) continue;
    read.out = {{"version", 0}, {"value", ""}};
    return history;
  }
  return std::nullopt;
}

/// The judge is no rubber stamp: what really was recorded, made wrong in one place, is rejected.
void expect_rejected_if_tampered(const std::vector<Operation>& history) {
  for (const auto& [name, tampered] : {std::pair{"stale read", with_stale_read(history)},
                                       std::pair{"double claim", with_double_claim(history)},
                                       std::pair{"lost write", with_lost_write(history)}}) {
    ASSERT_TRUE(tampered) << "the history has no place for a " << name;
    EXPECT_FALSE(is_all_linearizable(*tampered)) << name;
  }
}

std::string told_of(const Nemesis& nemesis) {
  std::string text = "what was done to the swarm:\n";
  for (const auto& line : nemesis.log())
    text += line + "\n";
  return text;
}

/// How many operations of each kind ended how, and how long the longest known one took.
std::string summary_of(const std::vector<Operation>& history) {
  std::map<std::string, std::map<std::string, std::size_t>> counts;
  std::uint64_t longest_ns = 0;
  for (const auto& operation : history) {
    const bool is_known = operation.known != Known::unknown;
    const auto how = operation.known == Known::ok ? "ok"
                     : is_known                   ? operation.out.value("code", "fail")
                                                  : "unknown";
    ++counts[operation.function][how];
    if (is_known) longest_ns = std::max(longest_ns, operation.return_ns - operation.call_ns);
  }
  return fmt::format("operations={} longest={} ms {}\n",
                     history.size(),
                     longest_ns / 1'000'000,
                     Json(counts).dump());
}

TEST(Linearizable, WhatClientsSeeUnderFaultsHasOneOrder) {
  const auto seconds = std::chrono::seconds{from_environment("STARLING_FAULT_SECONDS", 18)};
  const auto seed = from_environment("STARLING_FAULT_SEED", std::random_device{}());
  fmt::print("STARLING_FAULT_SEED={} STARLING_FAULT_SECONDS={}\n", seed, seconds.count());

  FaultProxy proxy{kNodes, seed};
  ProcessSwarm swarm{plan_behind(proxy)};
  ASSERT_FALSE(HasFailure());
  Workload work{{.urls = urls_of(swarm),
                 .token = swarm.token(),
                 .history = swarm.folder() / "history.jsonl",
                 .seed = seed}};
  Nemesis nemesis{swarm, proxy, seed};
  work.start();
  nemesis.run(seconds);
  work.stop();
  nemesis.heal();

  NodeClient client{urls_of(swarm), swarm.token(), 5s};
  ASSERT_TRUE(wait_until(kAgreePatience, [&] { return do_all_agree(client); }))
      << told_of(nemesis) << swarm.logs();
  ASSERT_TRUE(work.read_all()) << told_of(nemesis) << swarm.logs();
  expect_all_present(work.acknowledged(), client);
  EXPECT_TRUE(work.strange().empty()) << work.strange().front();

  const auto history = read_history(swarm.folder() / "history.jsonl").value();
  expect_linearizable(history);
  expect_rejected_if_tampered(history);

  const auto counts = proxy.counts();
  fmt::print("{}{}", told_of(nemesis), summary_of(history));
  fmt::print("faults={} chunks_held={} connections_ended={} datagrams={} datagrams_lost={}\n",
             nemesis.faults(),
             counts.chunks_held,
             counts.connections_ended,
             counts.datagrams,
             counts.datagrams_lost);
  EXPECT_GT(counts.bytes, 100'000U) << "the nodes did not speak through the proxy";
  EXPECT_GT(work.acknowledged().size(), 100U) << "a swarm that does nothing does nothing wrong";
  if (HasFailure()) {
    fmt::print("{}history: {}\n", swarm.logs(), (swarm.folder() / "history.jsonl").string());
  }
}

}  // namespace
}  // namespace starling::tests
