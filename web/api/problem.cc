#include "web/api/problem.h"

#include <algorithm>
#include <array>

namespace starling::web {

namespace {

constexpr std::array<std::string_view, 47> kFields{
    "dataset",     "target",       "name",          "task",        "metric",
    "trials",      "time_limit_s", "seed",          "parallelism", "search_space",
    "initial",     "epochs",       "patience",      "use_case",    "tags",
    "rows",        "version",      "allow_missing", "after",       "Idempotency-Key",
    "key",         "value",        "pairs",         "delimiter",   "decimal",
    "encoding",    "header",       "skip",          "columns",     "engine",
    "split",       "priority",     "requires",      "pruner",      "direction",
    "final",       "number",       "token",         "step",        "state",
    "metrics",     "error",        "lease_s",       "wait_s",      "families",
    "constraints", "class_weight"};

unsigned status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
    case Errc::unsupported: return 422;
    case Errc::not_found: return 404;
    case Errc::not_leader:
    case Errc::timed_out:
    case Errc::unavailable: return 503;
    case Errc::conflict: return 409;
    case Errc::too_large: return 413;
    case Errc::unauthorized: return 401;
    case Errc::no_space: return 507;
    case Errc::corrupt:
    case Errc::io: return 500;
  }
  return 500;
}

}  // namespace

Response problem_from(const Error& error) {
  // Which node leads is the swarm's business: to a client both mean "not now, nothing was done".
  const Errc code = error.code == Errc::not_leader ? Errc::unavailable : error.code;
  const std::string_view detail = error.detail;
  const std::size_t colon = detail.find(": ");
  const std::string_view first = detail.substr(0, colon);
  const bool names_field = colon != std::string_view::npos &&
                           std::find(kFields.begin(), kFields.end(), first) != kFields.end();
  if (!names_field) return problem(status_of(code), to_string(code), detail);
  return problem(status_of(code), to_string(code), detail.substr(colon + 2), first);
}

Response json_response(unsigned status, const Json& body) {
  Response response;
  response.status = status;
  response.set("Content-Type", "application/json");
  response.body = dump(body);
  return response;
}

}  // namespace starling::web
