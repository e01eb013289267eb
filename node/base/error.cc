#include "node/base/error.h"

#include <fmt/format.h>

namespace starling {

std::string_view to_string(Errc code) {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::not_found: return "not_found";
    case Errc::not_leader: return "not_leader";
    case Errc::timed_out: return "timed_out";
    case Errc::unavailable: return "unavailable";
    case Errc::corrupt: return "corrupt";
    case Errc::io: return "io";
    case Errc::conflict: return "conflict";
    case Errc::too_large: return "too_large";
    case Errc::unauthorized: return "unauthorized";
    case Errc::unsupported: return "unsupported";
    case Errc::no_space: return "no_space";
  }
  return "unknown";
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::runtime_error(fmt::format(
      "{}: {} ({}:{})", to_string(error.code), error.detail, where.file_name(), where.line()));
}

}  // namespace starling
