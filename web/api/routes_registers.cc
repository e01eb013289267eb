// /api/v1/registers: small values with compare-and-set, by the conditional requests of RFC 9110.
#include "ml/study/registers.h"
#include "web/api/routes.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

std::string tag_of(std::uint64_t version) {
  return fmt::format("\"{}\"", version);
}

/// The version that a tag of ours names.
std::optional<std::uint64_t> version_of_tag(std::string_view tag) {
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  const auto version = parse_whole(tag.substr(1, tag.size() - 2));
  return version == 0 ? std::nullopt : version;
}

using Expected = std::optional<std::uint64_t>;

/// What the request expects of the register: nothing, that it does not exist (0), or a version.
OrResponse<Expected> expected_of(const Call& call) {
  const auto match = call.request.header("If-Match");
  const auto none_match = call.request.header("If-None-Match");
  if (none_match && (match || *none_match != "*")) {
    return problem(400,
                   "invalid_argument",
                   "If-None-Match: a write takes \"*\" only (it must not exist yet), and not "
                   "together with If-Match",
                   "If-None-Match");
  }
  if (none_match) return Expected{0};
  if (!match) return Expected{};
  const auto version = version_of_tag(*match);
  if (!version) {
    return problem(400,
                   "invalid_argument",
                   "If-Match: must be one version in quotes, as the ETag of an answer has it",
                   "If-Match");
  }
  return Expected{*version};
}

/// The body and the condition: both belong to the request under an idempotency key.
ContentHash content_of(std::string_view body, const Expected& expected) {
  const auto condition = expected ? std::to_string(*expected) : "any";
  return hash_of(to_bytes(fmt::format("{}\n{}", condition, body)));
}

Response refusal(const ml::Recorded& recorded, const Expected& expected) {
  Response response = problem_from(*recorded.outcome.error);
  if (expected && recorded.outcome.error->code == Errc::conflict) {
    response = problem(412, "conflict", recorded.outcome.error->detail);
    if (recorded.outcome.number != 0) response.set("ETag", tag_of(recorded.outcome.number));
  }
  return with_index(std::move(response), recorded.index);
}

asio::awaitable<Response> list_registers(Call& call) {
  Json json{{"registers", Json::array()}};
  for (const auto& entry : ml::list_registers(*call.node().state())) {
    json["registers"].push_back(
        {{"key", entry.key}, {"version", entry.version}, {"bytes", entry.value.size()}});
  }
  co_return json_response(200, json);
}

asio::awaitable<Response> get_register(Call& call) {
  auto found = ml::find_register(*call.node().state(), call.param("key"));
  if (!found) co_return problem_from(found.error());
  Response response;
  response.set("ETag", tag_of(found->version));
  if (call.request.header("If-None-Match") == tag_of(found->version)) {
    response.status = 304;
    co_return response;
  }
  response.set("Content-Type", "application/octet-stream");
  response.body = std::move(found->value);
  co_return response;
}

asio::awaitable<Response> put_register(Call& call) {
  const auto expected = expected_of(call);
  if (!expected) co_return expected.error();
  const std::string key = call.param("key");
  const auto is_key = ml::check_register_key(key);
  if (!is_key) co_return problem_from(is_key.error());
  auto value = co_await buffered_body(call, ml::kRegisterValueMax);
  if (!value) co_return value.error();

  const ContentHash content = content_of(*value, *expected);
  const std::size_t bytes = value->size();
  ml::CommandBody command = ml::SetRegister{key, std::move(*value), *expected};
  const auto done = co_await record(call, std::move(command), content);
  if (!done) co_return done.error();
  if (done->outcome.error) co_return refusal(*done, *expected);
  const Json json{{"key", key}, {"version", done->outcome.number}, {"bytes", bytes}};
  Response response = json_response(done->outcome.id.empty() ? 200 : 201, json);
  response.set("ETag", tag_of(done->outcome.number));
  co_return with_index(std::move(response), done->index);
}

asio::awaitable<Response> remove_register(Call& call) {
  const auto expected = expected_of(call);
  if (!expected) co_return expected.error();
  const std::string key = call.param("key");
  const auto is_key = ml::check_register_key(key);
  if (!is_key) co_return problem_from(is_key.error());
  const auto body = co_await buffered_body(call, ml::kRegisterValueMax);
  if (!body) co_return body.error();

  ml::CommandBody command = ml::RemoveRegister{key, *expected};
  const auto done = co_await record(call, std::move(command), content_of(*body, *expected));
  if (!done) co_return done.error();
  if (done->outcome.error) co_return refusal(*done, *expected);
  const Json json{{"key", key}, {"version", done->outcome.number}};
  co_return with_index(json_response(200, json), done->index);
}

}  // namespace

std::vector<RouteEntry> register_routes() {
  return {{"GET", "/api/v1/registers", &list_registers},
          {"GET", "/api/v1/registers/{key}", &get_register},
          {"PUT", "/api/v1/registers/{key}", &put_register},
          {"DELETE", "/api/v1/registers/{key}", &remove_register}};
}

}  // namespace starling::web
