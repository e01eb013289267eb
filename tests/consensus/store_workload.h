/// Random calls to a log store, and a model of what it must then hold.
#pragma once

#include "consensus/storage/log_store.h"
#include "node/base/random.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace starling::tests {

/// Bytes that copies share.
struct SharedText {
  std::shared_ptr<const std::string> text;

  friend bool operator==(const SharedText& a, const SharedText& b) { return *a.text == *b.text; }
};

using StateMap = std::map<std::string, SharedText>;

/// All that a store holds.
struct StoreContent {
  consensus::HardState hard;
  consensus::SnapshotMeta base;
  std::vector<consensus::EntryRef> log;  ///< after `base`
  LogIndex applied;
  StateMap state;

  /// Of a model: how it came to this since the last snapshot. Not compared.
  std::map<LogIndex, std::shared_ptr<const Changes>> applies;  ///< by the index they end with
  std::vector<consensus::SnapshotMeta> bases;

  LogIndex last() const { return {base.index.value + log.size()}; }

  friend bool operator==(const StoreContent& a, const StoreContent& b);
};

/// `found` as its node makes it after a crash: what `wanted` applied since is applied again, and
/// the log is cut where `wanted` cut it. Unchanged if `wanted` never applied or cut like that.
StoreContent brought_forward(const StoreContent& found, const StoreContent& wanted);

/// In short, for a failing test.
std::string to_string(const StoreContent& content);

/// Loads `store` and reads the whole log and state. Errors: those of `load`.
Result<StoreContent> read_content(consensus::LogStore& store);

class StoreWorkload {
 public:
  explicit StoreWorkload(std::uint64_t seed);

  struct Step {
    std::string call;
    bool is_synced = false;  ///< what was done up to here is durable, if it is done
    Result<> result;
  };

  /// One call, on the store and on the model.
  Step step(consensus::LogStore& store);

  const StoreContent& content() const { return content_; }

  /// The store was opened again and holds `content`.
  void restart(StoreContent content);

 private:
  void forget_past();
  Step persist(consensus::LogStore& store);
  Step install(consensus::LogStore& store);
  Step apply(consensus::LogStore& store);
  Step compact(consensus::LogStore& store);
  Step stage(consensus::LogStore& store);
  consensus::EntryRef next_entry();
  consensus::Config some_config();
  std::string some_text();
  std::string some_key();
  void truncate_some(consensus::PersistBatch& batch);

  Random random_;
  StoreContent content_;
  StateMap staged_;
};

}  // namespace starling::tests
