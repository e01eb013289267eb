#include "tools/bench_core/first_write.h"

#include "node/net/spawn.h"
#include "tools/bench_core/http_exchange.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <memory>
#include <optional>

namespace starling::bench {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kEvery{10};
constexpr std::chrono::seconds kPatienceOfOne{1};
constexpr std::chrono::seconds kPatience{30};
constexpr std::size_t kAtOnceMax = 64;

struct Search {
  Search(const WriteRequest& write, Clock::time_point from) : request(write), since(from) {}

  asio::awaitable<void> ask_all(std::vector<HttpEndpoint> servers);
  asio::awaitable<void> ask(HttpEndpoint server, std::size_t number);

  const WriteRequest& request;
  Clock::time_point since;
  std::optional<Clock::duration> first;
  std::string last_refusal = "nobody answered";
  std::size_t waiting = 0;
  asio::io_context context{1};
};

asio::awaitable<void> give_up(std::shared_ptr<HttpExchange> exchange,
                              std::shared_ptr<asio::steady_timer> alarm) {
  const auto [answered] = co_await alarm->async_wait(asio::as_tuple(asio::use_awaitable));
  if (!answered) exchange->close();
}

asio::awaitable<void> Search::ask(HttpEndpoint server, std::size_t number) {
  const auto exchange = std::make_shared<HttpExchange>(context.get_executor());
  const auto alarm = std::make_shared<asio::steady_timer>(context, kPatienceOfOne);
  node::spawn(context.get_executor(), give_up(exchange, alarm));
  ++waiting;
  const auto connected = co_await exchange->connect(server);
  if (connected) {
    const std::string text = request(server.host, number);
    const auto answer = co_await exchange->send(text);
    if (answer && answer->is_success()) {
      if (!first) first = Clock::now() - since;
      context.stop();
    } else {
      last_refusal =
          answer ? fmt::format("{} {}", answer->status, answer->body) : answer.error().detail;
    }
  } else {
    last_refusal = connected.error().detail;
  }
  --waiting;
  alarm->cancel();
}

asio::awaitable<void> Search::ask_all(std::vector<HttpEndpoint> servers) {
  asio::steady_timer next{context};
  for (std::size_t number = 0; Clock::now() < since + kPatience; ++number) {
    if (waiting < kAtOnceMax)
      node::spawn(context.get_executor(), ask(servers[number % servers.size()], number));
    next.expires_after(kEvery);
    co_await next.async_wait(asio::use_awaitable);
  }
  context.stop();
}

}  // namespace

Result<Clock::duration> time_to_first_write(const std::vector<std::string>& urls,
                                            const WriteRequest& request,
                                            Clock::time_point since) {
  std::vector<HttpEndpoint> servers;
  for (const auto& url : urls) {
    auto server = endpoint_of(url);
    if (!server) return server.error();
    servers.push_back(std::move(*server));
  }
  Search search{request, since};
  node::spawn(search.context.get_executor(), search.ask_all(std::move(servers)));
  search.context.run();
  if (search.first) return *search.first;
  return Error{
      Errc::timed_out,
      fmt::format(
          "no write within {} s; the last refusal: {}", kPatience.count(), search.last_refusal)};
}

void FailoverTally::add(const Result<Clock::duration>& one) {
  if (!one) {
    failures_.push_back(one.error().detail);
    return;
  }
  samples_.add(*one);
  all_ms_.push_back(rounded(std::chrono::duration<double, std::milli>(*one).count()));
}

Json FailoverTally::to_json() const {
  Json json{{"kills", all_ms_.size() + failures_.size()},
            {"failed", failures_.size()},
            {"median_ms", rounded(median(all_ms_))},
            {"p95_ms", rounded(samples_.quantile_us(0.95) / 1000)},
            {"max_ms", rounded(samples_.quantile_us(1) / 1000)},
            {"all_ms", all_ms_}};
  if (!failures_.empty()) json["first_failure"] = failures_.front();
  return json;
}

}  // namespace starling::bench
