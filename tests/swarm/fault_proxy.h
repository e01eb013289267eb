/// A spoiled network on one machine: stands in front of each node's peer port, TCP and UDP, and
/// does to each direction of each pair of nodes what it is told.
///
/// Node N listens on `home(N)` (an address of 127.0.0.0/8 of its own), so that the proxy knows who
/// calls, and advertises `front(N)`. Callers from elsewhere pass unharmed.
///
/// Threads: one of its own; members from any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace starling::tests {

/// What happens to what `from` sends to `to`.
struct LinkRule {
  enum class Way {
    open,
    hold,   ///< Datagrams are lost, bytes wait; after healing they arrive, however old.
    refuse  ///< Datagrams are lost, connections break at once, as do new ones.
  };

  Way way = Way::open;
  std::chrono::milliseconds delay{0};
  double loss = 0;  ///< of datagrams, 0 to 1
};

class FaultProxy {
 public:
  FaultProxy(std::size_t nodes, std::uint64_t seed);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// HOST:PORT for the node to listen on: the port is free to choose.
  static std::string home(std::size_t node);

  /// HOST:PORT for the node to advertise.
  std::string front(std::size_t node) const;

  /// Where the node listens now. Until it is told, callers are turned away.
  void set_target(std::size_t node, const std::string& address);

  /// In force when it returns.
  void set_rule(std::size_t from, std::size_t to, LinkRule rule);

  /// All links are as good as new.
  void heal();

  struct Counts {
    std::uint64_t bytes = 0;              ///< relayed, TCP
    std::uint64_t datagrams = 0;          ///< relayed
    std::uint64_t datagrams_lost = 0;     ///< by a rule
    std::uint64_t chunks_held = 0;        ///< of TCP, by a rule
    std::uint64_t connections_ended = 0;  ///< by a rule
  };

  Counts counts() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace starling::tests
