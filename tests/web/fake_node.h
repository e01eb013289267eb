/// A node of one: the real state machine over a map, a real blob store, no Raft and no model.
#pragma once

#include "ml/study/study_state.h"
#include "web/api/node_view.h"

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>

namespace starling::tests {

class FakeNode : public web::NodeView, public ml::Ledger {
 public:
  FakeNode();
  ~FakeNode() override;

  web::SwarmStatus swarm() const override;
  Result<> ready() const override;
  Result<> room_to_grow() const override;
  std::shared_ptr<const StateView> state() const override;
  LogIndex applied() const override;
  web::asio::awaitable<Result<>> wait_applied(LogIndex index,
                                              std::chrono::milliseconds patience) override;
  web::asio::awaitable<Result<LogIndex>> read_index(std::chrono::milliseconds patience) override;

  ml::Ledger& ledger() override { return *this; }

  node::BlobStore& blobs() override { return *blobs_; }

  web::asio::awaitable<Result<ml::TableProfile>> profile(ContentHash blob,
                                                         ml::TableOptions options) override;
  web::asio::awaitable<Result<>> replicate(ContentHash blob) override;
  web::asio::awaitable<Result<>> fetch(ContentHash blob) override;
  web::asio::awaitable<Result<std::string>> predict(web::PredictCall call) override;
  web::asio::awaitable<Result<ml::Recorded>> append(ml::Command command,
                                                    std::chrono::milliseconds patience) override;

  /// Applies at once, as if it had been committed. From any thread.
  ml::Recorded apply(ml::Command command);
  ml::Recorded apply(ml::CommandBody body);

  std::function<void(LogIndex)> on_applied;  ///< called after each command
  std::function<void()> on_look;             ///< called before the state is given out
  std::optional<Error> ledger_error;         ///< what `append` answers instead of committing
  bool apply_twice = false;  ///< the answer is the second one, as after a lost first one
  std::optional<Error> not_ready;
  std::optional<Error> no_room;
  std::vector<std::string> member_urls;  ///< of other members

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const MapView> view_ = std::make_shared<MapView>();
  LogIndex applied_{};
  std::filesystem::path directory_;
  std::unique_ptr<node::BlobStore> blobs_;
};

NodeId test_node_id();

}  // namespace starling::tests
