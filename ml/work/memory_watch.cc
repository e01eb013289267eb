#include "ml/work/memory_watch.h"

#include "node/base/clock.h"
#include "node/net/spawn.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace starling::ml {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 500ms;

std::string sentence_of(const MemorySeen& seen) {
  return fmt::format(
      "its node ran short of memory: {} of {} MB free, {} of its budget of {} MB used",
      seen.free >> 20,
      seen.limit >> 20,
      seen.used >> 20,
      seen.budget >> 20);
}

}  // namespace

MemoryWatch::MemoryWatch(asio::any_io_executor core, MemoryWatchSources sources, Logger log)
    : core_(core), sources_(std::move(sources)), log_(std::move(log)), alarm_(core) {}

void MemoryWatch::start() {
  node::spawn(core_, run());
}

void MemoryWatch::stop() {
  is_stopped_ = true;
  alarm_.cancel();
}

asio::awaitable<void> MemoryWatch::run() {
  while (!is_stopped_) {
    look();
    alarm_.expires_after(kLookEvery);
    co_await alarm_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void MemoryWatch::look() {
  const MemorySeen seen = sources_.look();
  const MemoryCall call = pressure_.look(seen, mono_now());
  const bool was_short = is_short_.exchange(call != MemoryCall::go_on);
  if (was_short != is_short_)
    log_.warn("{}: {}", is_short_ ? "begins no trials" : "has room again", sentence_of(seen));
  if (was_short && !is_short_) sources_.on_room();
  if (call == MemoryCall::ease) sources_.ease(sentence_of(seen));
  if (call == MemoryCall::make_way) sources_.make_way(sentence_of(seen));
}

}  // namespace starling::ml
