#include "consensus/raft/read_queue.h"

#include "node/base/mutant.h"

namespace starling::consensus {

void ReadQueue::start_round(LogIndex commit) {
  ++seq_;
  round_index_ = commit;
  asking_.insert(asking_.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
}

void ReadQueue::confirm(std::uint64_t seq, std::vector<ReadReady>& ready) {
  if (seq + (STARLING_MUTANT(16) ? 1 : 0) < seq_) return;
  for (const std::uint64_t context : asking_)
    ready.push_back({context, round_index_});
  asking_.clear();
}

void ReadQueue::drop_all(std::vector<ReadReady>& ready) {
  for (const auto* list : {&asking_, &waiting_}) {
    for (const std::uint64_t context : *list)
      ready.push_back({context, std::nullopt});
  }
  asking_.clear();
  waiting_.clear();
}

}  // namespace starling::consensus
