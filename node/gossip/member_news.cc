#include "node/gossip/member_news.h"

#include <algorithm>
#include <utility>

namespace starling::node {

void MemberNews::take(MonoTime now, const std::vector<Member>& changed) {
  if (changed.empty()) return;
  if (changed_.empty()) first_at_ = now;
  last_at_ = now;
  for (const Member& member : changed)
    changed_.insert_or_assign(member.id, member);
}

std::optional<MonoTime> MemberNews::due() const {
  if (changed_.empty()) return std::nullopt;
  return std::min(last_at_ + kQuiet, first_at_ + kLongest);
}

std::vector<Member> MemberNews::tell() {
  std::vector<Member> told;
  for (auto& [id, member] : std::exchange(changed_, {}))
    told.push_back(std::move(member));
  return told;
}

}  // namespace starling::node
