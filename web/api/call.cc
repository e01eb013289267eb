#include "web/api/call.h"

#include "ml/study/answer_table.h"
#include "node/base/bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace starling::web {

namespace {

constexpr std::size_t kKeyMax = 128;

ContentHash hash_of_text(std::string_view text) {
  return hash_of(BytesView{reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

// The same key means the same request only if method, path, query and body are the same.
std::string request_hash(const Request& request, const ContentHash& content) {
  std::string whole = fmt::format("{} {}\n", request.method, request.target.path);
  for (const auto& [name, value] : request.target.query) {
    whole += fmt::format("{}={}\n", percent_encode(name), percent_encode(value));
  }
  return hash_of_text(whole + content.hex()).hex();
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  std::uint64_t number = 0;
  if (text.empty() || text.size() > 18) return std::nullopt;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string media_type(const Request& request) {
  std::string type = request.header("Content-Type").value_or("");
  type = type.substr(0, type.find(';'));
  type.erase(std::remove(type.begin(), type.end(), ' '), type.end());
  std::transform(type.begin(), type.end(), type.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return type;
}

asio::awaitable<OrResponse<std::string>> buffered_body(Call& call, std::uint64_t limit) {
  const std::uint64_t size = call.body.declared_size().value_or(limit);
  if (size > limit) {
    co_return problem(
        413, "too_large", fmt::format("the body has {} bytes, the limit is {}", size, limit));
  }
  if (call.core.bytes_buffered + size > kBufferedBodiesMax) {
    Response busy = problem(429, "unavailable", "too many large requests at once; send it again");
    busy.set("Retry-After", "1");
    co_return busy;
  }
  const Share<std::uint64_t> share{call.core.bytes_buffered, call.body.has_body() ? size : 0};
  auto text = co_await call.body.read_all(limit);
  if (text) co_return std::move(*text);
  if (text.error().code == Errc::invalid_argument) {
    co_return problem(400, "invalid_argument", text.error().detail);
  }
  co_return problem_from(text.error());
}

asio::awaitable<OrResponse<ParsedJson>> object_body(Call& call, std::string& content) {
  auto text = co_await buffered_body(call, kBufferedBodyMax);
  if (!text) co_return text.error();
  content = std::move(*text);
  auto body = parse_json(content.empty() ? "{}" : content);
  if (!body) co_return problem(400, "invalid_argument", body.error().detail);
  co_return std::move(*body);
}

OrResponse<std::string> idempotency_key(const Call& call) {
  const auto key = call.request.header("Idempotency-Key");
  if (!key) return std::string{};
  const bool is_visible =
      std::all_of(key->begin(), key->end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (key->empty() || key->size() > kKeyMax || !is_visible) {
    return problem(400,
                   "invalid_argument",
                   fmt::format("must be 1 to {} visible characters, not {}", kKeyMax, key->size()),
                   "Idempotency-Key");
  }
  return *key;
}

std::optional<Committed> answered_before(const Call& call, ContentHash content) {
  const auto key = idempotency_key(call);
  if (!key || key->empty()) return std::nullopt;
  ml::Command command;
  command.key = *key;
  command.request_hash = request_hash(call.request, content);
  const auto view = call.node().state();
  const auto answer = ml::recorded_answer(*view, command);
  if (!answer || answer->error) return std::nullopt;
  return Committed{call.node().applied(), answer->id, answer->number};
}

asio::awaitable<OrResponse<ml::Recorded>> record(Call& call,
                                                 ml::CommandBody body,
                                                 ContentHash content) {
  const auto key = idempotency_key(call);
  if (!key) co_return key.error();
  if (call.core.commands_in_flight >= kCommandsInFlightMax) {
    Response busy = problem(429,
                            "unavailable",
                            fmt::format("{} changes are in flight already, which is the limit; "
                                        "nothing was done, send it again",
                                        kCommandsInFlightMax));
    busy.set("Retry-After", "1");
    co_return busy;
  }
  const Share<std::uint32_t> share{call.core.commands_in_flight, 1};
  ml::Command command;
  command.key = key->empty()
                    ? ml::internal_key(call.node().applied(), to_hex(secure_random_bytes(12)))
                    : *key;
  if (!key->empty()) command.request_hash = request_hash(call.request, content);
  command.body = std::move(body);
  auto recorded =
      co_await call.node().ledger().append(std::move(command), call.core.options.write_patience);
  if (!recorded) co_return problem_from(recorded.error());
  if (recorded->outcome.error) co_return std::move(*recorded);
  const auto caught_up =
      co_await call.node().wait_applied(recorded->index, call.core.options.read_patience);
  if (!caught_up) {
    Response late = problem(503,
                            "timed_out",
                            "it is recorded, but this node has not caught up yet; ask again with "
                            "the same Idempotency-Key, or ask another node");
    co_return with_index(std::move(late), recorded->index);
  }
  co_return std::move(*recorded);
}

asio::awaitable<std::optional<Response>> see_all_committed(Call& call) {
  const auto patience = call.core.options.read_patience;
  const auto index = co_await call.node().read_index(patience);
  if (!index) co_return problem_from(index.error());
  const auto reached = co_await call.node().wait_applied(*index, patience);
  if (!reached) co_return problem_from(reached.error());
  co_return std::nullopt;
}

asio::awaitable<OrResponse<Committed>> commit(Call& call,
                                              ml::CommandBody body,
                                              ContentHash content) {
  const auto recorded = co_await record(call, std::move(body), content);
  if (!recorded) co_return recorded.error();
  if (recorded->outcome.error) {
    co_return with_index(problem_from(*recorded->outcome.error), recorded->index);
  }
  co_return Committed{recorded->index, recorded->outcome.id, recorded->outcome.number};
}

Response with_index(Response response, LogIndex index) {
  response.set("Starling-Index", std::to_string(index.value));
  return response;
}

std::string drawn_id(std::string_view prefix) {
  return std::string{prefix} + "-" + to_hex(secure_random_bytes(4));
}

NodeNames names_of(const NodeView& node) {
  NodeNames names;
  for (const MemberStatus& member : node.swarm().members)
    names[member.member.id] = member.member.facts.name;
  return names;
}

}  // namespace starling::web
