#include "node/gossip/member.h"

namespace starling::node {

std::string failure_domain(const MemberFacts& facts) {
  const auto zone = facts.labels.find("zone");
  return zone == facts.labels.end() ? std::string{} : zone->second;
}

}  // namespace starling::node
