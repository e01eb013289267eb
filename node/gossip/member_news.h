/// Changes of members, told to others in one piece once they pause. Pure.
///
/// Source: core rule GM-16; Serf's member event coalescing.
#pragma once

#include "node/gossip/member.h"

#include <chrono>
#include <map>
#include <optional>
#include <vector>

namespace starling::node {

class MemberNews {
 public:
  /// When nothing changed for so long, it is told.
  static constexpr std::chrono::milliseconds kQuiet{250};

  /// And at the latest so long after the first change.
  static constexpr std::chrono::milliseconds kLongest{1000};

  void take(MonoTime now, const std::vector<Member>& changed);

  /// None: there is no news.
  std::optional<MonoTime> due() const;

  /// Each that changed, as it is now, and forgets the news.
  std::vector<Member> tell();

 private:
  std::map<NodeId, Member> changed_;
  MonoTime first_at_{0};
  MonoTime last_at_{0};
};

}  // namespace starling::node
