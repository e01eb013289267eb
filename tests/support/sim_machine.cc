#include "tests/support/sim_machine.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <array>

namespace starling::tests {
namespace {

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
  for (const char digit : digits)
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
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
    changes.put(register_key(key), std::string{value});
    return "ok";
  }

  std::string compare_and_set(std::string_view key,
                              std::string_view expected,
                              std::string_view value) {
    const std::string now = view.get(register_key(key)).value_or("");
    if (now != expected) return "holds:" + now;
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

}  // namespace

std::string RegisterMachine::encode(const ClientCommand& command) const {
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

SimMachine::Applied RegisterMachine::apply(const StateView& view,
                                           LogIndex index,
                                           std::string_view bytes) const {
  const auto [client, number, ask, key, expected, value] = fields<6>(bytes);
  const std::string session = std::string{"session/"}.append(client);
  const std::string kept = view.get(session).value_or("0 0 ");
  const auto [last, last_index, last_text] = fields<3>(kept);
  if (number_in(number) == number_in(last))
    return {{}, {{number_in(last_index)}, std::string{last_text}}};
  if (number_in(number) < number_in(last)) return {{}, {{}, "passed"}};

  Step step{view, index, {}};
  std::string text;
  if (ask == "put") text = step.put(key, value);
  if (ask == "cas") text = step.compare_and_set(key, expected, value);
  if (ask == "claim") text = step.claim(key);
  if (ask == "complete") text = step.complete(key, expected, value);
  STARLING_ASSERT(!text.empty(), "a command of the log is one that a client sent");
  step.changes.put(session, fmt::format("{} {} {}", number, index.value, text));
  return {std::move(step.changes), {index, text}};
}

std::string RegisterMachine::read(const StateView& view, std::string_view key) const {
  return view.get(register_key(key)).value_or("");
}

std::string RegisterMachine::state_key(std::string_view key) const {
  return register_key(key);
}

}  // namespace starling::tests
