#include "consensus/group/raft_group.h"

#include "consensus/group/log_relay.h"
#include "consensus/group/raft_engine.h"
#include "consensus/group/recovery.h"

#include <fmt/format.h>

namespace starling::consensus {
namespace {

asio::awaitable<Result<Bytes>> refuse() {
  co_return Error{Errc::unavailable, "this node stops"};
}

asio::awaitable<Result<Bytes>> tell_position(std::shared_ptr<RaftEngine> engine) {
  co_return encode_log_position(position_of(engine->core()));
}

class EngineGroup : public RaftGroup {
 public:
  EngineGroup(std::shared_ptr<RaftEngine> engine, std::shared_ptr<LogRelay> relay)
      : engine_(std::move(engine)), relay_(std::move(relay)) {}

  ~EngineGroup() override {
    relay_->close();
    engine_->close();
  }

  EngineGroup(const EngineGroup&) = delete;
  EngineGroup& operator=(const EngineGroup&) = delete;

  void start() override {
    engine_->start();
    relay_->start();
  }

  asio::awaitable<Result<AppliedCommand>> propose(std::string command,
                                                  std::chrono::milliseconds patience) override {
    auto waiter = engine_->propose(std::move(command));
    return RaftEngine::Command::wait(
        std::move(waiter),
        patience,
        fmt::format("not committed within {} ms; whether it will be is unknown", patience.count()));
  }

  asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience) override {
    auto waiter = engine_->read_index();
    return RaftEngine::Read::wait(
        std::move(waiter),
        patience,
        fmt::format("no quorum confirmed the leader within {} ms", patience.count()));
  }

  asio::awaitable<Result<>> wait_applied(LogIndex index,
                                         std::chrono::milliseconds patience) override {
    auto waiter = engine_->reach(index);
    return RaftEngine::Reached::wait(
        std::move(waiter),
        patience,
        fmt::format("entry {} was not applied here within {} ms", index.value, patience.count()));
  }

  asio::awaitable<Result<>> change_members(std::set<NodeId> voters,
                                           std::set<NodeId> learners,
                                           std::chrono::milliseconds patience) override {
    return change(engine_, std::move(voters), std::move(learners), patience);
  }

  void on_applied(std::function<void(LogIndex applied)> handler) override {
    engine_->on_applied(std::move(handler));
  }

  void on_role(std::function<void(const RaftStatus& status)> handler) override {
    engine_->on_role(std::move(handler));
  }

  RaftStatus status() const override { return engine_->status(); }

  std::shared_ptr<const StateView> view() const override { return engine_->view(); }

  LogIndex applied() const override { return engine_->applied(); }

  asio::awaitable<void> hand_over(std::set<NodeId> among) override {
    return hand_over_engine(engine_, std::move(among));
  }

  asio::awaitable<void> stop() override {
    relay_->close();
    return stop_engine(engine_);
  }

 private:
  /// A joint config is followed by the final one, so there may be two entries to wait for.
  static asio::awaitable<Result<>> change(std::shared_ptr<RaftEngine> engine,
                                          std::set<NodeId> voters,
                                          std::set<NodeId> learners,
                                          std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    auto index = engine->change_config(voters, learners);
    if (!index) co_return index.error();
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      const auto reached = co_await RaftEngine::Reached::wait(
          engine->reach(*index), left, "whether the change of members is committed is unknown");
      if (!reached) co_return reached.error();
      const auto& [last, config] = engine->core().log().configs().at(engine->applied());
      const Config wanted{voters, {}, learners};
      if (config == wanted) co_return Result<>{};
      const bool is_on_the_way = config.is_joint() && config.voters == voters;
      if (!is_on_the_way)
        co_return Error{Errc::unavailable, "a new leader replaced the change of members"};
      index = LogIndex{std::max(engine->applied(), last).value + 1};
    }
  }

  static asio::awaitable<void> hand_over_engine(std::shared_ptr<RaftEngine> engine,
                                                std::set<NodeId> among) {
    constexpr std::chrono::milliseconds kPatience{3000};
    const auto handed_over = engine->hand_over(std::move(among));
    const auto ended =
        co_await RaftEngine::Reached::wait(handed_over, kPatience, "nobody took over");
    if (!ended) engine->give_up_hand_over();
  }

  static asio::awaitable<void> stop_engine(std::shared_ptr<RaftEngine> engine) {
    std::set<NodeId> anybody;
    co_await hand_over_engine(engine, std::move(anybody));
    engine->close();
  }

  std::shared_ptr<RaftEngine> engine_;
  std::shared_ptr<LogRelay> relay_;
};

}  // namespace

Result<std::unique_ptr<RaftGroup>> RaftGroup::open(asio::any_io_executor core,
                                                   RaftGroupOptions options,
                                                   StateMachine& machine,
                                                   node::PeerLinks& links,
                                                   AddressOf address_of) {
  const auto timings = check(options.timings);
  if (!timings) return timings.error();
  auto opened = DiskLogStore::open(options.state_dir, options.swarm, options.self);
  if (!opened) return opened.error();
  std::shared_ptr<DiskLogStore> store = std::move(*opened);
  auto restored = store->load();
  if (!restored) return restored.error();
  if (options.found && restored->hard.term == Term{}) {
    const auto founded = store->persist(founding_batch(options.self));
    if (!founded) return founded.error();
    restored = store->load();
    if (!restored) return restored.error();
  }
  const bool is_empty = restored->hard.term == Term{} && restored->log.last_index() == LogIndex{};
  if (is_empty) restored->hard.recovery_epoch = options.recovery_epoch;
  auto engine = std::make_shared<RaftEngine>(
      std::move(core), options, machine, links, address_of, std::move(store), std::move(*restored));
  const std::weak_ptr<RaftEngine> weak = engine;
  links.on_message(node::Channel::raft, [weak](NodeId from, const Bytes& body) {
    if (const auto self = weak.lock()) self->take_message(from, body);
  });
  links.on_request(node::Channel::survey, [weak](NodeId, Bytes) {
    const auto self = weak.lock();
    return self ? tell_position(self) : refuse();
  });
  links.on_request(node::Channel::snapshot, [weak](NodeId from, Bytes body) {
    const auto self = weak.lock();
    return self ? RaftEngine::take_chunk(self, from, std::move(body)) : refuse();
  });
  LogRelayParts parts{engine, links, std::move(address_of), options.alive};
  auto relay = std::make_shared<LogRelay>(std::move(parts), options);
  return std::unique_ptr<RaftGroup>{
      std::make_unique<EngineGroup>(std::move(engine), std::move(relay))};
}

}  // namespace starling::consensus
