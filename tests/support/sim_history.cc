#include "tests/support/sim_history.h"

#include "node/base/random.h"
#include "tests/support/sim_member.h"

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
  for (const auto& [from, until] : changes.erased) {
    add(from);
    add(until);
  }
  for (const auto& [key, value] : changes.writes) {
    add(key);
    add(value ? *value : std::string_view{});
    digest += value ? 1 : 0;
  }
  return digest;
}

std::uint64_t version_of(std::string_view held) {
  return std::stoull(std::string{held.substr(0, held.find('='))});
}

}  // namespace

SimHistory::SimHistory(const SimMachine& machine)
    : machine_(machine), replica_(machine.start()), chain_(state_, kSimCheckEvery) {}

void SimHistory::will_send(const ClientCommand& command, const std::string& bytes) {
  sent_.emplace(bytes, command);
}

void SimHistory::commit(const Entry& entry) {
  require(entry.index == last().next(), "entry {} is committed out of order", entry.index.value);
  ApplyOutcome applied;
  if (entry.kind == EntryKind::command) {
    const auto sent = sent_.find(entry.command);
    require(sent != sent_.end(), "entry {} is a command that nobody sent", entry.index.value);
    applied = replica_->apply(state_, entry.index, entry.command);
    const Answer answer = machine_.decode(applied.result);
    const Answer expected = model(sent->second, entry.index);
    const bool is_right = answer.text == expected.text &&
                          (answer.index == LogIndex{} || answer.index == expected.index);
    require(is_right,
            "entry {} answers '{}' of {}, but it should be '{}' of {}",
            entry.index.value,
            answer.text,
            answer.index.value,
            expected.text,
            expected.index.value);
  }
  outcomes_.push_back({digest_of(applied.changes), applied.result});
  static_cast<void>(chain_.add(entry.index, applied.changes));
  chain_.put_into(applied.changes);
  for (const auto& [from, until] : applied.changes.erased) {
    state_.scan(from, until, [&](std::string_view key, std::string_view) {
      state_versions_[std::string{key}].emplace_back(entry.index, std::nullopt);
      return true;
    });
  }
  for (const auto& [key, value] : applied.changes.writes)
    state_versions_[key].emplace_back(entry.index, value);
  state_.commit(applied.changes);
}

Answer SimHistory::model(const ClientCommand& command, LogIndex index) {
  const CommandId id{command.client, command.number};
  std::uint64_t& newest = newest_[command.client];
  if (command.number < newest && !machine_.takes_late_commands()) {
    ++late_;
    return {{}, "passed"};
  }
  if (const auto known = effects_.find(id); known != effects_.end()) {
    ++repeats_;
    return known->second;
  }
  const Answer answer{index, model_text(command, index)};
  effects_.emplace(id, answer);
  newest = std::max(newest, command.number);
  return answer;
}

std::string SimHistory::model_text(const ClientCommand& command, LogIndex index) {
  if (command.ask == Ask::claim || command.ask == Ask::complete) return model_job(command, index);
  auto& versions = registers_[command.key];
  const std::uint64_t held = versions.empty() ? 0 : version_of(versions.back().second);
  if (command.ask == Ask::compare_and_set && held != command.expected)
    return fmt::format("conflict:{}", held);
  versions.emplace_back(index, fmt::format("{}={}", index.value, command.value));
  return fmt::format("version:{}", index.value);
}

std::string SimHistory::model_job(const ClientCommand& command, LogIndex index) {
  Job& job = jobs_[command.key];
  if (command.ask == Ask::claim) {
    if (job.is_done) return "done";
    require(index.value > job.token, "the token of job {} does not grow", command.key);
    job.token = index.value;
    return fmt::format("token:{}", job.token);
  }
  if (command.expected != job.token) return "stale";
  if (job.is_done) return job.result == command.value ? "accepted" : "stale";
  job.is_done = true;
  job.result = command.value;
  return "accepted";
}

void SimHistory::check_applied(LogIndex index,
                               const Changes& changes,
                               std::string_view result) const {
  require(index <= last(), "entry {} is applied before it is committed", index.value);
  const Outcome& expected = outcomes_[index.value - 1];
  require(expected.result == result && expected.changes_digest == digest_of(changes),
          "entry {} does not do the same everywhere",
          index.value);
}

/// Null: nothing was there yet.
template <class Value>
const Value* SimHistory::value_at(const Versions<Value>& versions, LogIndex index) {
  const auto after =
      std::upper_bound(versions.begin(), versions.end(), index, [](LogIndex at, const auto& each) {
        return at < each.first;
      });
  return after == versions.begin() ? nullptr : &std::prev(after)->second;
}

void SimHistory::check_state(LogIndex index, const MapView& state) const {
  require(index <= last(), "a state is of entry {}, which is not committed", index.value);
  std::size_t known = 0;
  for (const auto& [key, versions] : state_versions_) {
    const auto* expected = value_at(versions, index);
    const bool is_expected = expected != nullptr && expected->has_value();
    const auto found = state.get(key);
    require(found.has_value() == is_expected && (!is_expected || *found == **expected),
            "the state at entry {} is wrong under the key {}",
            index.value,
            key);
    known += is_expected ? 1 : 0;
  }
  require(known == state.all().size(), "the state at entry {} has a key too many", index.value);
}

void SimHistory::check_write(const ClientCommand& command, const Answer& answer, LogIndex floor) {
  const auto effect = effects_.find({command.client, command.number});
  const bool is_true = effect != effects_.end() && effect->second.text == answer.text &&
                       (answer.index == LogIndex{} || effect->second.index == answer.index);
  require(is_true,
          "client {} is told that its command {} gave '{}' at entry {}, which the log does not say",
          command.client,
          command.number,
          answer.text,
          answer.index.value);
  require(effect->second.index > floor,
          "client {} began after entry {} was seen, but its command took effect at {}",
          command.client,
          floor.value,
          effect->second.index.value);
  completed_ = std::max(completed_, effect->second.index);
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
  const auto versions = registers_.find(key);
  const std::string* held = versions == registers_.end() ? nullptr : value_at(versions->second, at);
  const std::string expected = held == nullptr ? "0=" : *held;
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
