/// What a register and a trial kept in one may do, for the search. See linearizability.h.
///
/// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace starling::tests {

enum class Answer { done, refused, unknown };

struct RegisterModel {
  struct Step {
    enum class Kind { put, cas, read };

    Kind kind = Kind::read;
    Answer answer = Answer::done;
    std::uint64_t expected = 0;            ///< of a cas; 0: no register yet
    std::optional<std::uint64_t> version;  ///< written, read or found; none: not told
    std::string value;                     ///< to write, or read
  };

  struct State {
    /// A write of unknown outcome has a version that nobody was told: some number above `version`.
    /// The first answer that names one settles it.
    bool is_open = false;
    std::uint64_t version = 0;  ///< 0: no register yet
    std::string value;

    std::string text() const;
    bool operator==(const State&) const = default;
  };

  static std::optional<State> take(const State& state, const Step& step);
};

struct TrialModel {
  enum class Status { queued, running, done };

  struct Step {
    enum class Kind { claim, complete, read };

    Kind kind = Kind::read;
    Answer answer = Answer::done;
    Status status = Status::queued;  ///< read
    std::uint64_t token = 0;         ///< to take, to complete with, or read
    std::string result;              ///< to complete with, or read
  };

  struct State {
    Status status = Status::queued;
    std::uint64_t token = 0;
    std::string result;

    std::string text() const;
    bool operator==(const State&) const = default;
  };

  static std::optional<State> take(const State& state, const Step& step);
};

}  // namespace starling::tests
