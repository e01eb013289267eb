#include "bootstrap/node_facts.h"

#include "ml/study/command.h"
#include "node/base/durable_file.h"
#include "node/process/host_resources.h"

#include <sstream>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kPeersKept = 256;
constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kMemoryStepMb = 16;

}  // namespace

FactsSource::FactsSource(const Settings& settings, std::string http_url) {
  fixed_.name = settings.name;
  fixed_.address = settings.advertise;
  fixed_.http = std::move(http_url);
  fixed_.version = STARLING_VERSION;
  fixed_.feature_level = ml::kFeatureLevel;
  fixed_.slots = settings.slots == 0 ? node::core_count() : settings.slots;
  const std::uint64_t budget = settings.memory.empty()
                                   ? node::memory_limit_bytes()
                                   : parse_size("--memory", settings.memory).value();
  fixed_.memory_budget_mb = budget / kMegabyte;
  fixed_.labels = parse_labels(settings.labels).value();
}

node::MemberFacts FactsSource::now(std::uint32_t trials_running,
                                   std::uint64_t key_generation) const {
  node::MemberFacts facts = fixed_;
  facts.key_generation = key_generation;
  facts.trials_running = trials_running;
  // In steps, or every node would have news about itself every second.
  const std::uint64_t used = node::memory_used_bytes() / kMegabyte;
  facts.memory_used_mb = (used + kMemoryStepMb / 2) / kMemoryStepMb * kMemoryStepMb;
  return facts;
}

KnownPeers::KnownPeers(std::filesystem::path file) : file_(std::move(file)) {
  const auto text = read_file(file_);
  if (!text) return;
  std::istringstream lines{*text};
  for (std::string line; std::getline(lines, line) && addresses_.size() < kPeersKept;) {
    if (parse_host_port("peers", line)) addresses_.insert(line);
  }
}

void KnownPeers::note(const node::Member& member) {
  const auto& address = member.facts.address;
  const bool is_new = member.state == node::MemberState::alive && !address.empty() &&
                      addresses_.size() < kPeersKept && addresses_.insert(address).second;
  if (!is_new) return;
  std::string text;
  for (const auto& known : addresses_)
    text += known + "\n";
  // Losing this file is harmless, so a disk that refuses is reported by those who need it.
  (void)write_file_atomically(file_, text, 0600);
}

}  // namespace starling::bootstrap
