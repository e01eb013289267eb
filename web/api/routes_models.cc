// /api/v1/models, predictions among them.
#include "ml/study/study_state.h"
#include "web/api/routes.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

asio::awaitable<Response> list_models(Call& call) {
  const auto view = call.node().state();
  Json json{{"models", Json::array()}};
  for (const auto& name : ml::list_models(*view)) {
    json["models"].push_back(model_json(ml::list_versions(*view, name)));
  }
  co_return json_response(200, json);
}

asio::awaitable<Response> get_model(Call& call) {
  const auto view = call.node().state();
  const auto latest = ml::find_version(*view, call.param("name"), std::nullopt);
  if (!latest) co_return problem_from(latest.error());
  co_return json_response(200, model_json(ml::list_versions(*view, latest->model)));
}

OrResponse<ml::ModelVersion> version_of(const Call& call) {
  const auto number = parse_whole(call.param("version"));
  if (!number) {
    return problem(
        404,
        "not_found",
        fmt::format("no version \"{}\": versions are numbered from 1", call.param("version")));
  }
  auto version = ml::find_version(*call.node().state(), call.param("name"), *number);
  if (!version) return problem_from(version.error());
  return std::move(*version);
}

asio::awaitable<Response> get_version(Call& call) {
  const auto version = version_of(call);
  if (!version) co_return version.error();
  co_return json_response(200, version_json(*version));
}

asio::awaitable<Response> download(Call& call) {
  const auto version = version_of(call);
  if (!version) co_return version.error();
  const auto fetched = co_await call.node().fetch(version->artifact);
  if (!fetched) co_return problem_from(fetched.error());
  Response response;
  response.set("Content-Type", "application/zip");
  response.set(
      "Content-Disposition",
      fmt::format(
          "attachment; filename=\"{}-v{}.starling.zip\"", version->model, version->version));
  response.body = FileBody{call.node().blobs().path(version->artifact)};
  co_return response;
}

std::optional<Response> predict_problem(const Call& call, bool is_csv, bool is_json) {
  if (!is_csv && !is_json) {
    return problem(415, "unsupported", "send rows as application/json or as text/csv");
  }
  const auto version = call.request.target.find("version");
  if (version && !parse_whole(*version)) {
    return problem(400,
                   "invalid_argument",
                   fmt::format("must be a number from 1, not {}", shown(Json(*version))),
                   "version");
  }
  return std::nullopt;
}

asio::awaitable<Response> predict(Call& call) {
  const std::string type = media_type(call.request);
  const bool is_csv = type == "text/csv";
  if (auto wrong = predict_problem(call, is_csv, type == "application/json")) {
    co_return std::move(*wrong);
  }
  PredictCall asked;
  asked.model = call.param("name");
  if (const auto version = call.request.target.find("version"))
    asked.version = parse_whole(*version);
  const auto known = ml::find_version(*call.node().state(), asked.model, asked.version);
  if (!known) co_return problem_from(known.error());

  auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  if (!is_csv) {
    const auto json = parse_json(*content);
    if (!json) co_return problem(400, "invalid_argument", json.error().detail);
  }
  asked.body = std::move(*content);
  asked.is_csv = is_csv;
  auto answer = co_await call.node().predict(std::move(asked));
  if (!answer) co_return problem_from(answer.error());
  Response response;
  response.set("Content-Type", is_csv ? "text/csv" : "application/json");
  response.body = std::move(*answer);
  co_return response;
}

}  // namespace

std::vector<RouteEntry> model_routes() {
  return {{"GET", "/api/v1/models", &list_models},
          {"GET", "/api/v1/models/{name}", &get_model},
          {"GET", "/api/v1/models/{name}/versions/{version}", &get_version},
          {"GET", "/api/v1/models/{name}/versions/{version}/download", &download},
          {"POST", "/api/v1/models/{name}/predict", &predict}};
}

}  // namespace starling::web
