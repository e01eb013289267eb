#include "node/net/spawn.h"
#include "tools/bench_core/http_exchange.h"
#include "tools/bench_core/register_request.h"
#include "tools/bench_core/write_load.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace starling::bench {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kPauseAfterFailure{10};

struct HttpLoad {
  HttpLoad(HttpEndpoint endpoint, std::string bearer, const LoadPlan& plan)
      : to(std::move(endpoint)), token(std::move(bearer)), tally(plan) {}

  asio::awaitable<void> write_on(std::size_t writer);

  asio::io_context context{1};
  HttpEndpoint to;
  std::string token;
  Tally tally;
};

asio::awaitable<void> HttpLoad::write_on(std::size_t writer) {
  asio::steady_timer pause{context};
  for (std::size_t number = 0; !tally.is_over();) {
    HttpExchange exchange{context.get_executor()};
    const auto connected = co_await exchange.connect(to);
    std::string why = connected ? std::string{} : connected.error().detail;
    while (why.empty() && !tally.is_over()) {
      const std::string key = key_of(tally.plan(), writer, number);
      const std::string value = value_of(tally.plan(), writer, number++);
      const std::string request = set_register_request(to.host, token, key, value);
      const auto started = Clock::now();
      const auto answer = co_await exchange.send(request);
      if (answer && answer->is_success())
        tally.succeeded(started);
      else
        why = answer ? fmt::format("{} {}", answer->status, answer->body) : answer.error().detail;
    }
    if (why.empty()) break;
    tally.failed(why);
    pause.expires_after(kPauseAfterFailure);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

}  // namespace

Json http_load(const std::string& url, const std::string& token, const LoadPlan& plan) {
  const auto to = endpoint_of(url);
  HttpLoad load{to.value(), token, plan};
  for (std::size_t writer = 0; writer < plan.writers; ++writer)
    node::spawn(load.context.get_executor(), load.write_on(writer));
  load.context.run();
  return load.tally.finish();
}

}  // namespace starling::bench
