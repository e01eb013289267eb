#include "tests/support/sim_machine.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace starling::tests {
namespace {

using consensus::ApplyOutcome;

constexpr std::string_view kAsks[] = {"put", "cas", "claim", "complete"};

/// The fields of `text` between blanks; what is missing is empty.
template <std::size_t kCount>
std::array<std::string_view, kCount> fields(std::string_view text) {
  std::array<std::string_view, kCount> parts;
  for (std::string_view& part : parts) {
    const std::size_t end = text.find(' ');
    part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return parts;
}

std::uint64_t number_in(std::string_view digits) {
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::string register_key(std::string_view key) {
  return std::string{"register/"}.append(key);
}

std::string job_key(std::string_view key) {
  return std::string{"job/"}.append(key);
}

/// One command's way through the state.
struct Step {
  const StateView& view;
  LogIndex index;
  Changes changes;

  std::string put(std::string_view key, std::string_view value) {
    changes.put(register_key(key), fmt::format("{}={}", index.value, value));
    return fmt::format("version:{}", index.value);
  }

  std::string compare_and_set(std::string_view key,
                              std::string_view expected,
                              std::string_view value) {
    const std::string held = view.get(register_key(key)).value_or("0=");
    const std::string_view version = std::string_view{held}.substr(0, held.find('='));
    if (version != expected) return fmt::format("conflict:{}", version);
    return put(key, value);
  }

  /// A job is "run TOKEN" or "done TOKEN RESULT". A claim takes it from whoever had it.
  std::string claim(std::string_view key) {
    const std::string now = view.get(job_key(key)).value_or("");
    if (now.starts_with("done")) return "done";
    changes.put(job_key(key), fmt::format("run {}", index.value));
    return fmt::format("token:{}", index.value);
  }

  std::string complete(std::string_view key, std::string_view token, std::string_view result) {
    const std::string now = view.get(job_key(key)).value_or("");
    const auto [state, current, kept] = fields<3>(now);
    if (current != token) return "stale";
    if (state == "done") return kept == result ? "accepted" : "stale";
    changes.put(job_key(key), fmt::format("done {} {}", token, result));
    return "accepted";
  }
};

/// Keeps of each client the last command and its answer.
class TextStateMachine : public consensus::StateMachine {
 public:
  ApplyOutcome apply(const StateView& view, LogIndex index, std::string_view bytes) override {
    const auto [client, number, ask, key, expected, value] = fields<6>(bytes);
    const std::string session = std::string{"session/"}.append(client);
    const std::string kept = view.get(session).value_or("0 0 ");
    const auto [last, last_index, last_text] = fields<3>(kept);
    if (number_in(number) == number_in(last))
      return {{}, fmt::format("{} {}", last_index, last_text)};
    if (number_in(number) < number_in(last)) return {{}, "0 passed"};

    Step step{view, index, {}};
    std::string text;
    if (ask == "put") text = step.put(key, value);
    if (ask == "cas") text = step.compare_and_set(key, expected, value);
    if (ask == "claim") text = step.claim(key);
    if (ask == "complete") text = step.complete(key, expected, value);
    STARLING_ASSERT(!text.empty(), "a command of the log is one that a client sent");
    step.changes.put(session, fmt::format("{} {} {}", number, index.value, text));
    return {std::move(step.changes), fmt::format("{} {}", index.value, text)};
  }
};

}  // namespace

std::unique_ptr<consensus::StateMachine> TextMachine::start() const {
  return std::make_unique<TextStateMachine>();
}

std::string TextMachine::encode(const ClientCommand& command, MonoTime, LogIndex) const {
  const auto ask = static_cast<std::size_t>(command.ask);
  STARLING_ASSERT(ask < std::size(kAsks), "reads are not commands");
  return fmt::format("{} {} {} {} {} {}",
                     command.client,
                     command.number,
                     kAsks[ask],
                     command.key,
                     command.expected,
                     command.value);
}

Answer TextMachine::decode(std::string_view result) const {
  const auto [index, text] = fields<2>(result);
  return {{number_in(index)}, std::string{text}};
}

std::string TextMachine::read(const StateView& view, std::string_view key) const {
  return view.get(register_key(key)).value_or("0=");
}

}  // namespace starling::tests
