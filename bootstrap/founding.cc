#include "bootstrap/founding.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr int kOwnedRoundsWanted = 5;
constexpr MonoTime kPauseMin = 100ms;
constexpr MonoTime kPauseMax = 2s;
constexpr MonoTime kOwnerPauseMax = 500ms;  // its own patience is short
constexpr std::size_t kCandidatesMax = 64;

}  // namespace

FoundingCore::FoundingCore(FoundingConfig config, MonoTime now)
    : config_(std::move(config)),
      started_(now),
      candidates_(config_.seeds),
      pause_(kPauseMin),
      resume_at_(now) {
  STARLING_ASSERT(!config_.seeds.empty(), "who joins has an address to ask");
}

bool FoundingCore::may_found(MonoTime now) const {
  return owner_ == Owner::self && owned_rounds_ >= kOwnedRoundsWanted && !has_heard_ &&
         now - started_ >= config_.patience;
}

FoundingStep FoundingCore::next(MonoTime now) {
  if (now < resume_at_) return {FoundingStep::Kind::wait, {}, resume_at_};
  if (is_probe_due_) {
    is_probe_due_ = false;
    return {FoundingStep::Kind::probe, config_.seeds.front(), now};
  }
  while (next_candidate_ < candidates_.size()) {
    const std::string& address = candidates_[next_candidate_++];
    const bool is_self = owner_ == Owner::self && address == config_.seeds.front();
    if (!is_self) return {FoundingStep::Kind::ask, address, now};
  }
  if (may_found(now)) return {FoundingStep::Kind::found, {}, now};
  begin_round(now);
  return {FoundingStep::Kind::wait, {}, resume_at_};
}

void FoundingCore::begin_round(MonoTime now) {
  next_candidate_ = 0;
  is_probe_due_ = owner_ != Owner::other;
  resume_at_ = now + pause_;
  pause_ = std::min(pause_ * 2, owner_ == Owner::self ? kOwnerPauseMax : kPauseMax);
}

void FoundingCore::asked(const std::string& address, const Error& why) {
  last_refusal_ = fmt::format("{}: {}", address, why.detail);
}

void FoundingCore::probed(const std::vector<OwnerProbe>& answers) {
  const auto is_other = [this](const OwnerProbe& probe) {
    return probe.answered && *probe.answered != config_.self;
  };
  const auto other = std::ranges::find_if(answers, is_other);
  const auto silent =
      std::ranges::find_if(answers, [](const OwnerProbe& probe) { return !probe.answered; });
  const auto& seed = config_.seeds.front();
  if (other != answers.end()) {
    // For good: whoever answers there may found a swarm, so this node must not.
    owner_ = Owner::other;
    owner_fault_ = fmt::format("another node answers at {} ({})", seed, other->address);
  } else if (owner_ == Owner::other) {
    return;
  } else if (answers.empty() || silent != answers.end()) {
    owner_ = Owner::unknown;
    owned_rounds_ = 0;
    owner_fault_ = answers.empty()
                       ? fmt::format("{} cannot be resolved", seed)
                       : fmt::format("nobody answers at {} ({})", seed, silent->address);
  } else {
    owner_ = Owner::self;
    ++owned_rounds_;
  }
}

void FoundingCore::heard_of_member(MonoTime now, const std::string& address) {
  has_heard_ = true;
  const bool is_known = std::ranges::find(candidates_, address) != candidates_.end();
  if (!is_known && candidates_.size() < kCandidatesMax) candidates_.push_back(address);
  resume_at_ = std::min(resume_at_, now);
}

std::string FoundingCore::why_not() const {
  if (has_heard_) {
    return fmt::format("members of a swarm know this node's address; waiting to be let in ({})",
                       last_refusal_);
  }
  if (owner_ == Owner::self) {
    return fmt::format("this node owns {} and founds a swarm unless a member of one speaks up",
                       config_.seeds.front());
  }
  const std::string asked = last_refusal_.empty() ? std::string{} : "; " + last_refusal_;
  return fmt::format(
      "no swarm lets this node in{}; it founds none itself, because {}: start the node of that "
      "address, or give --found to one node",
      asked,
      owner_fault_.empty() ? fmt::format("{} is not its own address", config_.seeds.front())
                           : owner_fault_);
}

}  // namespace starling::bootstrap
