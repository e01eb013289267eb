#include "tests/support/sim_disk.h"

#include "tests/support/sim_random.h"

#include <fmt/format.h>

#include <utility>

namespace starling::tests {

using namespace std::chrono_literals;
using consensus::MemoryLogStore;

SimDisk::SimDisk(std::uint64_t seed, std::size_t machine, const FaultPlan& plan)
    : random_(stream(seed, fmt::format("disk.{}", machine))),
      store_(std::make_unique<MemoryLogStore>()) {
  sync_mean_ = draw_between(random_, 50us, 3ms);
  slow_chance_ = 0.2 * plan.strength(Fault::slow_disk);
  has_power_loss_ = plan.has(Fault::power_loss);
}

Result<> SimDisk::open(MonoTime now) {
  if (is_in_use_) return Error{Errc::conflict, "another process uses the disk"};
  if (is_full(now)) return Error{Errc::unavailable, "there is no space on the disk"};
  is_in_use_ = true;
  return {};
}

std::size_t SimDisk::crash(const consensus::PersistBatch* in_flight) {
  is_in_use_ = false;
  if (in_flight != nullptr && random_.chance(0.5)) store_->write(*in_flight);
  const bool loses_power = has_power_loss_ && is_faulty_ && random_.chance(0.7);
  const double loss = loses_power ? random_.unit() : 0;
  const auto lost = store_->crash(random_, loses_power && random_.chance(0.3) ? 1 : loss);
  has_forgotten_ |= has_lied_ && lost > 0;
  return lost;
}

MonoTime SimDisk::sync_end(MonoTime now) {
  MonoTime end = now + 20us + draw_wait(random_, sync_mean_);
  if (is_faulty_ && random_.chance(slow_chance_)) end += draw_wait(random_, 200ms);
  return end;
}

MonoTime SimDisk::apply_delay() {
  const MonoTime delay = draw_between(random_, 0us, 1ms);
  const bool is_slow = is_faulty_ && random_.chance(slow_chance_);
  return is_slow ? delay + draw_wait(random_, 600ms) : delay;
}

Result<> SimDisk::persist(const consensus::PersistBatch& batch, MonoTime now) {
  if (is_full(now))
    store_->fail_next_sync(Error{Errc::unavailable, "there is no space on the disk"});
  return store_->persist(batch);
}

void SimDisk::lie(bool is_lying) {
  store_->lie(is_lying);
  has_lied_ |= is_lying;
  has_power_loss_ |= is_lying;
}

void SimDisk::save_image() {
  store_->save_image();
}

void SimDisk::roll_back() {
  has_lied_ |= store_->roll_back();
  has_forgotten_ |= has_lied_;
}

void SimDisk::fail_next_sync() {
  store_->fail_next_sync(Error{Errc::io, "the disk failed to sync"});
}

void SimDisk::mend() {
  stalled_until_ = full_until_ = MonoTime{0};
  is_faulty_ = false;
  store_->fail_next_sync(std::nullopt);
}

std::unique_ptr<MemoryLogStore> SimDisk::wipe() {
  has_lied_ = false;
  has_forgotten_ = false;
  return std::exchange(store_, std::make_unique<MemoryLogStore>());
}

}  // namespace starling::tests
