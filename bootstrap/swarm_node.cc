#include "bootstrap/swarm_node.h"

#include "bootstrap/admission.h"
#include "bootstrap/blob_sync.h"
#include "bootstrap/disk_guard.h"
#include "bootstrap/facts_publisher.h"
#include "bootstrap/identity.h"
#include "bootstrap/live_node.h"
#include "bootstrap/member_watch.h"
#include "bootstrap/node_facts.h"
#include "bootstrap/node_sockets.h"
#include "bootstrap/node_work.h"
#include "bootstrap/other_swarm.h"
#include "bootstrap/raft_ledger.h"
#include "bootstrap/renewal.h"
#include "bootstrap/study_machine.h"
#include "bootstrap/swarm_entry.h"
#include "bootstrap/voter_keeper.h"
#include "consensus/group/raft_group.h"
#include "ml/study/study_state.h"
#include "ml/study/study_wire.h"
#include "node/base/clock.h"
#include "node/base/durable_file.h"
#include "node/base/random.h"
#include "node/blobs/blob_exchange.h"
#include "node/gossip/gossip_service.h"
#include "node/net/peer_links.h"
#include "node/net/spawn.h"
#include "node/process/host_resources.h"
#include "web/api/api.h"
#include "web/api/auth.h"
#include "web/dashboard/page_files.h"
#include "web/http/http_server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <thread>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kTokenPatience = 5s;
constexpr std::size_t kSeedsMax = 64;
constexpr auto kMeetingPatience = 2500ms;  // more than a call to a silent address takes
constexpr auto kTokenPause = 500ms;
constexpr auto kCatchUpPatience = 10s;
constexpr std::size_t kDisksToSeal = 2;  // of new blobs, before the log speaks of them

std::uint64_t random_seed() {
  return from_big_endian_key(as_text(secure_random_bytes(8)));
}

/// The page's files live as long as the program, so views of them do too.
std::vector<web::StaticFile> pages() {
  std::vector<web::StaticFile> files;
  for (const auto& file : web::page_files()) {
    const auto path = file.path == "/" ? std::string_view{"index.html"} : file.path.substr(1);
    files.push_back({.path = path, .content_type = file.content_type, .body = file.body});
  }
  return files;
}

class RunningNode : public SwarmNode {
 public:
  explicit RunningNode(Settings settings) : settings_(std::move(settings)) {}

  Result<> prepare();
  int run() override;

 private:
  void start();
  asio::awaitable<void> enter_swarm();
  asio::awaitable<void> go_on_in_swarm();
  asio::awaitable<Result<>> start_in(SwarmId swarm);
  Result<> start_gossip(SwarmId swarm);
  void left_for_good();
  void meet_twin(const std::string& where, bool must_give_way);
  void meet_other_swarm(SwarmId theirs, const std::string& where, bool must_dissolve);
  void look_whether_untouched();
  Result<> start_member(SwarmId swarm);
  Result<> start_web();
  void fail(const Error& error);
  void on_applied(LogIndex applied);
  asio::awaitable<void> ensure_admin_token();
  node::MemberFacts facts_now() const;
  asio::awaitable<void> stop_on_signal();
  asio::awaitable<void> stop();
  std::optional<std::string> address_of(NodeId id) const;
  std::vector<std::string> other_addresses() const;
  std::vector<NodeId> others_alive() const;
  std::size_t others_with_room() const;
  void trim_ballast() const;
  BlobSyncSources blob_sources();
  asio::awaitable<Result<>> catch_up();

  Settings settings_;
  std::unique_ptr<Identity> identity_;
  asio::io_context core_{1};
  asio::io_context web_{1};
  asio::thread_pool background_{1};
  std::optional<NodeSockets> sockets_;
  std::optional<asio::signal_set> signals_;
  std::string http_url_;
  std::unique_ptr<KnownPeers> peers_;
  std::unique_ptr<FactsSource> facts_;
  std::unique_ptr<DiskGuard> disk_;
  StudyMachine machine_;

  // In the order they are built; destroyed in reverse.
  std::unique_ptr<node::Trust> trust_;
  std::unique_ptr<node::PeerLinks> links_;
  std::unique_ptr<SwarmEntry> entry_;
  std::unique_ptr<node::GossipService> gossip_;
  std::unique_ptr<node::BlobStore> blobs_;
  std::unique_ptr<node::BlobExchange> exchange_;
  std::unique_ptr<consensus::RaftGroup> group_;
  std::unique_ptr<RaftLedger> ledger_;
  std::unique_ptr<MemberWatch> members_;
  std::unique_ptr<Admission> admission_;
  std::unique_ptr<BlobSync> blob_sync_;
  std::unique_ptr<NodeWork> work_;
  std::unique_ptr<VoterKeeper> voters_;
  std::unique_ptr<FactsPublisher> publisher_;
  std::unique_ptr<LiveNode> live_;
  std::unique_ptr<web::Api> api_;
  std::unique_ptr<web::HttpServer> http_;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> web_open_;
  std::thread web_thread_;

  std::optional<Logger> log_;
  std::optional<Renewal> renewal_;
  OtherSwarm other_swarm_;
  bool may_be_provisional_ = false;  ///< nobody said that a new swarm is wanted
  bool is_stopping_ = false;
  int exit_code_ = 0;
};

Result<> RunningNode::prepare() {
  auto identity = Identity::open(settings_.data);
  if (!identity) return identity.error();
  identity_ = std::move(*identity);
  if (settings_.name.empty()) settings_.name = "node-" + identity_->node().hex().substr(0, 6);

  LogLevel level = LogLevel::info;
  if (!parse_log_level(settings_.log_level, level)) {
    return Error{
        Errc::invalid_argument,
        fmt::format("--log-level {}: use debug, info, warn or error", settings_.log_level)};
  }
  std::error_code ignored;  // start_logging reports a folder it cannot use
  std::filesystem::create_directories(settings_.data / "log", ignored);
  start_logging(level, (settings_.data / "log" / "node.log").string());
  log_.emplace("node", settings_.name);
  renewal_.emplace(*identity_, *log_);
  if (identity_->renewed_because())
    log_->warn("is a new member now: {}", *identity_->renewed_because());

  auto sockets = bind_sockets(settings_, core_, web_, kPortPatience);
  if (!sockets) return sockets.error();
  sockets_.emplace(std::move(*sockets));
  if (settings_.advertise.empty()) {
    auto told = advertised_address(settings_, *sockets_, core_);
    if (!told) return told.error();
    settings_.advertise = std::move(*told);
  }
  http_url_ = settings_.http_advertise.empty() ? "http://" + sockets_->http_address
                                               : settings_.http_advertise;
  disk_ = std::make_unique<DiskGuard>(settings_.data,
                                      parse_size("--disk-reserve", settings_.disk_reserve).value(),
                                      [space = std::make_shared<node::DiskSpace>(settings_.data)] {
                                        return space->free_bytes(mono_now());
                                      });
  trim_ballast();
  trust_ = std::make_unique<node::Trust>(identity_->secret());
  entry_ = std::make_unique<SwarmEntry>(settings_, *identity_, *trust_);
  if (auto ok = entry_->prepare(); !ok) return ok;

  auto blobs = node::BlobStore::open(settings_.data / "blobs");
  if (!blobs) return blobs.error();
  blobs_ = std::move(*blobs);
  return {};
}

std::optional<std::string> RunningNode::address_of(NodeId id) const {
  const auto member = gossip_->member(id);
  if (!member || member->facts.address.empty()) return std::nullopt;
  return member->facts.address;
}

std::vector<std::string> RunningNode::other_addresses() const {
  std::vector<std::string> addresses = settings_.join;
  for (const auto& member : gossip_->members())
    if (member.id != identity_->node()) addresses.push_back(member.facts.address);
  for (const auto& known : peers_->addresses())
    addresses.push_back(known);
  std::ranges::sort(addresses);
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  std::erase(addresses, settings_.advertise);
  return addresses;
}

std::vector<NodeId> RunningNode::others_alive() const {
  std::vector<NodeId> others;
  for (const auto& member : gossip_->members())
    if (member.id != identity_->node() && member.state == node::MemberState::alive)
      others.push_back(member.id);
  return others;
}

/// On their disks.
std::size_t RunningNode::others_with_room() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(gossip_->members(), [this](const node::Member& member) {
        return member.id != identity_->node() && member.state == node::MemberState::alive &&
               !member.facts.disk_is_short;
      }));
}

void RunningNode::start() {
  links_ = std::make_unique<node::PeerLinks>(
      std::move(sockets_->peers), *trust_, node::PeerLinksLimits{});
  node::spawn(core_.get_executor(), identity_->swarm() ? go_on_in_swarm() : enter_swarm());
  links_->start();
}

asio::awaitable<void> RunningNode::go_on_in_swarm() {
  const auto started = co_await start_in(*identity_->swarm());
  if (!started && !is_stopping_) fail(started.error());
}

asio::awaitable<void> RunningNode::enter_swarm() {
  auto entered = co_await entry_->enter(core_.get_executor(), *links_);
  if (is_stopping_) co_return;
  links_->connect_anew();
  if (entered) co_return co_await go_on_in_swarm();
  fail(entered.error());
}

/// A process that runs on a copy of this data directory is met by gossip, before this one votes.
asio::awaitable<Result<>> RunningNode::start_in(SwarmId swarm) {
  links_->on_recovered([this](std::uint64_t epoch) {
    if (is_stopping_ || !group_) return;
    const auto on = renewal_->hear_of_recovery(epoch, group_->status().no_leader_since);
    if (!on) fail(on.error());
  });
  links_->on_removed([this] { left_for_good(); });
  links_->on_twin(
      [this](const std::string& where, bool must_give_way) { meet_twin(where, must_give_way); });
  links_->on_other_swarm([this](SwarmId theirs, const std::string& where, bool must_dissolve) {
    meet_other_swarm(theirs, where, must_dissolve);
  });
  links_->set_swarm(swarm, identity_->recovery_epoch());
  if (auto ok = start_gossip(swarm); !ok) co_return ok;
  gossip_->start();
  co_await gossip_->settled(kMeetingPatience);
  if (is_stopping_) co_return Error{Errc::unavailable, "this node is stopping"};
  if (auto ok = start_member(swarm); !ok) co_return ok;
  node::spawn(core_.get_executor(), admission_->stay(settings_.name));
  co_return Result<>{};
}

/// One that was founded because nobody else could be reached, and holds nothing, gives way. Who
/// said --found wants a new one.
void RunningNode::meet_other_swarm(SwarmId theirs, const std::string& where, bool must_dissolve) {
  if (is_stopping_ || !group_) return;
  look_whether_untouched();
  if (must_dissolve && may_be_provisional_) {
    renewal_->dissolve(fmt::format("swarm {} was met at {}, and this one, {}, holds nothing yet",
                                   theirs.hex(),
                                   where,
                                   identity_->swarm()->hex()));
    const Error stays_down{Errc::conflict, "could not dissolve the swarm that this node founded"};
    return fail(stays_down);
  }
  if (links_->hello().is_provisional || !other_swarm_.note(mono_now(), theirs, where)) return;
  if (const auto warning = other_swarm_.warning(mono_now())) log_->error("{}", *warning);
}

/// Once it was touched, it stays so.
void RunningNode::look_whether_untouched() {
  may_be_provisional_ = may_be_provisional_ && ml::is_untouched(*group_->view());
  links_->set_provisional(may_be_provisional_);
}

/// With two of them a vote could be given twice.
void RunningNode::meet_twin(const std::string& where, bool must_give_way) {
  if (is_stopping_) return;
  const std::string what =
      fmt::format("another process, met at {}, runs as this very node, on a copy of {}",
                  where,
                  settings_.data.string());
  if (!must_give_way) return log_->error("{}; it began later and has to stop", what);
  const Error error{
      Errc::conflict,
      fmt::format("{}, and began earlier: this one stops; empty the copy to join as a new node",
                  what)};
  fail(error);
}

Result<> RunningNode::start_gossip(SwarmId swarm) {
  peers_ = std::make_unique<KnownPeers>(settings_.data / "peers");
  facts_ = std::make_unique<FactsSource>(settings_, http_url_);

  node::GossipOptions options;
  options.swarm = swarm;
  options.recovery_epoch = identity_->recovery_epoch();
  options.facts = facts_->now(0, false, node::newest_generation(trust_->ring()));
  if (const auto fault = node::fault_of(options.facts); !fault.empty()) {
    return Error{Errc::invalid_argument,
                 fmt::format("this node cannot tell others about itself: {}; shorten --label, "
                             "--name, --advertise or --http-advertise",
                             fault)};
  }
  options.seeds = settings_.join;
  // Each is called now and then for ever, unless a member lives there.
  for (const auto& known : peers_->addresses())
    if (options.seeds.size() < kSeedsMax) options.seeds.push_back(known);
  std::erase(options.seeds, settings_.advertise);
  const auto incarnation = identity_->next_incarnation();
  if (!incarnation) return incarnation.error();
  options.incarnation = *incarnation;
  options.seed = random_seed();
  gossip_ = std::make_unique<node::GossipService>(
      std::move(sockets_->gossip), *links_, *trust_, std::move(options));
  gossip_->on_change([this](const std::vector<node::Member>& changed) {
    peers_->note(changed, identity_->node());
    for (const auto& member : changed)
      if (members_) members_->heard_of(member);
    if (work_) work_->wake_planning();
  });
  return {};
}

/// `starling member rm` named this node.
void RunningNode::left_for_good() {
  log_->warn("was removed from the swarm and stops; empty {} to join again as a new node",
             settings_.data.string());
  node::spawn(core_.get_executor(), stop());
}

Result<> RunningNode::start_member(SwarmId swarm) {
  const auto core = core_.get_executor();
  consensus::RaftGroupOptions options;
  options.recovery_epoch = static_cast<std::uint32_t>(identity_->recovery_epoch());
  options.self = identity_->node();
  options.swarm = swarm;
  options.state_dir = settings_.data / "state";
  options.found = identity_->is_founding();
  options.seed = random_seed();
  options.alive = [this] { return others_alive(); };
  options.disk_is_full = [this] { return disk_->is_full(); };
  options.on_lost = [this](const std::string& why) { renewal_->come_back_as_new(why); };
  const auto address = [this](NodeId id) { return address_of(id); };
  auto group = consensus::RaftGroup::open(core, options, machine_, *links_, address);
  if (!group) {
    // Alone, its damaged copy is the best there is: a person decides.
    const bool has_others = !peers_->addresses().empty();
    if (group.error().code == Errc::corrupt && has_others)
      renewal_->come_back_as_new(group.error().detail);
    return group.error();
  }
  group_ = std::move(*group);
  if (auto same = renewal_->agree_on_epoch(group_->status().recovery_epoch); !same) return same;
  const bool founds = identity_->is_founding();
  may_be_provisional_ = identity_->has_founded_by_proof();
  look_whether_untouched();
  if (founds) {
    if (auto ok = identity_->founded(); !ok) return ok;
    log_->info("founded a swarm swarm={}", swarm.hex());
  }

  exchange_ = std::make_unique<node::BlobExchange>(core, *links_, *blobs_, settings_.advertise);
  exchange_->set_room([this] { return disk_->room(); });
  ledger_ = std::make_unique<RaftLedger>(
      core, *group_, *links_, address, *disk_, Logger{"ledger", settings_.name});
  members_ = std::make_unique<MemberWatch>(
      *group_,
      *gossip_,
      *links_,
      *trust_,
      key_file_of(settings_.data),
      [this] { left_for_good(); },
      Logger{"members", settings_.name});
  Admission::Parts parts{.ledger = *ledger_,
                         .group = *group_,
                         .links = *links_,
                         .trust = *trust_,
                         .address_of = address,
                         .addresses = [this] { return other_addresses(); },
                         .is_alone = [this] { return others_alive().empty(); },
                         .on_ring =
                             [this](node::SwarmKeyRing ring) {
                               members_->take_ring(std::move(ring));
                               links_->connect_anew();
                             }};
  admission_ =
      std::make_unique<Admission>(core, std::move(parts), Logger{"admission", settings_.name});
  blob_sync_ = std::make_unique<BlobSync>(
      core, *blobs_, *exchange_, blob_sources(), BlobTimings{}, Logger{"blobs", settings_.name});
  NodeWork::Parts work_parts{.core = core,
                             .self = identity_->node(),
                             .recovery_epoch = identity_->recovery_epoch(),
                             .settings = settings_,
                             .facts = *facts_,
                             .group = *group_,
                             .ledger = *ledger_,
                             .links = *links_,
                             .gossip = *gossip_,
                             .blobs = *blobs_,
                             .blob_sync = *blob_sync_,
                             .disk = *disk_,
                             .seed = random_seed()};
  work_ = std::make_unique<NodeWork>(std::move(work_parts));
  voters_ = std::make_unique<VoterKeeper>(
      core, *group_, *gossip_, *ledger_, identity_->node(), Logger{"voters", settings_.name});
  group_->on_applied([this](LogIndex applied) { on_applied(applied); });
  group_->on_role([this](const consensus::RaftStatus& status) {
    log_->info("role={} term={} leader={}",
               consensus::to_string(status.role),
               status.term.value,
               status.leader ? status.leader->hex() : "none");
    work_->wake_planning();
    if (status.role != consensus::Role::leader) return;
    admission_->wake();
    voters_->wake();
  });
  group_->start();
  blob_sync_->start();
  if (auto ok = work_->start(); !ok) return ok;
  voters_->start();
  publisher_ = std::make_unique<FactsPublisher>(
      core, background_, *facts_, *gossip_, [this] { return facts_now(); }, *log_);
  publisher_->start();
  if (founds || std::filesystem::exists(settings_.data / "admin-token"))
    node::spawn(core, ensure_admin_token());
  return start_web();
}

BlobSyncSources RunningNode::blob_sources() {
  return {.self = identity_->node(),
          .state = [this] { return group_->view(); },
          .members = [this] { return gossip_->members(); },
          .copies_to_seal = [this] { return std::min(kDisksToSeal, others_with_room() + 1); },
          .catch_up = [this] { return catch_up(); },
          .has_room = [this] { return static_cast<bool>(disk_->room_to_grow()); }};
}

/// Until all that was committed before is applied here.
asio::awaitable<Result<>> RunningNode::catch_up() {
  const auto index = co_await ledger_->read_index(kCatchUpPatience);
  if (!index) co_return index.error();
  co_return co_await group_->wait_applied(*index, kCatchUpPatience);
}

Result<> RunningNode::start_web() {
  live_ = std::make_unique<LiveNode>(NodeParts{.swarm = *identity_->swarm(),
                                               .self = identity_->node(),
                                               .core = core_.get_executor(),
                                               .background = background_,
                                               .group = *group_,
                                               .ledger = *ledger_,
                                               .gossip = *gossip_,
                                               .blobs = *blobs_,
                                               .blob_sync = *blob_sync_,
                                               .predictor = work_->predictor(),
                                               .disk = *disk_,
                                               .other_swarm = other_swarm_});
  web::ApiOptions options;
  options.hosts = web::own_hosts(sockets_->http_address, http_url_);
  options.needs_token = !settings_.insecure_no_auth;
  options.upload_bytes_max = parse_size("--upload-limit", settings_.upload_limit).value();
  options.pages = pages();
  api_ = std::make_unique<web::Api>(web_.get_executor(), *live_, std::move(options));
  http_ = std::make_unique<web::HttpServer>(web_, std::move(sockets_->http), api_->handler());
  http_->start();
  web_open_.emplace(web_.get_executor());
  web_thread_ = std::thread{[this] { web_.run(); }};
  const auto written =
      write_addresses(settings_.data, sockets_->peer_address, settings_.advertise, http_url_);
  if (!written) log_->warn("addresses.json was not written why={}", written.error().detail);
  log_->info(
      "serving http={} peers={} node={}", http_url_, settings_.advertise, identity_->node().hex());
  return {};
}

/// Looked at once a second.
node::MemberFacts RunningNode::facts_now() const {
  trim_ballast();
  auto facts = facts_->now(
      work_->running(), work_->memory_is_short(), node::newest_generation(trust_->ring()));
  facts.disk_is_short = !disk_->room_to_grow();
  return facts;
}

void RunningNode::trim_ballast() const {
  const std::string done = disk_->trim_ballast();
  if (!done.empty()) log_->warn("{}", done);
}

void RunningNode::on_applied(LogIndex applied) {
  if (may_be_provisional_) look_whether_untouched();  // by a register, too, which is no news
  if (!machine_.take_news()) return;
  members_->look();
  blob_sync_->wake();
  work_->wake();
  if (api_) api_->notify_applied(applied);
}

/// The founder makes the first token: the file first, so that a crash leaves no valid token that
/// nobody has.
asio::awaitable<void> RunningNode::ensure_admin_token() {
  const auto path = settings_.data / "admin-token";
  auto token = read_file(path);
  if (!token) {
    token = to_hex(secure_random_bytes(24));
    if (auto ok = write_file_atomically(path, *token, 0600); !ok) {
      fail(ok.error());
      co_return;
    }
  }
  asio::steady_timer alarm{core_};
  while (!is_stopping_) {
    ml::Command command;
    command.body = ml::AddToken{hash_of(to_bytes(*token))};
    const auto recorded = co_await ledger_->append(std::move(command), kTokenPatience);
    if (recorded) co_return;
    log_->debug("the admin token is not recorded yet why={}", recorded.error().detail);
    alarm.expires_after(kTokenPause);
    co_await alarm.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void RunningNode::fail(const Error& error) {
  log_->error("{}", error.detail);
  exit_code_ = 1;
  core_.stop();
}

asio::awaitable<void> RunningNode::stop_on_signal() {
  const auto [failed, signal] = co_await signals_->async_wait(asio::as_tuple(asio::use_awaitable));
  if (failed) co_return;
  log_->info("stopping signal={}", signal);
  co_await stop();
}

asio::awaitable<void> RunningNode::stop() {
  if (std::exchange(is_stopping_, true)) co_return;
  entry_->stop();
  if (admission_) admission_->stop();
  if (http_) http_->stop();
  if (voters_) voters_->stop();
  if (publisher_) publisher_->stop();
  if (work_) work_->stop();
  if (blob_sync_) blob_sync_->stop();
  if (exchange_) exchange_->stop();
  if (group_) co_await group_->stop();
  if (work_) work_->stop_workers();
  if (gossip_) peers_->note(gossip_->members(), identity_->node());
  if (gossip_) gossip_->stop();
  links_->stop();
  core_.stop();
}

int RunningNode::run() {
  signals_.emplace(core_, SIGTERM, SIGINT);
  node::spawn(core_.get_executor(), stop_on_signal());
  start();
  if (exit_code_ == 0) core_.run();
  if (web_thread_.joinable()) {
    web_.stop();
    web_thread_.join();
  }
  background_.stop();
  background_.join();
  log_->info("stopped");
  return exit_code_;
}

}  // namespace

Result<std::unique_ptr<SwarmNode>> SwarmNode::open(const Settings& settings) {
  if (auto ok = check(settings); !ok) return ok.error();
  auto node = std::make_unique<RunningNode>(settings);
  if (auto ok = node->prepare(); !ok) return ok.error();
  return std::unique_ptr<SwarmNode>{std::move(node)};
}

}  // namespace starling::bootstrap
