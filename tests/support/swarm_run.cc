#include "tests/support/swarm_run.h"

#include "tests/support/fault_injector.h"
#include "tests/support/member_planner.h"
#include "tests/support/sim_clients.h"
#include "tests/support/sim_machine.h"
#include "tests/support/sim_random.h"
#include "tests/support/sim_voters.h"
#include "tests/support/virtual_swarm.h"

#include <algorithm>
#include <memory>

namespace starling::tests {

using namespace consensus;
using namespace std::chrono_literals;

namespace {

constexpr MonoTime kWarmUp = 15s;
constexpr MonoTime kLivenessDeadline = 60s;
constexpr MonoTime kHealingDeadline = 40s;
constexpr MonoTime kKeptHealingDeadline = 240s;  ///< graces and pauses of the voter plan
constexpr std::size_t kKeptVoters = 5;
constexpr std::size_t kKeptStandbys = 2;
constexpr MonoTime kHandoverDeadline = 5s;  ///< ten times the shortest wait for an election
constexpr std::uint64_t kStepsMax = 2'000'000;

/// Mostly the one that is cheaper and knows more commands.
std::unique_ptr<SimMachine> draw_machine(std::uint64_t seed) {
  if (stream(seed, "machine").chance(0.25)) return std::make_unique<StudySimMachine>();
  return std::make_unique<TextMachine>();
}

SwarmShape shape_of(const SwarmOptions& options) {
  const bool keeps = options.keeps_itself.value_or(stream(options.seed, "keeping").chance(0.25));
  return {options.seed, keeps ? 8U : 5U, options.same_id_after_wipe, keeps};
}

/// The run has come to the step at which it was told to end.
struct Ended {};

class SwarmRun {
 public:
  explicit SwarmRun(const SwarmOptions& options)
      : options_(options),
        random_(stream(options.seed, "phases")),
        trace_(options.trace),
        plan_(options.seed, options.without),
        machine_(draw_machine(options.seed)),
        swarm_(shape_of(options), plan_, *machine_, trace_),
        clients_(swarm_, options.seed, plan_),
        injector_(swarm_, options.seed, plan_) {}

  SwarmReport run() {
    try {
      note_plan();
      warm_up();
      do_chaos();
      do_liveness();
      do_healing();
      do_handover();
    } catch (const CheckFailure& failure) {
      report_.failure = failure.what();
      describe_members();
      trace_.note(swarm_.now(), "FAILED at step {}: {}", swarm_.steps(), failure.what());
    } catch (const Ended&) {
      describe_members();
      trace_.note(swarm_.now(), "ended at step {}", swarm_.steps());
    }
    fill_report();
    return report_;
  }

 private:
  bool run_until(MonoTime end, const std::function<bool()>& done) {
    return swarm_.run_until(end, [&] {
      if (swarm_.steps() >= options_.until) throw Ended{};
      require(swarm_.steps() < kStepsMax, "the swarm does not come to rest");
      return done();
    });
  }

  void note_plan();
  void describe_members();
  void warm_up();
  void do_chaos();
  void do_liveness();
  void do_healing();
  void do_handover();
  bool has_kept_itself();
  bool is_equal_everywhere(const RaftCore& leader);
  void check_equal();
  std::set<std::size_t> choose_core(bool cuts_the_rest);
  void mend(SimMember& member);
  void freeze(SimMember& member);
  std::set<NodeId> first_machines(std::size_t count);
  void lead_to(std::size_t voter_count);
  bool has_converged(std::size_t voter_count);
  void fill_report();

  const SwarmOptions options_;
  Random random_;
  SwarmTrace trace_;
  FaultPlan plan_;
  const std::unique_ptr<SimMachine> machine_;
  VirtualSwarm swarm_;
  SimClients clients_;
  FaultInjector injector_;
  SwarmReport report_;
};

void SwarmRun::note_plan() {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    const auto fault = static_cast<Fault>(i);
    const auto percent = static_cast<int>(100 * plan_.strength(fault));
    if (plan_.has(fault)) trace_.note(0ns, "fault {} at {} %", to_string(fault), percent);
  }
}

void SwarmRun::describe_members() {
  for (const auto& member : swarm_.members())
    trace_.note(swarm_.now(), "{}", swarm_.describe(*member));
}

void SwarmRun::warm_up() {
  for (const auto& member : swarm_.members())
    require(swarm_.start(*member).has_value(), "a machine does not start");
  clients_.start();
  const bool is_warm = run_until(swarm_.now() + kWarmUp, [&] {
    return clients_.commands_begun_and_completed(MonoTime{0}) > 0;
  });
  require(is_warm, "a swarm in which nothing fails serves nobody");
}

void SwarmRun::do_chaos() {
  const MonoTime begun = swarm_.now();
  const MonoTime length = options_.chaos;
  clients_.set_faulty(true);
  injector_.begin(options_.calm_after);
  run_until(MonoTime::max(), [&] { return swarm_.now() - begun >= length + injector_.slept(); });
}

/// As few as can be, at random, that hold a quorum of every config that may be needed. Whose disk
/// took back what it had confirmed does not count: its member may have to leave. Who is still
/// reached by the others may get configs from them. Empty: without those there is no quorum.
std::set<std::size_t> SwarmRun::choose_core(bool cuts_the_rest) {
  std::vector<std::size_t> order;
  std::set<std::size_t> all;
  for (const auto& member : swarm_.members())
    all.insert(member->machine);
  for (std::size_t i = 0; i < swarm_.members().size(); ++i)
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(random_.below(i + 1)), i);
  std::set<std::size_t> core;
  std::set<NodeId> alive;
  for (const std::size_t machine : order) {
    core.insert(machine);
    const SimMember& member = swarm_.member(machine);
    if (!member.disk.has_forgotten()) alive.insert(member.id);
    if (swarm_.has_quorum(alive, cuts_the_rest ? core : all)) return core;
  }
  return {};
}

void SwarmRun::mend(SimMember& member) {
  member.disk.mend();
  swarm_.pause(member, swarm_.now());
  swarm_.set_clock_rate(member, SimClock::kTrueRate);
  if (!member.runs)
    require(swarm_.start(member).has_value(), "{} does not start again", name_of(member.id));
}

void SwarmRun::freeze(SimMember& member) {
  if (member.paused_until > swarm_.now()) member.paused_until = SimNetwork::kForever;
  if (member.disk.is_stalled(swarm_.now())) member.disk.stall(SimNetwork::kForever);
}

void SwarmRun::do_liveness() {
  injector_.stop();
  clients_.set_faulty(false);
  swarm_.set_restarts(false);
  swarm_.set_mid_step_deaths(0);
  // It could make a machine needed of which it does not know yet that it is frozen for good.
  if (swarm_.voters() != nullptr) swarm_.voters()->set_working(false);
  const bool cuts_the_rest = random_.chance(0.5);
  const std::set<std::size_t> core = choose_core(cuts_the_rest);
  swarm_.marks().hit(Mark::no_sound_core, core.empty());
  if (core.empty()) return;
  trace_.note(swarm_.now(), "liveness: {} machines are well", core.size());
  swarm_.network().freeze_around(core, cuts_the_rest, swarm_.now());
  clients_.set_reach(core);
  for (const auto& member : swarm_.members()) {
    if (core.contains(member->machine))
      mend(*member);
    else
      freeze(*member);
  }
  const MonoTime begun = swarm_.now();
  const bool is_live = run_until(begun + kLivenessDeadline, [&] {
    // One that slept may die of what its disk did before.
    for (const std::size_t machine : core)
      if (!swarm_.member(machine).runs) mend(swarm_.member(machine));
    return clients_.commands_begun_and_completed(begun) >= 3;
  });
  report_.liveness_took = swarm_.now() - begun;
  require(is_live, "a quorum that is well does not get on within {} s", kLivenessDeadline / 1s);
  const bool has_rest = core.size() < swarm_.members().size();
  swarm_.marks().hit(Mark::core_without_rest, has_rest && cuts_the_rest);
  swarm_.marks().hit(Mark::core_beside_rest, has_rest && !cuts_the_rest);
}

std::set<NodeId> SwarmRun::first_machines(std::size_t count) {
  std::set<NodeId> ids;
  for (std::size_t i = 0; i < count; ++i)
    ids.insert(swarm_.member(i).id);
  return ids;
}

/// Proposes, again and again, what is missing.
void SwarmRun::lead_to(std::size_t voter_count) {
  swarm_.at(swarm_.now() + 200ms, [this, voter_count] {
    const SimMember* leader = swarm_.leader();
    if (leader != nullptr) {
      const Config& now = leader->core->config();
      const auto next = step_towards(swarm_, now, first_machines(voter_count));
      if (next) propose_change(swarm_, *next);
    }
    lead_to(voter_count);
  });
}

bool SwarmRun::has_converged(std::size_t voter_count) {
  const std::set<NodeId> voters = first_machines(voter_count);
  const SimMember* leader = swarm_.leader();
  if (leader == nullptr || !clients_.are_idle()) return false;
  const RaftCore& core = *leader->core;
  if (core.config().is_joint() || core.config().voters != voters) return false;
  return is_equal_everywhere(core) && core.config().members().size() == swarm_.members().size();
}

bool SwarmRun::is_equal_everywhere(const RaftCore& leader) {
  const LogIndex last = leader.log().last_index();
  return std::ranges::all_of(swarm_.members(), [&](const auto& member) {
    return member->core && member->core->applied_index() == last &&
           member->core->config() == leader.config() && member->core->term() == leader.term();
  });
}

/// Five voters and two standbys of those that there are now, and gossip that is right.
bool SwarmRun::has_kept_itself() {
  const SimMember* leader = swarm_.leader();
  if (leader == nullptr || !clients_.are_idle() || !swarm_.gossip()->is_settled()) return false;
  const RaftCore& core = *leader->core;
  const Config& config = core.config();
  const bool is_full = !config.is_joint() && config.voters.size() == kKeptVoters &&
                       config.learners.size() == kKeptStandbys;
  const auto members = config.members();
  const bool are_there =
      std::ranges::all_of(members, [this](NodeId id) { return swarm_.find(id) != nullptr; });
  return is_full && are_there && is_equal_everywhere(core);
}

void SwarmRun::do_healing() {
  trace_.note(swarm_.now(), "everything heals");
  std::set<std::size_t> all;
  const std::size_t voter_count = random_.chance(0.5) ? 3 : 5;
  for (const auto& member : swarm_.members())
    all.insert(member->machine);
  swarm_.network().heal_all();
  swarm_.set_restarts(true);
  clients_.set_reach(all);
  clients_.finish();
  for (const auto& member : swarm_.members())
    mend(*member);
  const bool keeps = swarm_.voters() != nullptr;
  if (keeps) {
    swarm_.voters()->drain_nobody();
    swarm_.voters()->set_working(true);
  } else {
    lead_to(voter_count);
  }
  const MonoTime begun = swarm_.now();
  const MonoTime deadline = keeps ? kKeptHealingDeadline : kHealingDeadline;
  const Term before = swarm_.highest_term();
  const bool is_well = run_until(
      begun + deadline, [&] { return keeps ? has_kept_itself() : has_converged(voter_count); });
  report_.healing_took = swarm_.now() - begun;
  require(is_well, "the healed swarm is not equal everywhere after {} s", deadline / 1s);
  swarm_.marks().hit(Mark::kept_itself, keeps);
  const Term term = swarm_.leader()->core->term();
  const auto elections = term.value - std::min(term.value, before.value);
  require(elections <= static_cast<std::uint64_t>(report_.healing_took / 500ms) + 3,
          "{} elections until the healed swarm was well",
          elections);
  run_until(swarm_.now() + 2s, [] { return false; });
  require(swarm_.leader() != nullptr && swarm_.leader()->core->term() == term,
          "a healed swarm elects again");
  check_equal();
  clients_.check_refused();
}

void SwarmRun::check_equal() {
  for (const auto& member : swarm_.members()) {
    const auto& disk = member->disk.store().live();
    require(member->core && member->core->term() == swarm_.leader()->core->term(),
            "a healed swarm is in several terms");
    swarm_.history().check_state(disk.applied, disk.state);
    RaftChecker::check_equal_logs(member->core->log(), swarm_.leader()->core->log());
  }
}

void SwarmRun::do_handover() {
  trace_.note(swarm_.now(), "the leader dies, and nothing is written");
  swarm_.set_restarts(false);
  SimMember& old = *swarm_.leader();
  swarm_.crash(old);
  clients_.only_read();
  clients_.resume();
  const std::uint64_t before = clients_.completed();
  const bool is_served =
      run_until(swarm_.now() + kHandoverDeadline, [&] { return clients_.completed() > before; });
  require(is_served, "no read is served {} s after the leader died", kHandoverDeadline / 1s);
}

void SwarmRun::fill_report() {
  report_.digest = trace_.digest();
  report_.steps = swarm_.steps();
  report_.lived = swarm_.now();
  report_.committed = swarm_.checker().highest_commit();
  report_.term = swarm_.checker().highest_leader_term();
  report_.crashes = swarm_.crashes();
  report_.operations = clients_.completed();
  report_.marks = swarm_.marks();
  report_.marks.hit(Mark::repeat_answered, swarm_.history().repeats() > 0);
  report_.marks.hit(Mark::late_command_refused, swarm_.history().late() > 0);
}

}  // namespace

void add(SwarmReport& sum, const SwarmReport& report) {
  SwarmReport next = report;
  next.steps += sum.steps;
  next.lived += sum.lived;
  next.committed.value += sum.committed.value;
  next.crashes += sum.crashes;
  next.operations += sum.operations;
  next.marks.add(sum.marks);
  sum = next;
}

SwarmReport run_swarm(const SwarmOptions& options) {
  return SwarmRun{options}.run();
}

}  // namespace starling::tests
