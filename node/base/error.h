/// Errors the swarm expects and handles: a code to branch on, a sentence to show.
///
/// A broken invariant is not an `Error`; it is a bug, and `STARLING_ASSERT` stops the process.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace starling {

/// What the caller can do about it decides the code. Values travel on the wire: append only.
enum class Errc {
  invalid_argument = 1,  ///< The request is wrong; sending it again cannot help.
  not_found = 2,         ///< No such study, trial, blob or member.
  not_leader = 3,        ///< Ask the leader; `detail` has its node id, or is empty if unknown.
  timed_out = 4,         ///< Outcome unknown; retry with the same idempotency key.
  unavailable = 5,       ///< Definitely not done: no quorum or no room now; retry later.
  corrupt = 6,           ///< Stored or received bytes fail their checksum or their format.
  io = 7,                ///< The operating system refused; `detail` has its words.
  conflict = 8,          ///< It contradicts what is already decided (name taken, trial final).
  too_large = 9,         ///< Above a stated limit.
  unauthorized = 10,     ///< No valid token.
  unsupported = 11,      ///< Understood, but this version does not do it.
  no_space = 12,         ///< The disk is low: nothing that grows is taken. Not done.
};

std::string_view to_string(Errc code);

/// One failure. `detail` is one sentence for a person, with the offending value in it.
struct Error {
  Errc code;
  std::string detail;

  friend bool operator==(const Error&, const Error&) = default;
};

/// A `T`, or the `Error` that says why there is none.
///
///     const auto study = find_study(id);
///     if (!study) return study.error();
template <class T = void>
using Result = boost::system::result<T, Error>;

/// Called by `Result::value()` on an error. Only tests and `main` call `value()`.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

}  // namespace starling
