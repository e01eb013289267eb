#include "bootstrap/other_swarm.h"

#include <fmt/format.h>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kRemembered = 5min;
constexpr MonoTime kToldEvery = 60s;

}  // namespace

bool OtherSwarm::note(MonoTime now, SwarmId swarm, const std::string& where) {
  const std::lock_guard lock{mutex_};
  const bool is_news = swarm != swarm_ || !told_at_ || now - *told_at_ >= kToldEvery;
  swarm_ = swarm;
  where_ = where;
  met_at_ = now;
  if (is_news) told_at_ = now;
  return is_news;
}

std::optional<std::string> OtherSwarm::warning(MonoTime now) const {
  const std::lock_guard lock{mutex_};
  if (!met_at_ || now - *met_at_ >= kRemembered) return std::nullopt;
  return fmt::format(
      "another swarm ({}) that knows the same secret was met at {}, and both hold something: they "
      "stay apart. Keep one: let it adopt what the other has (`starling adopt`), then empty the "
      "other's data directories, and let its nodes join",
      swarm_.hex(),
      where_);
}

}  // namespace starling::bootstrap
