#include "tests/support/sim_history.h"

#include "node/base/random.h"

#include <algorithm>

namespace starling::tests {

using namespace consensus;

namespace {

std::uint64_t digest_of(const Changes& changes) {
  std::uint64_t digest = 0;
  const auto add = [&](std::string_view text) {
    for (const char c : text)
      digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    digest = mix_seeds(digest, text.size());
  };
  for (const auto& [key, value] : changes.writes) {
    add(key);
    add(value ? *value : std::string_view{});
    digest += value ? 1 : 0;
  }
  return digest;
}

}  // namespace

void SimHistory::will_send(const ClientCommand& command, const std::string& bytes) {
  sent_.emplace(bytes, command);
}

void SimHistory::commit(const Entry& entry) {
  require(entry.index == last().next(), "entry {} is committed out of order", entry.index.value);
  Outcome outcome;
  if (entry.kind == EntryKind::command) {
    const auto sent = sent_.find(entry.command);
    require(sent != sent_.end(), "entry {} is a command that nobody sent", entry.index.value);
    const SimMachine::Applied applied = machine_.apply(state_, entry.index, entry.command);
    const Answer expected = model(sent->second, entry.index);
    require(applied.answer == expected,
            "entry {} answers '{}' of {}, but it should be '{}' of {}",
            entry.index.value,
            applied.answer.text,
            applied.answer.index.value,
            expected.text,
            expected.index.value);
    for (const auto& [key, value] : applied.changes.writes)
      versions_[key].emplace_back(entry.index, value);
    state_.commit(applied.changes);
    outcome = {digest_of(applied.changes), applied.answer};
  }
  outcomes_.push_back(std::move(outcome));
}

Answer SimHistory::model(const ClientCommand& command, LogIndex index) {
  const CommandId id{command.client, command.number};
  const auto known = effects_.find(id);
  Session& session = sessions_[command.client];
  if (command.number < session.number && !machine_.takes_late_commands()) return {{}, "passed"};
  if (known != effects_.end()) {
    ++repeats_;
    return known->second;
  }
  const Answer answer{index, model_text(command, index)};
  effects_.emplace(id, answer);
  session.number = std::max(session.number, command.number);
  return answer;
}

std::string SimHistory::model_text(const ClientCommand& command, LogIndex index) {
  if (command.ask == Ask::put || command.ask == Ask::compare_and_set) {
    std::string& held = registers_[command.key];
    if (command.ask == Ask::compare_and_set && held != command.expected) return "holds:" + held;
    held = command.value;
    return "ok";
  }
  Job& job = jobs_[command.key];
  if (command.ask == Ask::claim) {
    if (job.is_done) return "done";
    require(index.value > job.token, "the token of job {} does not grow", command.key);
    job.token = index.value;
    return fmt::format("token:{}", job.token);
  }
  if (command.expected != std::to_string(job.token)) return "stale";
  if (job.is_done) return job.result == command.value ? "accepted" : "stale";
  job.is_done = true;
  job.result = command.value;
  return "accepted";
}

void SimHistory::check_applied(LogIndex index, const Changes& changes, const Answer& answer) const {
  require(index <= last(), "entry {} is applied before it is committed", index.value);
  const Outcome& expected = outcomes_[index.value - 1];
  require(expected.answer == answer && expected.changes_digest == digest_of(changes),
          "entry {} does not do the same everywhere",
          index.value);
}

std::optional<std::string> SimHistory::value_at(const std::string& state_key,
                                                LogIndex index) const {
  const auto found = versions_.find(state_key);
  if (found == versions_.end()) return std::nullopt;
  const auto& all = found->second;
  const auto after = std::upper_bound(
      all.begin(), all.end(), index, [](LogIndex at, const auto& each) { return at < each.first; });
  return after == all.begin() ? std::nullopt : std::prev(after)->second;
}

void SimHistory::check_state(LogIndex index, const MapView& state) const {
  require(index <= last(), "a state is of entry {}, which is not committed", index.value);
  std::size_t known = 0;
  for (const auto& [key, versions] : versions_) {
    const auto expected = value_at(key, index);
    const auto found = state.get(key);
    require(found == expected,
            "the state at entry {} has '{}' under {}, but it should be '{}'",
            index.value,
            found.value_or("nothing"),
            key,
            expected.value_or("nothing"));
    known += expected ? 1 : 0;
  }
  require(known == state.all().size(), "the state at entry {} has a key too many", index.value);
}

void SimHistory::check_write(const ClientCommand& command, const Answer& answer, LogIndex floor) {
  const auto effect = effects_.find({command.client, command.number});
  require(effect != effects_.end() && effect->second == answer,
          "client {} is told that its command {} gave '{}' at entry {}, which the log does not say",
          command.client,
          command.number,
          answer.text,
          answer.index.value);
  require(answer.index > floor,
          "client {} began after entry {} was seen, but its command took effect at {}",
          command.client,
          floor.value,
          answer.index.value);
  completed_ = std::max(completed_, answer.index);
}

void SimHistory::check_read(std::string_view key,
                            const std::string& value,
                            LogIndex at,
                            LogIndex floor) {
  require(at >= floor,
          "a read that began after entry {} was seen is answered as of {}",
          floor.value,
          at.value);
  check_stale_read(key, value, at);
  completed_ = std::max(completed_, at);
}

void SimHistory::check_stale_read(std::string_view key,
                                  const std::string& value,
                                  LogIndex at) const {
  require(at <= last(), "a read is answered as of entry {}, which is not committed", at.value);
  const std::string expected = value_at(machine_.state_key(key), at).value_or("");
  require(value == expected,
          "a read of {} at entry {} gives '{}', but it was '{}'",
          key,
          at.value,
          value,
          expected);
}

void SimHistory::check_no_effect(const ClientCommand& command) const {
  require(!effects_.contains({command.client, command.number}),
          "client {} was told that its command {} was not taken, but it was",
          command.client,
          command.number);
}

}  // namespace starling::tests
