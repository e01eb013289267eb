#include "web/http/message.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace starling::web {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return boost::beast::iequals(a, b);
}

std::optional<std::string> Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

std::size_t Request::count(std::string_view name) const {
  std::size_t found = 0;
  for (const auto& [key, value] : headers)
    found += equal_ignoring_case(key, name) ? 1 : 0;
  return found;
}

asio::awaitable<Result<std::string>> BodyReader::read_all(std::uint64_t limit) {
  const Error too_large{Errc::too_large,
                        fmt::format("the body is larger than the limit of {} bytes", limit)};
  if (declared_size().value_or(0) > limit) co_return too_large;
  std::string text;
  std::vector<char> piece(64 * 1024);
  for (;;) {
    const auto got = co_await read(piece);
    if (!got) co_return got.error();
    if (*got == 0) co_return text;
    if (text.size() + *got > limit) co_return too_large;
    text.append(piece.data(), *got);
  }
}

std::string_view reason_phrase(unsigned status) {
  if (status == 422) return "Unprocessable Content";
  const auto phrase =
      boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(status));
  return {phrase.data(), phrase.size()};
}

Response problem(unsigned status,
                 std::string_view code,
                 std::string_view detail,
                 std::string_view field) {
  nlohmann::ordered_json body;
  body["type"] = "about:blank";
  body["title"] = reason_phrase(status);
  body["status"] = status;
  body["code"] = code;
  body["detail"] = detail;
  if (!field.empty()) body["field"] = field;
  Response response;
  response.status = status;
  response.set("Content-Type", "application/problem+json");
  if (status == 503) response.set("Retry-After", "1");
  using Json = nlohmann::ordered_json;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

}  // namespace starling::web
