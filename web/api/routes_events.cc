// /api/v1/events: server-sent events from a cursor on.
#include "ml/study/study_state.h"
#include "web/api/routes.h"
#include "web/live/sse.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

constexpr std::size_t kPageEvents = 500;

Response bad_cursor(std::string_view text) {
  return problem(
      400,
      "invalid_argument",
      fmt::format("a cursor is INDEX.SEQUENCE, the id of an event, not {}", shown(Json(text))),
      "after");
}

// A browser that reconnects repeats its first URL, so Last-Event-ID, which is newer, comes first.
std::optional<std::string> asked_cursor(const Request& request) {
  if (auto last = request.header("Last-Event-ID")) return last;
  return request.target.find("after");
}

asio::awaitable<void> stream_events(ApiCore& core, Cursor at, StreamWriter& writer) {
  for (;;) {
    // Read before the state: what is applied in between is seen now or wakes the wait below.
    const LogIndex applied = core.node.applied();
    const auto view = core.node.state();
    const auto page = ml::events_after(*view, at.index, at.sequence, kPageEvents);
    if (page.too_old) co_return;  // It fell behind; asking again with its cursor answers 410.
    std::string text;
    for (const ml::Event& event : page.events)
      text += sse_text(event);
    if (!page.events.empty()) at = {page.events.back().index, page.events.back().sequence};
    if (page.events.size() < kPageEvents && text.empty()) {
      co_await core.signal.wait_beyond(applied, core.options.keep_alive);
      if (core.node.applied() > applied) continue;
      text = kSseKeepAlive;
    }
    const auto sent = co_await writer.write(std::move(text));
    if (!sent) co_return;
  }
}

asio::awaitable<Response> get_events(Call& call) {
  Cursor at{call.node().applied().value + 1, 0};
  if (const auto text = asked_cursor(call.request)) {
    const auto parsed = parse_cursor(*text);
    if (!parsed) co_return bad_cursor(*text);
    at = *parsed;
    const auto page = ml::events_after(*call.node().state(), at.index, at.sequence, 1);
    if (page.too_old) {
      co_return problem(410,
                        "not_found",
                        "this cursor is older than the events that are kept; read the state anew "
                        "and go on with what happens next",
                        "after");
    }
  }
  Response response;
  response.set("Content-Type", "text/event-stream");
  response.set("X-Accel-Buffering", "no");
  ApiCore& core = call.core;
  response.body =
      StreamBody{[&core, at](StreamWriter& writer) { return stream_events(core, at, writer); }};
  co_return response;
}

}  // namespace

std::vector<RouteEntry> event_routes() {
  return {{"GET", "/api/v1/events", &get_events}};
}

}  // namespace starling::web
