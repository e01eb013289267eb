#include "tests/support/raft_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <variant>

namespace starling::tests {

using namespace consensus;

namespace {

constexpr std::array kKinds{"pre_vote",
                            "pre_vote_answer",
                            "vote",
                            "vote_answer",
                            "append",
                            "append_answer",
                            "heartbeat",
                            "heartbeat_answer",
                            "timeout_now",
                            "snapshot"};

bool is_kind(const std::string& word) {
  return std::find(kKinds.begin(), kKinds.end(), word) != kKinds.end();
}

std::uint64_t parse_number(const std::string& text) {
  const bool is_number = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
  if (!is_number) throw BadStep{fmt::format("'{}' is not a number", text)};
  return std::stoull(text);
}

std::optional<NodeId> end_of_link(const std::string& text) {
  if (text == "*") return std::nullopt;
  return node_number(parse_number(text));
}

struct KindOf {
  std::string operator()(const VoteRequest& m) const { return m.pre ? "pre_vote" : "vote"; }

  std::string operator()(const VoteResponse& m) const {
    return m.pre ? "pre_vote_answer" : "vote_answer";
  }

  std::string operator()(const AppendRequest&) const { return "append"; }

  std::string operator()(const AppendResponse&) const { return "append_answer"; }

  std::string operator()(const HeartbeatRequest&) const { return "heartbeat"; }

  std::string operator()(const HeartbeatResponse&) const { return "heartbeat_answer"; }

  std::string operator()(const TimeoutNow&) const { return "timeout_now"; }
};

/// Long rows of entries are written as their first and last.
std::string text(const std::vector<EntryRef>& entries) {
  constexpr std::size_t kShownMax = 8;
  std::string all;
  for (const EntryRef& entry : entries) {
    if (entries.size() > kShownMax && entry != entries.front() && entry != entries.back()) continue;
    const bool is_end = entries.size() > kShownMax && entry == entries.back();
    all += fmt::format("{}{}", is_end ? ".." : " ", tests::text(*entry));
  }
  return all;
}

struct TextOf {
  std::string operator()(const VoteRequest& m) const {
    return fmt::format("{} last={}{}",
                       m.pre ? "pre_vote?" : "vote?",
                       tests::text(m.last_index, m.last_term),
                       m.transfer ? " transfer" : "");
  }

  std::string operator()(const VoteResponse& m) const {
    return fmt::format("{} {}", m.pre ? "pre_vote" : "vote", m.granted ? "yes" : "no");
  }

  std::string operator()(const AppendRequest& m) const {
    return fmt::format("{} prev={} commit={}{}",
                       m.is_news ? "news" : "append",
                       tests::text(m.prev_index, m.prev_term),
                       m.commit.value,
                       text(m.entries));
  }

  std::string operator()(const AppendResponse& m) const {
    if (!m.rejected) return fmt::format("append yes {}", m.index.value);
    return fmt::format(
        "append no {} hint={}", m.index.value, tests::text(m.hint_index, m.hint_term));
  }

  std::string operator()(const HeartbeatRequest& m) const {
    return fmt::format(
        "heartbeat commit={} held={} read={}", m.commit.value, m.held.value, m.read_seq);
  }

  std::string operator()(const HeartbeatResponse& m) const {
    const std::uint64_t checked = m.check.index.value;
    return fmt::format("heartbeat yes read={}{}",
                       m.read_seq,
                       checked > 0 ? fmt::format(" check={}", checked) : "");
  }

  std::string operator()(const TimeoutNow&) const { return "timeout_now"; }
};

AppendRequest forged_append(const Step& step) {
  const LogPoint prev = point(step.args.at("prev").at(0));
  AppendRequest body{prev.index, prev.term, {number(step, "commit", 0)}, {}, 0, false};
  LogIndex index = prev.index;
  for (const Term term : terms(step)) {
    index = index.next();
    const Entry entry{term, index, EntryKind::noop, {}, {}};
    body.entries.push_back(std::make_shared<const Entry>(entry));
  }
  return body;
}

MessageBody forged_body(const Step& step, const std::string& kind) {
  if (kind == "append") return forged_append(step);
  if (kind == "append_answer") return AppendResponse{false, {number(step, "index", 0)}, {}, {}, 0};
  if (kind == "heartbeat")
    return HeartbeatRequest{{number(step, "commit", 0)}, {number(step, "held", 0)}, 0, 0};
  if (kind == "heartbeat_answer") return HeartbeatResponse{number(step, "read", 0), 0, {}};
  if (kind == "timeout_now") return TimeoutNow{};
  if (kind == "vote_answer" || kind == "pre_vote_answer")
    return VoteResponse{kind == "pre_vote_answer", !has_word(step, "no")};
  if (kind == "vote" || kind == "pre_vote") {
    const LogPoint last = point(step.args.at("last").at(0));
    return VoteRequest{kind == "pre_vote", has_word(step, "transfer"), last.index, last.term};
  }
  throw BadStep{fmt::format("'{}' cannot be forged", kind)};
}

}  // namespace

std::uint64_t number(const Step& step, const std::string& key, std::uint64_t otherwise) {
  const auto found = step.args.find(key);
  return found == step.args.end() ? otherwise : parse_number(found->second.at(0));
}

NodeId subject(const Step& step) {
  if (step.words.empty()) throw BadStep{"which member?"};
  return node_number(parse_number(step.words.front()));
}

std::set<NodeId> nodes(const Step& step, const std::string& key) {
  std::set<NodeId> ids;
  const auto found = step.args.find(key);
  if (found == step.args.end()) return ids;
  for (const std::string& each : found->second)
    ids.insert(node_number(parse_number(each)));
  return ids;
}

LogPoint point(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) throw BadStep{fmt::format("'{}' is not index/term", text)};
  return {{parse_number(text.substr(0, slash))}, {parse_number(text.substr(slash + 1))}};
}

std::vector<Term> terms(const Step& step) {
  std::vector<Term> terms;
  const auto found = step.args.find("terms");
  if (found == step.args.end()) return terms;
  for (const std::string& run : found->second) {
    const auto times = run.find('x');
    const std::uint64_t count =
        times == std::string::npos ? 1 : parse_number(run.substr(times + 1));
    terms.insert(terms.end(), count, Term{parse_number(run.substr(0, times))});
  }
  return terms;
}

bool has_word(const Step& step, const std::string& word) {
  return std::find(step.words.begin(), step.words.end(), word) != step.words.end();
}

bool MessageFilter::matches(NodeId sender, NodeId receiver, const std::string& its_kind) const {
  return (!from || *from == sender) && (!to || *to == receiver) &&
         (kind.empty() || kind == its_kind);
}

bool MessageFilter::matches(const Message& message) const {
  return matches(message.from, message.to, kind_of(message));
}

MessageFilter filter(const Step& step) {
  MessageFilter filter;
  for (const std::string& word : step.words) {
    const auto arrow = word.find("->");
    if (arrow != std::string::npos) {
      filter.from = end_of_link(word.substr(0, arrow));
      filter.to = end_of_link(word.substr(arrow + 2));
    } else if (is_kind(word)) {
      filter.kind = word;
    }
  }
  return filter;
}

Message forged(const Step& step, SwarmId swarm) {
  const MessageFilter link = filter(step);
  if (!link.from || !link.to) throw BadStep{"a forged message needs a link, as 1->2"};
  return {swarm,
          static_cast<std::uint32_t>(number(step, "epoch", 0)),
          *link.from,
          *link.to,
          {number(step, "term", 1)},
          number(step, "session", 1),
          forged_body(step, link.kind)};
}

std::string name(NodeId id) {
  return std::to_string(id.bytes[15]);
}

std::string names(const std::set<NodeId>& ids) {
  std::string text;
  for (const NodeId id : ids)
    text += fmt::format("{}{}", text.empty() ? "" : ",", name(id));
  return text.empty() ? "-" : text;
}

std::string text(LogIndex index, Term term) {
  return fmt::format("{}/{}", index.value, term.value);
}

std::string text(const Entry& entry) {
  std::string point = text(entry.index, entry.term);
  if (entry.kind == EntryKind::config) point += ":config";
  if (entry.kind == EntryKind::check) point += ":check";
  return point;
}

std::string kind_of(const Message& message) {
  return std::visit(KindOf{}, message.body);
}

std::string text(const Message& message) {
  return fmt::format("{} -> {} term={} {}",
                     name(message.from),
                     name(message.to),
                     message.term.value,
                     std::visit(TextOf{}, message.body));
}

}  // namespace starling::tests
