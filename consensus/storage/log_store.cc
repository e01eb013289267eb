#include "consensus/storage/log_store.h"

namespace starling::consensus {

PersistBatch founding_batch(NodeId self) {
  constexpr Term kFirst{1};
  PersistBatch batch;
  batch.hard = {kFirst, self, LogIndex{1}, 0};
  const Entry entry{kFirst, LogIndex{1}, EntryKind::config, {}, Config{{self}, {}, {}}};
  batch.append.push_back(std::make_shared<const Entry>(entry));
  return batch;
}

}  // namespace starling::consensus
