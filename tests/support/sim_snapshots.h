/// Carries snapshots between members, chunk by chunk, with the code that a node uses for it.
#pragma once

#include "node/base/bytes.h"
#include "node/base/random.h"
#include "tests/support/sim_member.h"

#include <memory>

namespace starling::tests {

class VirtualSwarm;

class SimSnapshots {
 public:
  SimSnapshots(VirtualSwarm& swarm, std::uint64_t seed);

  void send(SimMember& member, const consensus::SnapshotSend& wanted);

 private:
  struct Call {
    std::size_t from;
    std::uint64_t boot;
    std::uint64_t number;
  };

  void begin(SimMember& member, const consensus::SnapshotSend& wanted);
  void send_chunk(SimMember& member);
  void take_chunk(SimMember& target, NodeId from, const Call& call, const Bytes& bytes);
  Result<> keep_chunk(SimMember& target, NodeId from, const Bytes& bytes);
  void answer(const Call& call, const Result<>& taken);
  void take_answer(SimMember& member, const Result<>& taken);
  void end(SimMember& member, const consensus::SnapshotSend& wanted, std::optional<LogIndex> index);

  VirtualSwarm& swarm_;
  std::uint64_t calls_ = 0;
  std::size_t piece_bytes_max_;
  MonoTime patience_;
};

}  // namespace starling::tests
