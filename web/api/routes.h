/// One function per route of docs/api.md. Each lives in the routes_*.cc of its group.
#pragma once

#include "web/api/call.h"

namespace starling::web {

using RouteFunction = asio::awaitable<Response> (*)(Call& call);

struct RouteEntry {
  const char* method;
  const char* pattern;
  RouteFunction run;
};

std::vector<RouteEntry> swarm_routes();
std::vector<RouteEntry> dataset_routes();
std::vector<RouteEntry> study_routes();
std::vector<RouteEntry> outside_routes();
std::vector<RouteEntry> report_routes();
std::vector<RouteEntry> model_routes();
std::vector<RouteEntry> event_routes();
std::vector<RouteEntry> register_routes();
std::vector<RouteEntry> member_routes();
std::vector<RouteEntry> adoption_routes();

}  // namespace starling::web
