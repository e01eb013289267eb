/// Who is in the swarm and who is alive: SWIM with suspicion and Lifeguard. Pure: messages and the
/// time come in, effects go out.
///
/// Each probe period one member, in shuffled order, is pinged; if it stays silent, three others are
/// asked to ping it, and it is called over TCP; if it is silent still, it is suspected, and unless
/// it refutes in time with a higher incarnation it is dead. News rides on every datagram and is
/// gossiped between them. A node that misses answers it should have got first doubts itself and
/// slows down.
///
/// Source: Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style Process Group
///         Membership Protocol" (2002); Dadgar, Phillips, Currey, "Lifeguard" (2018).
#pragma once

#include "node/base/random.h"
#include "node/gossip/suspicion.h"
#include "node/gossip/swim_broadcast.h"
#include "node/gossip/swim_message.h"

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace starling::node {

/// Chosen so that five nodes agree on a killed one within ten seconds.
struct SwimTimings {
  std::chrono::milliseconds probe_interval{500};
  std::chrono::milliseconds probe_timeout{200};  ///< then others are asked
  std::chrono::milliseconds gossip_interval{100};
  std::chrono::milliseconds gossip_to_dead{30000};  ///< so that the wrongly dead hear of it
  std::chrono::milliseconds facts_interval{2000};   ///< own facts are published at most this often
  std::chrono::milliseconds push_pull_interval{30000};
  std::chrono::milliseconds rejoin_interval{10000};  ///< one dead member is tried
  std::chrono::milliseconds seed_interval{2000};     ///< seeds that are no members are tried
  std::chrono::milliseconds reap_after{72 * 3600 * 1000};
  std::size_t indirect_probes = 3;
  std::size_t gossip_fanout = 3;
  std::size_t seed_callers = 8;  ///< Of all members so many call a lost seed in one interval.
  int suspicion_mult = 3;
  int suspicion_max_mult = 3;
  int retransmit_mult = 6;
  std::size_t dead_max = 4096;  ///< dead and left members that are remembered
  int health_max = 7;  ///< Probes and suspicions take up to so many times longer when we seem slow.
};

struct SwimConfig {
  NodeId self;
  NodeKey key;
  SwarmId swarm;
  MemberFacts facts;
  std::vector<std::string> seeds;
  std::uint64_t incarnation = 0;
  std::uint64_t seed = 0;  ///< of its chance
  SwimTimings timings;
};

struct SwimDatagram {
  NodeId to;
  std::string address;
  SwimMessage message;
};

/// A member that answered no datagram may answer a call, where only UDP is lost.
struct SwimCall {
  NodeId to;
  std::string address;
  std::uint64_t sequence = 0;  ///< for `take_call_answer`
};

struct SwimEffects {
  std::vector<SwimDatagram> send;
  std::vector<SwimCall> call;
  std::vector<Member> changed;         ///< as they are now
  std::vector<std::string> push_pull;  ///< exchange all pages with whoever is there
};

class SwimCore {
 public:
  SwimCore(SwimConfig config, MonoTime now);

  /// Does what is due. Call it at `next_deadline()` or earlier.
  SwimEffects tick(MonoTime now);

  /// Messages of another swarm are ignored.
  SwimEffects receive(MonoTime now, const SwimMessage& message);

  /// The member itself answered that call. Datagrams between the two are lost, so what they know is
  /// exchanged over TCP now and then.
  SwimEffects take_call_answer(MonoTime now, const SwimCall& call);

  /// Takes in what another node knows. Whom it calls dead is only suspected: it may be old news.
  SwimEffects merge(MonoTime now, const std::vector<Member>& theirs);

  /// The node was removed for good: it has left, and no claim about it counts any more.
  SwimEffects expel(MonoTime now, NodeId id);

  /// Publishes them with the next rounds, as a new incarnation.
  void set_facts(MemberFacts facts);

  SwarmId swarm() const { return swarm_; }

  MonoTime next_deadline() const;

  /// For push/pull: what is known of the members after `after`, as one page.
  SwimState page(NodeId after) const;

  /// The page that answers `theirs`: of the same members, what is not said there already. Answer
  /// before merging it: a sender that is said to live elsewhere should hear of that. Where the
  /// answer ends earlier, the next page begins.
  SwimState answer_to(const SwimState& theirs) const;

  /// Sorted by id, this node included.
  std::vector<Member> members() const;
  std::optional<Member> member(NodeId id) const;

  /// How far away a member is: what a ping and its answer take, smoothed over the last probes.
  std::optional<MonoTime> round_trip(NodeId id) const;

  std::size_t size() const { return members_.size(); }

  std::uint64_t incarnation() const { return self().incarnation; }

  /// 0 when all is well, up to `health_max` when this node itself seems slow.
  int health() const { return health_; }

 private:
  struct Record {
    Member member;
    std::optional<Suspicion> suspicion;
    MonoTime changed_at{0};
    std::optional<MonoTime> round_trip;
  };

  struct Probe {
    NodeId target;
    std::uint64_t sequence = 0;
    MonoTime started{0};
    MonoTime indirect_at{0};
    MonoTime end_at{0};
    bool acked = false;
    bool asked_others = false;
    bool is_timed = false;
    std::vector<NodeId> helpers{};  ///< who are asked to try it too
    std::size_t nacks = 0;
  };

  struct Relay {
    std::uint64_t sequence = 0;  ///< of our ping
    NodeId origin;
    std::string origin_address;
    std::uint64_t origin_sequence = 0;
    NodeId target;
    MonoTime nack_at{0};
    MonoTime until{0};
    bool nacked = false;
  };

  const Member& self() const { return members_.at(self_).member; }

  bool is_alive(NodeId id) const;

  // swim_core.cc: time and messages
  void advance(MonoTime now);
  void end_probe(SwimEffects& out);
  int missing_nacks(const Probe& probe) const;
  void start_probe(SwimEffects& out);
  void ask_others(SwimEffects& out);
  void answer_relays(SwimEffects& out);
  void gossip(SwimEffects& out);
  void rejoin(SwimEffects& out);
  void call_seeds(SwimEffects& out);
  void push_pull(SwimEffects& out);
  void publish_facts(SwimEffects& out);
  void take_ping_request(const SwimMessage& message, SwimEffects& out);
  void take_ack(const SwimMessage& message, SwimEffects& out);
  bool take_probe_answer(NodeId target, std::uint64_t sequence);
  void note_round_trip(const SwimMessage& ack);
  void take_nack(const SwimMessage& message);
  SwimMessage make(SwimKind kind, std::uint64_t sequence, NodeId target) const;
  void send(const std::string& address, NodeId to, SwimMessage message, SwimEffects& out);
  void worsen(int by);

  // swim_members.cc: what is known of whom
  void take(const SwimUpdate& update, SwimEffects& out);
  void take_about_self(const SwimUpdate& update, SwimEffects& out);
  void look_elsewhere(const Member& claim, SwimEffects& out);
  void take_alive(const Member& theirs, SwimEffects& out);
  void take_suspect(const SwimUpdate& update, SwimEffects& out);
  void take_gone(const Member& theirs, SwimEffects& out);
  Record& add(const Member& member);
  void set_member(Record& record, const Member& member);
  void set_state(Record& record, MemberState state);
  void set_suspicion(Record& record, std::optional<Suspicion> suspicion);
  void changed(Record& record, NodeId accuser, SwimEffects& out);
  void bury_expired(SwimEffects& out);
  void reap();
  std::optional<NodeId> next_to_probe();
  std::vector<const Member*> choose(std::size_t count, NodeId except, bool with_recently_dead);
  bool may_choose(NodeId id, NodeId except, bool with_recently_dead) const;
  Suspicion suspicion_by(NodeId accuser) const;
  int transmits_max() const;

  NodeId self_;
  SwarmId swarm_;
  std::vector<std::string> seeds_;
  SwimTimings timings_;
  Random random_;
  std::map<NodeId, Record> members_;
  std::size_t live_ = 0;        ///< of `members_`, alive or suspect: asked for with every message
  std::set<NodeId> suspected_;  ///< of `members_`, those with a suspicion
  std::set<NodeId> expelled_;
  SwimBroadcast broadcast_;
  std::vector<NodeId> probe_order_;
  std::size_t probe_position_ = 0;
  std::optional<Probe> probe_;
  std::vector<Relay> relays_;
  std::optional<MemberFacts> new_facts_;
  std::uint64_t next_sequence_ = 1;
  int health_ = 0;
  MonoTime now_;
  MonoTime probe_at_;
  MonoTime gossip_at_;
  MonoTime rejoin_at_;
  MonoTime seeds_at_;
  MonoTime push_pull_at_;
  MonoTime facts_at_;
  MonoTime stranger_at_;
  MonoTime elsewhere_at_;
  MonoTime deaf_at_;
};

}  // namespace starling::node
