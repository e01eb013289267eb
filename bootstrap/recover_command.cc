#include "bootstrap/recover_command.h"

#include "bootstrap/identity.h"
#include "bootstrap/member_watch.h"
#include "bootstrap/node_facts.h"
#include "bootstrap/study_machine.h"
#include "bootstrap/swarm_entry.h"
#include "consensus/group/recovery.h"
#include "consensus/storage/disk_log_store.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "ml/study/swarm_members.h"
#include "node/base/clock.h"
#include "node/base/hash.h"
#include "node/net/peer_links.h"
#include "node/secure/trust.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <set>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kNotSure = 2;
constexpr std::chrono::milliseconds kAnswerPatience = 3s;

struct Options {
  std::filesystem::path data;
  std::vector<std::string> join;
  bool is_sure = false;
};

/// What somebody said, or why nobody did.
struct Survey {
  std::string address;
  Result<consensus::LogPosition> position;
};

/// A node of a later epoch answers nothing, but says so in its hello.
asio::awaitable<Survey> ask(node::PeerLinks& links, std::string address) {
  Survey survey{address, Error{Errc::unavailable, "no answer"}};
  const auto there = co_await links.who_is(address);
  const node::Hello& own = links.hello();
  const bool is_later =
      there && there->swarm == own.swarm && there->recovery_epoch > own.recovery_epoch;
  if (is_later) {
    consensus::LogPosition position;
    position.node = there->node;
    position.recovery_epoch = static_cast<std::uint32_t>(there->recovery_epoch);
    survey.position = position;
    co_return survey;
  }
  Bytes nothing;
  const auto answer =
      co_await links.call(address, node::Channel::survey, std::move(nothing), kAnswerPatience);
  if (answer)
    survey.position = consensus::decode_log_position(*answer);
  else
    survey.position = answer.error();
  co_return survey;
}

/// Asks every member that this node ever saw, and those that were named.
Result<std::vector<Survey>> survey(const Identity& identity, const Options& options) {
  auto ring = read_key_ring(key_file_of(options.data));
  if (!ring) return ring.error();
  node::Trust trust{identity.secret()};
  trust.set_ring(std::move(*ring));
  asio::io_context io{1};
  asio::ip::tcp::acceptor listener{io, {asio::ip::address_v4::any(), 0}};
  node::PeerLinks links{std::move(listener), trust, node::PeerLinksLimits{}};
  links.set_swarm(*identity.swarm(), identity.recovery_epoch());
  const KnownPeers known{options.data / "peers"};
  std::set<std::string> addresses = known.addresses();
  addresses.insert(options.join.begin(), options.join.end());
  std::vector<std::future<Survey>> asked;
  for (const std::string& address : addresses)
    asked.push_back(asio::co_spawn(io, ask(links, address), asio::use_future));
  std::vector<Survey> answers;
  for (auto& one : asked) {
    while (one.wait_for(0s) != std::future_status::ready)
      io.run_one_for(100ms);
    answers.push_back(one.get());
  }
  links.stop();
  io.poll();
  return answers;
}

std::string row_of(const std::string& who, const consensus::LogPosition& position) {
  return fmt::format("  {:<24} {:<10} {:>12} {:>8} {:>12} {}\n",
                     who,
                     position.node.hex().substr(0, 8),
                     position.last.value,
                     position.last_term.value,
                     position.commit.value,
                     position.hears_leader ? "hears a leader" : "");
}

void print_survey(const consensus::LogPosition& own,
                  const consensus::Config& config,
                  const std::vector<Survey>& answers) {
  std::string text = fmt::format("{} voters by this node's log:", config.voters.size());
  for (const NodeId voter : config.voters)
    text += " " + voter.hex().substr(0, 8);
  text += fmt::format("\n\n  {:<24} {:<10} {:>12} {:>8} {:>12}\n",
                      "address",
                      "node",
                      "last entry",
                      "of term",
                      "committed");
  text += row_of("this node", own);
  for (const Survey& each : answers) {
    if (each.position)
      text += row_of(each.address, *each.position);
    else
      text += fmt::format("  {:<24} {}\n", each.address, each.position.error().detail);
  }
  std::fputs((text + "\n").c_str(), stdout);
}

/// The entry that tells everyone, once the swarm goes on.
std::string note_of(const consensus::LogPosition& own, std::uint64_t cluster_ms) {
  ml::Command command;
  command.body = ml::NoteDecision{
      .what = "recover",
      .why =
          fmt::format("most voters were lost; {} goes on alone from entry {} of term {}, of which "
                      "{} were known to be committed",
                      own.node.hex().substr(0, 8),
                      own.last.value,
                      own.last_term.value,
                      own.commit.value)};
  return ml::with_time(ml::encode(command), std::max<std::uint64_t>(cluster_ms, 1), wall_now_ms());
}

Result<int> recover(const Options& options) {
  if (!std::filesystem::exists(options.data / "identity")) {
    return Error{Errc::invalid_argument,
                 fmt::format("--data {}: there is no node's data", options.data.string())};
  }
  if (!std::filesystem::exists(options.data / "state")) {
    return Error{Errc::conflict,
                 fmt::format("{} holds nothing of a swarm to recover", options.data.string())};
  }
  if (std::filesystem::exists(options.data / "quarantine")) {
    return Error{
        Errc::conflict,
        fmt::format("the state in {} was found to be none to rely on ({}/quarantine says why); "
                    "recover another member",
                    options.data.string(),
                    options.data.string())};
  }
  auto identity = Identity::open(options.data);
  if (!identity) return identity.error();
  if (!(*identity)->swarm()) {
    return Error{Errc::conflict,
                 fmt::format("{} holds nothing of a swarm to recover", options.data.string())};
  }
  const NodeId self = (*identity)->node();
  auto store = consensus::DiskLogStore::open(options.data / "state", *(*identity)->swarm(), self);
  if (!store) return store.error();
  const auto restored = (*store)->load();
  if (!restored) return restored.error();
  const auto own = consensus::position_of(self, *restored);
  const auto& config = restored->log.configs().active();

  std::printf("asking all members that this node knows ...\n");
  std::fflush(stdout);
  const auto answers = survey(**identity, options);
  if (!answers) return answers.error();
  std::set<NodeId> other_voters = config.voters;
  other_voters.insert(config.voters_outgoing.begin(), config.voters_outgoing.end());
  other_voters.erase(self);
  if (answers->empty() && !other_voters.empty()) {
    return Error{Errc::conflict,
                 fmt::format("this node knows the address of none of the {} other voters, so it "
                             "cannot tell that they are gone: name where they were with --join "
                             "HOST:PORT",
                             other_voters.size())};
  }
  print_survey(own, config, *answers);
  std::vector<consensus::LogPosition> others;
  for (const Survey& each : *answers)
    if (each.position && each.position->node != self) others.push_back(*each.position);
  if (auto may = consensus::may_recover(own, config, others); !may) return may.error();
  if (!options.is_sure) {
    for (const NodeId voter : config.voters)
      if (voter != self &&
          std::ranges::find(others, voter, &consensus::LogPosition::node) == others.end())
        std::printf("Voter %s did not answer; if it has moved, name it with --join HOST:PORT.\n",
                    voter.hex().substr(0, 8).c_str());
    std::printf(
        "Nothing was changed. What voters that do not answer have acknowledged and this node does\n"
        "not hold would be lost, and all %llu entries here would count as committed, of which "
        "%llu\n"
        "are known to be. If those voters are gone for good, repeat this with --yes.\n",
        static_cast<unsigned long long>(own.last.value),
        static_cast<unsigned long long>(own.commit.value));
    return kNotSure;
  }
  StudyMachine machine;
  const auto chance = secure_random<2>();
  const std::uint32_t epochs = 1U + chance[0] + 256U * chance[1];
  auto note = note_of(own, ml::cluster_time_ms(*(*store)->view()));
  const auto done = consensus::recover_alone(**store, self, machine, epochs, std::move(note));
  if (!done) return done.error();
  if (auto saved = (*identity)->set_recovery_epoch(done->recovery_epoch); !saved)
    return saved.error();
  std::printf(
      "Recovered: this node is the only voter now, in recovery epoch %u, from entry %llu on.\n"
      "Start it as before. Members of before that meet it lay their state aside (state.lost-*) "
      "and\n"
      "come back as new ones.\n",
      done->recovery_epoch,
      static_cast<unsigned long long>(done->base.value));
  return kDone;
}

int run_recover(const Options& options) {
  const auto ended = recover(options);
  if (ended) return *ended;
  std::fprintf(stderr, "starling recover: %s\n", ended.error().detail.c_str());
  return kFailed;
}

}  // namespace

void add_recover_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "recover", "Makes a stopped member the only voter, when most voters are lost for good");
  command->add_option("--data", options->data, "The data directory of the member; it must not run")
      ->required();
  command->add_option("--join",
                      options->join,
                      "HOST:PORT of more members to ask, beside those that this one knows");
  command->add_flag("--yes", options->is_sure, "Do it; without it nothing is changed");
  command->footer(
      "Asks every member how much of the log it holds first, and refuses if a majority of the\n"
      "voters is there, if somebody hears a leader, or if another holds more.\n\n"
      "Example:\n  starling recover --data /var/lib/starling\n");
  command->callback([options, &chosen] { chosen = [options] { return run_recover(*options); }; });
}

}  // namespace starling::bootstrap
