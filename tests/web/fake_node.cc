#include "tests/web/fake_node.h"

#include "ml/table/table_file.h"

#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <unistd.h>

namespace starling::tests {

namespace asio = web::asio;

namespace {

std::filesystem::path fresh_directory() {
  static std::atomic<int> count{0};
  return std::filesystem::temp_directory_path() /
         fmt::format("starling_fake_node_{}_{}", ::getpid(), ++count);
}

}  // namespace

NodeId test_node_id() {
  NodeId id;
  id.bytes.fill(0xab);
  return id;
}

FakeNode::FakeNode()
    : directory_(fresh_directory()), blobs_(std::move(node::BlobStore::open(directory_).value())) {}

FakeNode::~FakeNode() {
  blobs_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

web::SwarmStatus FakeNode::swarm() const {
  web::MemberStatus self;
  self.member.id = test_node_id();
  self.member.facts.name = "node-1";
  self.member.facts.address = "127.0.0.1:7400";
  self.member.facts.slots = 2;
  self.member.facts.memory_budget_mb = 1000;
  self.member.facts.memory_used_mb = 300;
  self.member.facts.labels = {{"rack", "a"}};
  self.role = "voter";
  self.is_leader = true;
  web::SwarmStatus swarm;
  swarm.swarm.bytes[0] = 7;
  swarm.self = test_node_id();
  swarm.leader = test_node_id();
  swarm.term = 3;
  swarm.commit_index = applied().value;
  swarm.applied_index = applied().value;
  swarm.members.push_back(self);
  for (const std::string& url : member_urls) {
    web::MemberStatus other;
    other.member.id.bytes.fill(0xcd);
    other.member.facts.http = url;
    other.role = "leaf";
    swarm.members.push_back(other);
  }
  return swarm;
}

Result<> FakeNode::ready() const {
  if (not_ready) return *not_ready;
  return {};
}

Result<> FakeNode::room_to_grow() const {
  if (no_room) return *no_room;
  return {};
}

std::shared_ptr<const StateView> FakeNode::state() const {
  if (on_look) on_look();
  const std::scoped_lock lock{mutex_};
  return view_;
}

LogIndex FakeNode::applied() const {
  const std::scoped_lock lock{mutex_};
  return applied_;
}

asio::awaitable<Result<>> FakeNode::wait_applied(LogIndex index, std::chrono::milliseconds) {
  if (applied() >= index) co_return Result<>{};
  co_return Error{Errc::timed_out, "behind"};
}

asio::awaitable<Result<LogIndex>> FakeNode::read_index(std::chrono::milliseconds) {
  if (ledger_error) co_return *ledger_error;
  co_return applied();
}

asio::awaitable<Result<ml::TableProfile>> FakeNode::profile(ContentHash blob,
                                                            ml::TableOptions options) {
  co_return ml::profile_file(blobs_->path(blob), options);
}

asio::awaitable<Result<>> FakeNode::replicate(ContentHash blob) {
  return fetch(blob);
}

asio::awaitable<Result<>> FakeNode::fetch(ContentHash blob) {
  if (blobs_->has(blob)) co_return Result<>{};
  co_return Error{Errc::unavailable, "no member that holds this file answers"};
}

asio::awaitable<Result<std::string>> FakeNode::predict(web::PredictCall call) {
  if (call.body.find("bad") != std::string::npos) {
    co_return Error{Errc::invalid_argument, "row 0, column age: \"bad\" is not a number"};
  }
  co_return fmt::format("{{\"model\":\"{}\",\"version\":{},\"csv\":{}}}",
                        call.model,
                        call.version.value_or(1),
                        call.is_csv);
}

ml::Recorded FakeNode::apply(ml::Command command) {
  LogIndex index;
  ml::Outcome outcome;
  {
    const std::scoped_lock lock{mutex_};
    index = applied_.next();
    command.time_ms = 1000 * index.value;
    auto applied = ml::apply(*view_, index, command);
    auto next = std::make_shared<MapView>(*view_);
    next->commit(applied.changes);
    view_ = std::move(next);
    applied_ = index;
    outcome = std::move(applied.outcome);
  }
  if (on_applied) on_applied(index);
  return {index, std::move(outcome)};
}

ml::Recorded FakeNode::apply(ml::CommandBody body) {
  ml::Command command;
  command.body = std::move(body);
  return apply(std::move(command));
}

asio::awaitable<Result<ml::Recorded>> FakeNode::append(ml::Command command,
                                                       std::chrono::milliseconds) {
  if (ledger_error) co_return *ledger_error;
  if (apply_twice) apply(command);
  co_return apply(std::move(command));
}

}  // namespace starling::tests
