#include "consensus/raft/progress.h"

#include <algorithm>

namespace starling::consensus {

void InFlightWindow::add(LogIndex last, std::size_t bytes) {
  sent_.push_back({last, bytes});
  bytes_ += bytes;
}

void InFlightWindow::free_to(LogIndex match) {
  while (!sent_.empty() && sent_.front().last <= match) {
    bytes_ -= sent_.front().bytes;
    sent_.pop_front();
  }
}

void InFlightWindow::clear() {
  sent_.clear();
  bytes_ = 0;
}

bool Progress::may_send() const {
  if (is_reading || has_forgotten) return false;
  switch (state) {
    case ProgressState::probe: return !probe_sent;
    case ProgressState::replicate: return !window.is_full();
    case ProgressState::snapshot: return false;
  }
  return false;
}

void Progress::become_probe(LogIndex from) {
  state = ProgressState::probe;
  next = std::max(from, match.next());
  probe_sent = false;
  window.clear();
}

void Progress::become_replicate() {
  state = ProgressState::replicate;
  next = match.next();
  probe_sent = false;
  window.clear();
}

void Progress::become_snapshot() {
  state = ProgressState::snapshot;
  probe_sent = false;
  window.clear();
}

bool Progress::acknowledge(LogIndex index, MonoTime now) {
  const bool is_news = index > match;
  if (is_news) {
    held = index;
    held_since = now;
  }
  match = std::max(match, index);
  next = std::max(next, index.next());
  window.free_to(index);
  return is_news;
}

bool Progress::back_off(LogIndex refused, LogIndex hint) {
  if (state == ProgressState::snapshot) return false;
  if (state == ProgressState::replicate) {
    if (refused <= match) return false;
    become_probe(std::min(refused, hint.next()));
    return true;
  }
  if (refused.next() != next) return false;
  become_probe(std::min(refused, hint.next()));
  return true;
}

}  // namespace starling::consensus
