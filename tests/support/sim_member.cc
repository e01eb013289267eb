#include "tests/support/sim_member.h"

#include <fmt/format.h>

namespace starling::tests {

NodeId sim_node_id(std::size_t machine, std::uint8_t life) {
  NodeId id;
  id.bytes[14] = life;
  id.bytes[15] = static_cast<std::uint8_t>(machine + 1);
  return id;
}

std::string address_of_machine(std::size_t machine) {
  return fmt::format("m{}", machine);
}

std::size_t machine_at_address(const std::string& address) {
  return static_cast<std::size_t>(std::stoul(address.substr(1)));
}

std::string name_of(NodeId id) {
  std::string name = std::to_string(id.bytes[15]);
  if (id.bytes[14] > 0) name += static_cast<char>('a' + id.bytes[14]);
  return name;
}

std::string names_of(const std::set<NodeId>& ids) {
  std::string text;
  for (const NodeId id : ids)
    text += (text.empty() ? "" : ",") + name_of(id);
  return text;
}

SwarmId sim_swarm_id() {
  SwarmId id;
  id.bytes[0] = 7;
  return id;
}

}  // namespace starling::tests
