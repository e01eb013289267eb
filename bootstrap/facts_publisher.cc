#include "bootstrap/facts_publisher.h"

#include "node/net/spawn.h"
#include "node/process/disk_probe.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kLookEvery = 1s;
constexpr auto kMeasuredEvery = 2min;

asio::awaitable<Result<std::chrono::microseconds>> measured(std::filesystem::path dir) {
  co_return node::slow_sync(dir);
}

}  // namespace

FactsPublisher::FactsPublisher(asio::any_io_executor core,
                               asio::thread_pool& background,
                               FactsSource& facts,
                               node::GossipService& gossip,
                               Look look,
                               Logger log)
    : core_(core),
      background_(background),
      facts_(facts),
      gossip_(gossip),
      look_(std::move(look)),
      log_(std::move(log)),
      next_look_(core),
      next_measuring_(core) {}

void FactsPublisher::start() {
  node::spawn(core_, publish());
  node::spawn(core_, measure_disk());
}

void FactsPublisher::stop() {
  is_stopped_ = true;
  next_look_.cancel();
  next_measuring_.cancel();
}

asio::awaitable<void> FactsPublisher::publish() {
  while (!is_stopped_) {
    gossip_.set_facts(look_());
    next_look_.expires_after(kLookEvery);
    co_await next_look_.async_wait(kAsTuple);
  }
}

asio::awaitable<void> FactsPublisher::measure_disk() {
  while (!is_stopped_) {
    auto work = measured(facts_.data());
    const auto taken = co_await asio::co_spawn(background_, std::move(work), asio::use_awaitable);
    if (taken) facts_.note_sync_time(*taken);
    if (!taken) log_.warn("the disk was not measured why={}", taken.error().detail);
    if (is_stopped_) co_return;
    next_measuring_.expires_after(kMeasuredEvery);
    co_await next_measuring_.async_wait(kAsTuple);
  }
}

}  // namespace starling::bootstrap
