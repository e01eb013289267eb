// /healthz, /readyz, /api/v1/swarm, /metrics.
#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "web/api/routes.h"

#include <fmt/format.h>

#include <map>

namespace starling::web {

namespace {

std::string_view state_name(node::MemberState state) {
  switch (state) {
    case node::MemberState::alive: return "alive";
    case node::MemberState::suspect: return "suspect";
    case node::MemberState::dead: return "dead";
    case node::MemberState::left: return "left";
  }
  return "unknown";
}

Json member_json(const MemberStatus& status) {
  const node::MemberFacts& facts = status.member.facts;
  const std::uint64_t used = facts.memory_used_mb;
  const std::uint64_t budget = facts.memory_budget_mb;
  Json json{{"id", status.member.id.hex()},
            {"name", facts.name},
            {"address", facts.address},
            {"http", facts.http},
            {"state", state_name(status.member.state)},
            {"role", status.role},
            {"is_leader", status.is_leader}};
  json["memory"] = Json{{"budget_mb", budget},
                        {"used_mb", used},
                        {"free_mb", budget > used ? budget - used : 0},
                        {"is_short", facts.memory_is_short}};
  json["disk"] = Json{{"free_mb", facts.disk_free_mb}, {"sync_us", facts.sync_us}};
  json["slots"] = facts.slots;
  json["speed_mflops"] = facts.speed_mflops;
  json["trials_running"] = facts.trials_running;
  json["trials_queued"] = status.trials_queued;
  json["version"] = facts.version;
  json["labels"] = Json::object();
  for (const auto& [name, value] : facts.labels)
    json["labels"][name] = value;
  return json;
}

asio::awaitable<Response> get_health(Call&) {
  Json ok{{"status", "ok"}};
  co_return json_response(200, ok);
}

asio::awaitable<Response> get_ready(Call& call) {
  const auto ready = call.node().ready();
  if (!ready) co_return problem(503, "unavailable", ready.error().detail);
  Json body{{"status", "ready"}};
  co_return json_response(200, body);
}

asio::awaitable<Response> get_swarm(Call& call) {
  const SwarmStatus swarm = call.node().swarm();
  Json json{{"swarm_id", swarm.swarm.hex()}};
  json["leader"] = swarm.leader ? Json(swarm.leader->hex()) : Json(nullptr);
  json["term"] = swarm.term;
  json["commit_index"] = swarm.commit_index;
  json["applied_index"] = swarm.applied_index;
  json["upstream"] = swarm.upstream ? Json(swarm.upstream->hex()) : Json(nullptr);
  json["depth"] = swarm.depth;
  json["self"] = swarm.self.hex();
  json["members"] = Json::array();
  const auto view = call.node().state();
  for (const MemberStatus& member : swarm.members) {
    Json entry = member_json(member);
    entry["draining"] = ml::is_draining(*view, member.member.id);
    json["members"].push_back(std::move(entry));
  }
  json["notes"] = swarm.notes;
  co_return json_response(200, json);
}

void add_metric(std::string& text, std::string_view name, std::string_view help) {
  text += fmt::format("# HELP {} {}\n# TYPE {} gauge\n", name, help, name);
}

std::string swarm_metrics(const SwarmStatus& swarm) {
  std::map<std::string_view, int> by_state{{"alive", 0}, {"suspect", 0}, {"dead", 0}, {"left", 0}};
  for (const MemberStatus& member : swarm.members)
    ++by_state[state_name(member.member.state)];
  std::string text;
  add_metric(text, "starling_members", "Members this node knows, by state.");
  for (const auto& [state, count] : by_state) {
    text += fmt::format("starling_members{{state=\"{}\"}} {}\n", state, count);
  }
  const auto add_number = [&text](std::string_view name, std::string_view help, auto value) {
    add_metric(text, name, help);
    text += fmt::format("{} {}\n", name, value);
  };
  add_number("starling_term", "Raft term.", swarm.term);
  add_number("starling_commit_index", "Last committed log index known here.", swarm.commit_index);
  add_number("starling_applied_index", "Last log index applied here.", swarm.applied_index);
  add_number("starling_is_leader", "1 on the leader.", swarm.leader == swarm.self ? 1 : 0);
  return text;
}

std::string trial_metrics(const StateView& view) {
  ml::TrialCounts sum;
  std::map<std::string_view, int> studies;
  for (const ml::Study& study : ml::list_studies(view)) {
    ++studies[to_string(study.status)];
    sum.queued += study.counts.queued;
    sum.running += study.counts.running;
    sum.completed += study.counts.completed;
    sum.pruned += study.counts.pruned;
    sum.failed += study.counts.failed;
    sum.infeasible += study.counts.infeasible;
    sum.cancelled += study.counts.cancelled;
  }
  std::string text;
  add_metric(text, "starling_studies", "Studies by status.");
  for (const auto& [status, count] : studies) {
    text += fmt::format("starling_studies{{status=\"{}\"}} {}\n", status, count);
  }
  const std::map<std::string_view, std::uint32_t> trials{{"queued", sum.queued},
                                                         {"running", sum.running},
                                                         {"completed", sum.completed},
                                                         {"pruned", sum.pruned},
                                                         {"failed", sum.failed},
                                                         {"infeasible", sum.infeasible},
                                                         {"cancelled", sum.cancelled}};
  add_metric(text, "starling_trials", "Trials of all studies by state.");
  for (const auto& [state, count] : trials) {
    text += fmt::format("starling_trials{{state=\"{}\"}} {}\n", state, count);
  }
  return text;
}

asio::awaitable<Response> get_metrics(Call& call) {
  const auto view = call.node().state();
  Response response;
  response.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  response.body = swarm_metrics(call.node().swarm()) + trial_metrics(*view);
  co_return response;
}

}  // namespace

std::vector<RouteEntry> swarm_routes() {
  return {{"GET", "/healthz", &get_health},
          {"GET", "/readyz", &get_ready},
          {"GET", "/metrics", &get_metrics},
          {"GET", "/api/v1/swarm", &get_swarm}};
}

}  // namespace starling::web
