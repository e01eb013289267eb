#include "bootstrap/node_facts.h"

#include "ml/engine/core_speed.h"
#include "ml/study/command.h"
#include "node/base/durable_file.h"
#include "node/base/labels.h"
#include "node/process/host_resources.h"
#include "node/process/memory_state.h"

#include <algorithm>
#include <sstream>
#include <vector>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kPeersKept = 256;
constexpr std::uint64_t kMegabyte = 1 << 20;
constexpr std::uint64_t kMemoryStepMb = 16;
constexpr std::uint64_t kDiskStepMb = 256;
constexpr std::size_t kSyncTimesKept = 5;

}  // namespace

FactsSource::FactsSource(const Settings& settings, std::string http_url) : data_(settings.data) {
  fixed_.name = settings.name;
  fixed_.address = settings.advertise;
  fixed_.http = std::move(http_url);
  fixed_.version = STARLING_VERSION;
  fixed_.feature_level = ml::kFeatureLevel;
  fixed_.slots = settings.slots == 0 ? node::core_count() : settings.slots;
  const std::uint64_t budget = settings.memory.empty()
                                   ? node::memory_limit_bytes()
                                   : parse_size("--memory", settings.memory).value();
  budget_mb_ = budget / kMegabyte;
  fixed_.speed_mflops = static_cast<std::uint32_t>(ml::core_mflops());
  fixed_.labels = parse_labels(settings.labels, "--label").value();
}

std::uint64_t FactsSource::memory_budget_mb() const {
  return std::min(budget_mb_, node::memory_state().limit_bytes / kMegabyte);
}

void FactsSource::note_sync_time(std::chrono::microseconds taken) {
  sync_times_.push_back(taken);
  if (sync_times_.size() > kSyncTimesKept) sync_times_.pop_front();
  std::vector<std::chrono::microseconds> sorted(sync_times_.begin(), sync_times_.end());
  std::ranges::sort(sorted);
  const auto median = sorted[sorted.size() / 2];
  fixed_.sync_us = static_cast<std::uint64_t>(std::max<std::int64_t>(median.count(), 1));
}

node::MemberFacts FactsSource::now(std::uint32_t trials_running,
                                   bool memory_is_short,
                                   std::uint64_t key_generation) const {
  node::MemberFacts facts = fixed_;
  facts.memory_budget_mb = memory_budget_mb();
  facts.key_generation = key_generation;
  facts.trials_running = trials_running;
  facts.memory_is_short = memory_is_short;
  // In steps, or every node would have news about itself every second.
  const std::uint64_t used = node::memory_used_bytes() / kMegabyte;
  facts.memory_used_mb = (used + kMemoryStepMb / 2) / kMemoryStepMb * kMemoryStepMb;
  const std::uint64_t free = node::disk_free_bytes(data_) / kMegabyte / kDiskStepMb * kDiskStepMb;
  facts.disk_free_mb = std::max<std::uint64_t>(free, 1);  // 0 is "not known"
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

void KnownPeers::note(const std::vector<node::Member>& members, NodeId self) {
  const std::size_t before = addresses_.size();
  for (const auto& member : members) {
    const bool may_be_noted = member.id != self && member.state == node::MemberState::alive &&
                              !member.facts.address.empty() && addresses_.size() < kPeersKept;
    if (may_be_noted) addresses_.insert(member.facts.address);
  }
  if (addresses_.size() == before) return;
  std::string text;
  for (const auto& known : addresses_)
    text += known + "\n";
  // Losing this file is harmless, so a disk that refuses is reported by those who need it.
  (void)write_file_atomically(file_, text, 0600);
}

}  // namespace starling::bootstrap
