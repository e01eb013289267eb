/// One machine of a virtual swarm and the process on it.
#pragma once

#include "bootstrap/founding.h"
#include "consensus/group/snapshot_stream.h"
#include "consensus/group/state_chain.h"
#include "consensus/group/state_machine.h"
#include "consensus/raft/raft_core.h"
#include "consensus/relay/upstream_choice.h"
#include "node/gossip/swim_core.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_disk.h"
#include "tests/support/sim_machine.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace starling::tests {

/// Members compare their states at every so-manieth entry.
inline constexpr std::uint64_t kSimCheckEvery = 16;

/// A client's command, and the bytes that stand for it in the log.
struct SentCommand {
  ClientCommand command;
  std::string bytes;  ///< empty for a read
};

/// One attempt of a client, at the machine it talks to or forwarded to the leader.
struct SimRequest {
  std::shared_ptr<const SentCommand> sent;
  std::uint64_t attempt = 0;
  std::size_t entry = 0;         ///< the machine that the client talks to
  std::uint64_t entry_boot = 0;  ///< and the process on it
  bool is_forwarded = false;
};

struct SimReply {
  enum class Kind {
    done,
    not_taken,  ///< definitely not
    unknown,
  };

  Kind kind = Kind::unknown;
  Answer answer;                 ///< done; of a read: its value and the index it is of
  std::optional<NodeId> leader;  ///< not taken: whom to ask
};

struct SimMember {
  SimMember(std::size_t number, SimDisk its_disk, MonoTime clock_offset)
      : machine(number), disk(std::move(its_disk)), clock(clock_offset) {}

  enum class Home {
    nowhere,
    here,
    elsewhere,  ///< in a swarm that it founded itself, alone
  };

  std::size_t machine;
  NodeId id;
  std::uint8_t life = 0;  ///< how often the machine was wiped
  SimDisk disk;
  SimClock clock;
  Home home = Home::here;  ///< as its disk says

  // Of the process; gone when it dies.
  bool runs = false;  ///< with a core if it is at home here
  std::unique_ptr<consensus::RaftCore> core;
  std::unique_ptr<consensus::SnapshotReceiver> receiver;
  std::unique_ptr<consensus::StateMachine> state_machine;
  std::optional<consensus::StateChain> chain;
  std::optional<consensus::PersistBatch> in_flight;
  std::uint64_t unconfirmed = 0;  ///< the batch that the process waits for
  bool write_hangs = false;
  std::optional<std::pair<Term, MonoTime>> leader_contact;  ///< the last one, by its own clock
  MonoTime disk_looked_at{0};                               ///< by its own clock
  std::optional<consensus::OutgoingSnapshot> sending;
  std::uint64_t sending_call = 0;  ///< the chunk of it that is to be answered
  MonoTime paused_until{0};
  std::vector<std::function<void(SimMember&)>> parked;  ///< what is to be done after the pause
  MonoTime timer_at{0};                                 ///< by its own clock
  std::uint64_t boot = 0;

  // Of a swarm that keeps itself.
  std::optional<bootstrap::FoundingCore> founding;
  bool is_known_to_members = false;  ///< one of them spoke since it has been looking for a swarm
  std::uint64_t turn = 0;            ///< of founding; an answer to an earlier one is too late
  std::unique_ptr<node::SwimCore> gossip;
  std::optional<consensus::UpstreamChoice> upstream;
  std::uint64_t asks_upstream = 0;  ///< the question that is under way
  MonoTime gossip_timer_at{0};      ///< by its own clock
  std::uint64_t incarnation = 0;    ///< the highest it has used; on its disk

  struct InLog {
    Term term;
    SimRequest request;
  };

  std::map<std::uint64_t, SimRequest> offered;  ///< by context
  std::multimap<LogIndex, InLog> in_log;
  std::map<std::uint64_t, std::pair<SimRequest, LogIndex>> reads;  ///< by context, with a floor
  std::multimap<LogIndex, SimRequest> reached;  ///< reads that wait for this to be applied
  std::uint64_t contexts = 0;
};

SwarmId sim_swarm_id();

NodeId sim_node_id(std::size_t machine, std::uint8_t life);

/// Where a machine's process listens, for those who call by addresses.
std::string address_of_machine(std::size_t machine);
std::size_t machine_at_address(const std::string& address);

/// "3", or "3b" after the first wipe.
std::string name_of(NodeId id);
std::string names_of(const std::set<NodeId>& ids);

}  // namespace starling::tests
