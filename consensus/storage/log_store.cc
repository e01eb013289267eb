#include "consensus/storage/log_store.h"

#include "node/base/state_pairs.h"

namespace starling::consensus {
namespace {

class ViewReader : public SnapshotReader {
 public:
  explicit ViewReader(std::shared_ptr<const StateView> view) : view_(std::move(view)) {}

  Result<std::string> next(std::size_t bytes_max) override {
    std::string pairs;
    view_->scan(from_, {}, [&](std::string_view key, std::string_view value) {
      if (!pairs.empty() && pairs.size() + key.size() + value.size() > bytes_max) return false;
      append_pair(pairs, key, value);
      from_ = std::string{key} + '\0';
      return true;
    });
    return pairs;
  }

 private:
  std::shared_ptr<const StateView> view_;
  std::string from_;
};

}  // namespace

std::unique_ptr<SnapshotReader> reader_of(std::shared_ptr<const StateView> view) {
  return std::make_unique<ViewReader>(std::move(view));
}

PersistBatch founding_batch(NodeId self) {
  constexpr Term kFirst{1};
  PersistBatch batch;
  batch.hard = {kFirst, self, LogIndex{1}, 0};
  const Entry entry{kFirst, LogIndex{1}, EntryKind::config, {}, Config{{self}, {}, {}}};
  batch.append.push_back(std::make_shared<const Entry>(entry));
  return batch;
}

}  // namespace starling::consensus
