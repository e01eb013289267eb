/// One command's view of the replicated state, and what it writes to it.
///
/// Threads: none. Pure.
#pragma once

#include "ml/study/state_keys.h"
#include "ml/study/study.h"
#include "ml/study/study_wire.h"
#include "node/base/state_view.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace starling::ml {

/// The state as the command sees it, and what it writes.
class Transaction {
 public:
  /// `time_ms`: cluster time, for rules; `wall_ms`: for people.
  Transaction(const StateView& base, LogIndex index, std::uint64_t time_ms, std::uint64_t wall_ms)
      : view_(base, changes_), index_(index), time_ms_(time_ms), wall_ms_(wall_ms) {}

  /// With what this command has written so far.
  const StateView& view() const { return view_; }

  std::uint64_t now_ms() const { return time_ms_; }

  std::uint64_t wall_ms() const { return wall_ms_; }

  std::uint64_t token() const { return index_.value; }

  std::uint64_t event_count() const { return events_; }

  /// A counter of the state; 0 if there is none yet.
  std::uint64_t number(std::string_view key) const {
    const auto value = view_.get(key);
    return value ? from_big_endian_key(*value) : 0;
  }

  void put(const Dataset& dataset) { changes_.put(keys::dataset(dataset.id), encode(dataset)); }

  void put(const Study& study) { changes_.put(keys::study(study.id), encode(study)); }

  void put(const Trial& trial) {
    changes_.put(keys::trial(trial.study, trial.number), encode(trial));
  }

  void put(const ModelVersion& version) {
    changes_.put(keys::version(version.model, version.version), encode(version));
  }

  void put(const Register& entry) { changes_.put(keys::register_of(entry.key), encode(entry)); }

  void put_raw(std::string key, std::string value) {
    changes_.put(std::move(key), std::move(value));
  }

  void erase(std::string key) { changes_.erase(std::move(key)); }

  void erase_range(std::string from, std::string until) {
    changes_.erase_range(std::move(from), std::move(until));
  }

  void event(std::string_view kind, const nlohmann::json& data) {
    const auto bytes = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    changes_.put(keys::event(index_.value, ++events_), fmt::format("{}\n{}", kind, bytes));
  }

  Changes take() { return std::move(changes_); }

 private:
  Changes changes_;
  OverlayView view_;
  LogIndex index_;
  std::uint64_t events_ = 0;
  std::uint64_t time_ms_;
  std::uint64_t wall_ms_;
};

}  // namespace starling::ml
