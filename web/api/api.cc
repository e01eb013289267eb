#include "web/api/api.h"

#include "ml/study/study_state.h"
#include "web/api/auth.h"
#include "web/api/routes.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

bool is_under(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

// Programs that ask for an API of any kind must get JSON, never the page.
bool is_for_programs(std::string_view path) {
  return is_under(path, "/api") || is_under(path, "/v1") || is_under(path, "/v2") ||
         path == "/metrics" || path == "/healthz" || path == "/readyz";
}

bool is_guarded(std::string_view path) {
  return is_for_programs(path) && path != "/healthz" && path != "/readyz";
}

std::vector<std::string> member_urls(const NodeView& node) {
  std::vector<std::string> urls;
  for (const MemberStatus& member : node.swarm().members) {
    if (!member.member.facts.http.empty()) urls.push_back(member.member.facts.http);
  }
  return urls;
}

void add_cors(Response& response, const std::string& origin) {
  response.set("Access-Control-Allow-Origin", origin);
  response.set("Access-Control-Expose-Headers", "Starling-Index, Location, Retry-After, ETag");
}

Response preflight() {
  Response response;
  response.status = 204;
  response.set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE");
  response.set("Access-Control-Allow-Headers",
               "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
               "Last-Event-ID, Starling-Min-Index");
  response.set("Access-Control-Max-Age", "600");
  return response;
}

// The node catches up with what the reader has seen elsewhere, or says that it cannot yet.
asio::awaitable<std::optional<Response>> catch_up(ApiCore& core, const Request& request) {
  LogIndex wanted;
  if (const auto text = request.header("Starling-Min-Index")) {
    const auto number = parse_whole(*text);
    if (!number) {
      co_return problem(400, "invalid_argument", "Starling-Min-Index must be a whole number");
    }
    wanted = LogIndex{*number};
  }
  const auto consistency = request.target.find("consistency").value_or("local");
  if (consistency == "linearizable") {
    const auto index = co_await core.node.read_index(core.options.read_patience);
    if (!index) co_return problem_from(index.error());
    wanted = std::max(wanted, *index);
  } else if (consistency != "local") {
    co_return problem(400, "invalid_argument", "consistency is local or linearizable");
  }
  if (wanted <= core.node.applied()) co_return std::nullopt;
  const auto reached = co_await core.node.wait_applied(wanted, core.options.read_patience);
  if (reached) co_return std::nullopt;
  co_return problem(503,
                    "unavailable",
                    fmt::format("this node has applied {} and not yet {}; ask again or ask "
                                "another node",
                                core.node.applied().value,
                                wanted.value));
}

}  // namespace

struct Api::State {
  State(asio::any_io_executor executor, NodeView& node, ApiOptions options)
      : core(std::move(executor), node, std::move(options)), pages(core.options.pages) {
    for (const auto& group : {swarm_routes(),
                              dataset_routes(),
                              study_routes(),
                              outside_routes(),
                              model_routes(),
                              event_routes(),
                              register_routes(),
                              member_routes(),
                              report_routes(),
                              adoption_routes()}) {
      for (const RouteEntry& route : group) {
        router.add(route.method, route.pattern, static_cast<int>(functions.size()));
        functions.push_back(route.run);
      }
    }
  }

  ApiCore core;
  Pages pages;
  Router router;
  std::vector<RouteFunction> functions;

  asio::awaitable<Response> answer(const Request& request, BodyReader& body) {
    if (auto refused = check_host(request)) co_return std::move(*refused);
    const auto origin = request.header("Origin");
    // Who the members are is asked of the whole node: only where the answer depends on it.
    const bool may_be_page = !is_for_programs(request.target.path);
    const auto urls = origin || may_be_page ? member_urls(core.node) : std::vector<std::string>{};
    const auto rule = judge_origin(origin, *request.header("Host"), urls);
    if (rule == OriginRule::stranger || request.count("Origin") > 1) {
      co_return problem(
          403, "unauthorized", "this origin is not the page of a member of the swarm");
    }
    Response response;
    if (rule == OriginRule::member && request.method == "OPTIONS") {
      response = preflight();
    } else {
      response = co_await guarded(request, body, urls);
    }
    if (rule == OriginRule::member) add_cors(response, *origin);
    response.set("Vary", "Origin");
    response.set("X-Content-Type-Options", "nosniff");
    if (is_for_programs(request.target.path)) response.set("Cache-Control", "no-store");
    co_return response;
  }

  std::optional<Response> check_host(const Request& request) const {
    if (request.count("Host") != 1) {
      return problem(400, "invalid_argument", "exactly one Host header is needed");
    }
    if (is_own_host(*request.header("Host"), core.options.hosts)) return std::nullopt;
    return problem(403,
                   "unauthorized",
                   "this Host is not an address of this node; see --http and --http-advertise");
  }

  bool has_valid_token(const Request& request) const {
    const auto token = bearer_token(request);
    if (!token) return false;
    if (core.options.is_token) return core.options.is_token(*token);
    return ml::has_token(*core.node.state(), hash_of(to_bytes(*token)));
  }

  asio::awaitable<Response> guarded(const Request& request,
                                    BodyReader& body,
                                    std::span<const std::string> urls) {
    const std::string& path = request.target.path;
    if (is_guarded(path) && core.options.needs_token && !has_valid_token(request)) {
      // A state that is behind does not know all tokens.
      const auto ready = core.node.ready();
      if (bearer_token(request) && !ready) {
        Response later = problem(503,
                                 "unavailable",
                                 fmt::format("the token is not known here yet: {}; try again in a "
                                             "moment, or ask another node",
                                             ready.error().detail));
        later.set("Retry-After", "1");
        co_return later;
      }
      Response refused = problem(401,
                                 "unauthorized",
                                 "send Authorization: Bearer TOKEN; the founding node keeps it in "
                                 "the file admin-token of its data directory");
      refused.set("WWW-Authenticate", "Bearer");
      co_return refused;
    }
    if (is_for_programs(path)) co_return co_await route(request, body);
    if (request.method == "GET" || request.method == "HEAD") co_return pages.answer(request, urls);
    co_return wrong_method(request, "GET, HEAD");
  }

  asio::awaitable<Response> route(const Request& request, BodyReader& body) {
    Match match = router.match(request.method, request.target.path);
    if (match.kind == Match::Kind::unknown_path) {
      co_return problem(404, "not_found", fmt::format("no route {}", request.target.path));
    }
    if (match.kind == Match::Kind::wrong_method) co_return wrong_method(request, match.allow);
    if (request.method == "GET" || request.method == "HEAD") {
      auto behind = co_await catch_up(core, request);
      if (behind) co_return std::move(*behind);
    }
    Call call{core, request, body, std::move(match.params)};
    const RouteFunction run = functions[static_cast<std::size_t>(match.handler)];
    co_return co_await run(call);
  }

  static Response wrong_method(const Request& request, const std::string& allow) {
    Response response = problem(
        405,
        "unsupported",
        fmt::format("{} is not for {}; allowed: {}", request.method, request.target.path, allow));
    response.set("Allow", allow);
    return response;
  }
};

Api::Api(asio::any_io_executor executor, NodeView& node, ApiOptions options)
    : state_(std::make_unique<State>(std::move(executor), node, std::move(options))) {}

Api::~Api() = default;

Handler Api::handler() {
  State* state = state_.get();
  return [state](const Request& request, BodyReader& body) { return state->answer(request, body); };
}

void Api::notify_applied(LogIndex index) {
  state_->core.signal.notify(index);
}

}  // namespace starling::web
