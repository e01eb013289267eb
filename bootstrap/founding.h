/// How a node with an empty data directory gets into a swarm. Pure: what others answered and the
/// time come in, what to do next goes out.
///
/// It asks the addresses of --join, and those of members that spoke to it, to let it in, for as
/// long as it takes. Only the owner of the first --join address founds a swarm, and only when
/// nobody there has one: it must meet itself at every address that this name stands for, five
/// times, no other node ever, and no member of a swarm may speak to it for `patience`. Members of
/// a swarm keep calling the addresses they were started with, so an owner that lost its disk is
/// found by them first and joins. Everyone else only ever joins.
#pragma once

#include "node/base/error.h"
#include "node/base/ids.h"
#include "node/net/peer_envelope.h"

#include <optional>
#include <string>
#include <vector>

namespace starling::bootstrap {

struct FoundingConfig {
  std::vector<std::string> seeds;  ///< --join, in order; at least one
  node::BootId self;
  MonoTime patience = std::chrono::seconds{6};
};

/// Who answered when one address that the first seed's name stands for was called.
struct OwnerProbe {
  std::string address;
  std::optional<node::BootId> answered;  ///< nothing: nobody, or not within its time
};

struct FoundingStep {
  enum class Kind {
    wait,   ///< until `at`
    ask,    ///< `address` to let this node in
    probe,  ///< call every address that `address` resolves to, and see who answers
    found,  ///< a swarm
  };

  Kind kind = Kind::wait;
  std::string address;
  MonoTime at{0};
};

class FoundingCore {
 public:
  FoundingCore(FoundingConfig config, MonoTime now);

  /// What to do now. Each `ask` and `probe` is followed by `asked` or `probed`.
  FoundingStep next(MonoTime now);

  /// It did not let this node in.
  void asked(const std::string& address, const Error& why);

  void probed(const std::vector<OwnerProbe>& answers);

  /// A member of a swarm spoke from there.
  void heard_of_member(MonoTime now, const std::string& address);

  /// A member of a swarm spoke; from where is not known.
  void heard_of_swarm() { has_heard_ = true; }

  /// What keeps this node out, for a person; it changes with what is learned.
  std::string why_not() const;

 private:
  enum class Owner { unknown, self, other };

  void begin_round(MonoTime now);
  bool may_found(MonoTime now) const;

  FoundingConfig config_;
  MonoTime started_;
  std::vector<std::string> candidates_;  ///< the seeds first
  std::size_t next_candidate_ = 0;
  bool is_probe_due_ = true;
  int owned_rounds_ = 0;
  Owner owner_ = Owner::unknown;
  std::string owner_fault_;  ///< why the first seed is not this node's
  bool has_heard_ = false;
  std::string last_refusal_;
  MonoTime pause_;
  MonoTime resume_at_;
};

}  // namespace starling::bootstrap
