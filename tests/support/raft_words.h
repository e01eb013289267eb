/// The words in which Raft scripts speak of members, points of the log and messages.
///
/// A member is a number, a point is index/term, a link is `1->2` or `*->2`, and a kind of message
/// is one of: pre_vote, pre_vote_answer, vote, vote_answer, append, append_answer, heartbeat,
/// heartbeat_answer, timeout_now. Streams of snapshots have links too, and the kind snapshot.
#pragma once

#include "consensus/raft/messages.h"
#include "tests/support/script.h"
#include "tests/support/test_ids.h"

#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

namespace starling::tests {

/// A command that the script cannot mean; what() says why. The test fails with it.
struct BadStep : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The value of `key`, or `otherwise` if it is not given.
std::uint64_t number(const Step& step, const std::string& key, std::uint64_t otherwise);

/// The member that the command is about: its first word.
NodeId subject(const Step& step);

std::set<NodeId> nodes(const Step& step, const std::string& key);

struct LogPoint {
  LogIndex index;
  Term term;
};

/// `7/2`: entry 7 of term 2.
LogPoint point(const std::string& text);

/// `2,3x1000`: one entry of term 2, then a thousand of term 3.
std::vector<Term> terms(const Step& step);

bool has_word(const Step& step, const std::string& word);

/// Some messages: those on a link, or of a kind, or all.
struct MessageFilter {
  std::optional<NodeId> from;
  std::optional<NodeId> to;
  std::string kind;  ///< empty: any

  bool is_open() const { return !from && !to && kind.empty(); }

  bool matches(NodeId sender, NodeId receiver, const std::string& its_kind) const;
  bool matches(const consensus::Message& message) const;

  friend bool operator==(const MessageFilter&, const MessageFilter&) = default;
};

MessageFilter filter(const Step& step);

/// The message that a `forge` command describes, with the fields of its kind.
consensus::Message forged(const Step& step, SwarmId swarm);

std::string name(NodeId id);
std::string names(const std::set<NodeId>& ids);
std::string text(LogIndex index, Term term);
std::string text(const consensus::Message& message);
std::string text(const consensus::Entry& entry);
std::string kind_of(const consensus::Message& message);

}  // namespace starling::tests
