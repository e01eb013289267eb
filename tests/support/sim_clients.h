/// Clients of a virtual swarm: each does one operation after the other, at any member, and tries
/// again under the same number while it does not know what became of it.
///
/// Every answer is checked against the log (sim_history.h), and so is every "not taken".
#pragma once

#include "node/base/random.h"
#include "tests/support/sim_member.h"
#include "tests/support/swarm_faults.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::tests {

class VirtualSwarm;

class SimClients {
 public:
  SimClients(VirtualSwarm& swarm, std::uint64_t seed, const FaultPlan& plan);

  void start();

  void set_faulty(bool is_faulty) { is_faulty_ = is_faulty; }

  /// The machines that clients can reach.
  void set_reach(std::set<std::size_t> machines) { reach_ = std::move(machines); }

  /// No new operations; those under way go on.
  void finish() { are_finishing_ = true; }

  bool are_idle() const;

  std::uint64_t completed() const { return completed_; }

  /// From now on clients only read.
  void only_read() { are_reading_ = true; }

  /// Operations go on after `finish`.
  void resume();

  /// Commands, not reads, that began at or after `since` and were completed.
  std::uint64_t commands_begun_and_completed(MonoTime since) const;

  /// What was refused for sure left no trace. Call it at the end.
  void check_refused() const;

  std::size_t under_way() const;

 private:
  struct Operation {
    std::shared_ptr<const SentCommand> sent;
    LogIndex floor;
    MonoTime begun{0};
    MonoTime give_up{0};
    std::uint64_t attempt = 0;
    bool may_be_taken = false;  ///< an attempt ended without a word
  };

  struct Client {
    std::uint64_t id = 0;
    std::uint64_t number = 0;
    std::optional<Operation> operation;
    std::optional<NodeId> leader;                 ///< as far as it knows
    std::map<std::string, std::uint64_t> seen;    ///< versions of registers, by key
    std::map<std::string, std::uint64_t> tokens;  ///< of the jobs it has claimed
  };

  void begin(Client& client);
  ClientCommand choose(Client& client);
  ClientCommand choose_job(Client& client);
  void try_once(Client& client);
  std::size_t choose_machine(Client& client);
  void ask(const SimRequest& request, MonoTime when);
  void time_out(std::uint64_t id, std::uint64_t number, std::uint64_t attempt);
  void send_reply(const SimRequest& request, const SimReply& reply);
  void take_reply(const SimRequest& request, const SimReply& reply);
  void complete(Client& client, const SimReply& reply);
  void learn(Client& client, const ClientCommand& command, const Answer& answer);
  void retry_later(Client& client);
  void end(Client& client);

  VirtualSwarm& swarm_;
  Random random_;
  std::vector<Client> clients_;
  std::set<std::size_t> reach_;
  bool is_faulty_ = false;
  bool are_finishing_ = false;
  bool are_reading_ = false;
  double loss_ = 0;
  MonoTime think_mean_{0};
  MonoTime patience_{0};
  std::uint64_t registers_ = 1;
  std::uint64_t jobs_ = 0;
  std::uint64_t completed_ = 0;
  std::vector<MonoTime> commands_;  ///< when each completed command began
  std::vector<ClientCommand> refused_;
};

}  // namespace starling::tests
