#include "node/gossip/swim_core.h"
#include "tests/support/script.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace starling::node {
namespace {

// One core, "n1", whose peers are the script.
class Conversation {
 public:
  std::string run(const tests::Step& step) {
    if (step.command == "start") return start(step);
    if (step.command == "until") return until(number(step, "ms"));
    if (step.command == "hear") return hear(step);
    if (step.command == "answered") return answered(step);
    if (step.command == "push_pull") return show(core_->merge(now_, updates(step, "members")));
    if (step.command == "members") return members();
    return "unknown command " + step.command;
  }

 private:
  static NodeId id_of(const std::string& name) {
    NodeId id;
    id.bytes[0] = static_cast<std::uint8_t>(std::stoi(name.substr(1)));
    return id;
  }

  static std::string name_of(NodeId id) {
    return id.is_none() ? "-" : fmt::format("n{}", id.bytes[0]);
  }

  static std::uint64_t number(const tests::Step& step, const std::string& key) {
    return std::stoull(step.args.at(key).at(0));
  }

  // n2/alive/1
  static Member parse(const std::string& text) {
    const auto first = text.find('/');
    const auto second = text.find('/', first + 1);
    Member member;
    member.id = id_of(text.substr(0, first));
    member.facts.address = text.substr(0, first);
    member.incarnation = std::stoull(text.substr(second + 1));
    for (const auto state :
         {MemberState::alive, MemberState::suspect, MemberState::dead, MemberState::left})
      if (to_string(state) == text.substr(first + 1, second - first - 1)) member.state = state;
    return member;
  }

  static std::vector<Member> updates(const tests::Step& step, const std::string& key) {
    std::vector<Member> all;
    const auto found = step.args.find(key);
    if (found == step.args.end()) return all;
    for (const auto& text : found->second)
      all.push_back(parse(text));
    return all;
  }

  static std::string show(const Member& member) {
    return fmt::format("{}/{}/{}", name_of(member.id), to_string(member.state), member.incarnation);
  }

  std::string show(const SwimEffects& effects) const {
    std::string text;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_).count();
    for (const auto& [to, address, message] : effects.send) {
      text += fmt::format("{} ms: {} to {} seq={} target={}",
                          ms,
                          to_string(message.kind),
                          address,
                          message.sequence,
                          name_of(message.target));
      for (const auto& update : message.updates)
        text += " " + show(update.member);
      text += "\n";
    }
    for (const auto& member : effects.changed)
      text += fmt::format("{} ms: now {}\n", ms, show(member));
    for (const auto& call : effects.call)
      text += fmt::format("{} ms: call {} seq={}\n", ms, call.address, call.sequence);
    for (const auto& address : effects.push_pull)
      text += fmt::format("{} ms: push_pull {}\n", ms, address);
    if (!text.empty()) text.pop_back();
    return text;
  }

  std::string start(const tests::Step& step) {
    SwimConfig config;
    config.self = id_of("n1");
    config.swarm.bytes[0] = 1;
    config.facts.address = "n1";
    config.incarnation = number(step, "incarnation");
    config.seed = 1;
    config.timings.gossip_interval = std::chrono::hours{1};  // The script shows the rest.
    now_ = MonoTime{0};
    core_.emplace(config, now_);
    return show(core_->merge(now_, updates(step, "members")));
  }

  std::string until(std::uint64_t ms) {
    const MonoTime end = std::chrono::milliseconds{ms};
    std::string text;
    while (core_->next_deadline() <= end) {
      now_ = std::max(now_, core_->next_deadline());
      const std::string more = show(core_->tick(now_));
      if (!more.empty()) text += (text.empty() ? "" : "\n") + more;
    }
    now_ = end;
    core_->tick(now_);
    return text.empty() ? "quiet" : text;
  }

  std::string hear(const tests::Step& step) {
    SwimMessage message;
    message.swarm.bytes[0] = 1;
    message.from = id_of(step.args.at("from").at(0));
    message.from_address = step.args.at("from").at(0);
    for (const auto kind : {SwimKind::ping, SwimKind::ping_request, SwimKind::ack, SwimKind::nack})
      if (step.args.contains(std::string{to_string(kind)})) message.kind = kind;
    if (step.args.contains("seq")) message.sequence = number(step, "seq");
    if (step.args.contains("target")) {
      message.target = id_of(step.args.at("target").at(0));
      message.target_address = step.args.at("target").at(0);
    }
    for (const auto& member : updates(step, "news")) {
      const bool is_suspect = member.state == MemberState::suspect;
      message.updates.push_back(
          {.member = member, .accuser = is_suspect ? message.from : NodeId{}});
    }
    const std::string text = show(core_->receive(now_, message));
    return text.empty() ? "quiet" : text;
  }

  /// A call for a sign of life is answered by the one that was called.
  std::string answered(const tests::Step& step) {
    const std::string& by = step.args.at("by").at(0);
    const std::string text =
        show(core_->take_call_answer(now_, {id_of(by), by, number(step, "seq")}));
    return text.empty() ? "quiet" : text;
  }

  std::string members() const {
    std::string text;
    for (const auto& member : core_->members())
      text += (text.empty() ? "" : " ") + show(member);
    return text + fmt::format(" health={}", core_->health());
  }

  MonoTime now_{0};
  std::optional<SwimCore> core_;
};

TEST(SwimScriptTest, every_conversation_goes_as_written) {
  Conversation conversation;
  tests::run_script(STARLING_TESTS_DIR "/node/swim.script",
                    [&](const tests::Step& step) { return conversation.run(step); });
}

}  // namespace
}  // namespace starling::node
