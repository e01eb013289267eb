#include "tests/consensus/store_workload.h"

#include "node/base/state_pairs.h"
#include "tests/support/test_ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace starling::tests {
namespace {

using consensus::Config;
using consensus::Entry;
using consensus::EntryKind;
using consensus::EntryRef;
using consensus::LogStore;
using consensus::PersistBatch;
using consensus::SnapshotMeta;

constexpr std::uint64_t kKeys = 24;

SharedText share(std::string text) {
  return {std::make_shared<const std::string>(std::move(text))};
}

bool same_log(const std::vector<EntryRef>& a, const std::vector<EntryRef>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x == y || *x == *y;
  });
}

/// `index` as a snapshot names it, by the config entries at or before it.
SnapshotMeta meta_at(const StoreContent& content, LogIndex index) {
  SnapshotMeta meta = content.base;
  for (const EntryRef& entry : content.log) {
    if (entry->index > index) break;
    meta.term = entry->term;
    if (entry->kind != EntryKind::config) continue;
    meta.config = entry->config;
    meta.config_index = entry->index;
  }
  meta.index = index;
  return meta;
}

}  // namespace

bool operator==(const StoreContent& a, const StoreContent& b) {
  return a.hard == b.hard && a.base == b.base && a.applied == b.applied && same_log(a.log, b.log) &&
         a.state == b.state;
}

void commit(const Changes& changes, StateMap& state) {
  for (const auto& [from, until] : changes.erased)
    state.erase(state.lower_bound(from), state.lower_bound(until));
  for (const auto& [key, value] : changes.writes) {
    if (value)
      state[key] = share(*value);
    else
      state.erase(key);
  }
}

StoreContent brought_forward(const StoreContent& found, const StoreContent& wanted) {
  const auto is_known = [&](const SnapshotMeta& base) { return base == found.base; };
  const bool has_cut = std::any_of(wanted.bases.begin(), wanted.bases.end(), is_known);
  if (!has_cut || !wanted.applies.contains(found.applied)) return found;
  StoreContent content = found;
  for (auto at = wanted.applies.upper_bound(found.applied); at != wanted.applies.end(); ++at) {
    commit(*at->second, content.state);
    content.applied = at->first;
  }
  std::erase_if(content.log,
                [&](const EntryRef& entry) { return entry->index <= wanted.base.index; });
  content.base = wanted.base;
  return content;
}

std::string to_string(const StoreContent& content) {
  return fmt::format("term {} commit {} base {} last {} of term {} applied {} keys {}",
                     content.hard.term.value,
                     content.hard.commit.value,
                     content.base.index.value,
                     content.last().value,
                     content.log.empty() ? 0 : content.log.back()->term.value,
                     content.applied.value,
                     content.state.size());
}

Result<StoreContent> read_content(LogStore& store) {
  const auto restored = store.load();
  if (!restored) return restored.error();
  const LogIndex base = restored->log.base_index();
  StoreContent content;
  content.hard = restored->hard;
  content.base = restored->log.meta_at(base);
  content.applied = restored->applied;
  auto log =
      store.read_log(base, restored->log.last_index(), std::numeric_limits<std::size_t>::max());
  if (!log) return log.error();
  content.log = std::move(*log);
  if (content.last() != restored->log.last_index())
    return Error{Errc::corrupt, "load() knows of another last entry than read_log()"};
  store.view()->scan({}, {}, [&](std::string_view key, std::string_view value) {
    content.state[std::string{key}] = share(std::string{value});
    return true;
  });
  return content;
}

StoreWorkload::StoreWorkload(std::uint64_t seed) : random_(seed) {
  restart({});
}

void StoreWorkload::restart(StoreContent content) {
  content_ = std::move(content);
  forget_past();
  staged_.clear();
}

void StoreWorkload::forget_past() {
  content_.applies = {{content_.applied, std::make_shared<const Changes>()}};
  content_.bases = {content_.base};
}

StoreWorkload::Step StoreWorkload::step(LogStore& store) {
  const double draw = random_.unit();
  if (draw < 0.25 && content_.applied < content_.last()) return apply(store);
  if (draw < 0.30 && content_.applied > content_.base.index) return compact(store);
  if (draw < 0.40) return stage(store);
  if (draw < 0.43) return install(store);
  return persist(store);
}

std::string StoreWorkload::some_text() {
  const double draw = random_.unit();
  const std::uint64_t limit = draw < 0.7 ? 200 : draw < 0.95 ? 20'000 : 200'000;
  std::string text = std::to_string(random_.next());
  const std::string piece = text;
  for (const std::size_t size = random_.below(limit); text.size() < size;)
    text += piece;
  return text;
}

std::string StoreWorkload::some_key() {
  return fmt::format("key {}", random_.below(kKeys));
}

Config StoreWorkload::some_config() {
  Config config;
  for (std::uint64_t i = 0; i <= random_.below(3); ++i)
    config.voters.insert(node_number(1 + random_.below(9)));
  return config;
}

EntryRef StoreWorkload::next_entry() {
  Entry entry{content_.hard.term, content_.last().next(), EntryKind::command, {}, {}};
  if (random_.chance(0.1)) {
    entry.kind = EntryKind::config;
    entry.config = some_config();
  } else {
    entry.command = some_text();
  }
  return std::make_shared<const Entry>(std::move(entry));
}

/// A new leader's log may replace what is neither committed nor applied.
void StoreWorkload::truncate_some(PersistBatch& batch) {
  const LogIndex kept = std::max({content_.hard.commit, content_.applied, content_.base.index});
  if (kept >= content_.last() || random_.chance(0.8)) return;
  const LogIndex from{kept.value + 1 + random_.below(content_.last().value - kept.value)};
  content_.log.resize(from.value - content_.base.index.value - 1);
  batch.truncate_from = from;
}

StoreWorkload::Step StoreWorkload::persist(LogStore& store) {
  PersistBatch batch;
  if (random_.chance(0.2)) content_.hard.term = content_.hard.term.next();
  if (content_.hard.term == Term{}) content_.hard.term = Term{1};
  content_.hard.vote = node_number(random_.below(4));
  truncate_some(batch);
  for (std::uint64_t count = random_.below(4); count > 0; --count) {
    batch.append.push_back(next_entry());
    content_.log.push_back(batch.append.back());
  }
  const LogIndex commit = content_.hard.commit;
  content_.hard.commit = {commit.value + random_.below(content_.last().value - commit.value + 1)};
  batch.hard = content_.hard;
  return {fmt::format("persist up to {}", content_.last().value), true, store.persist(batch)};
}

StoreWorkload::Step StoreWorkload::install(LogStore& store) {
  const LogIndex index{std::max(content_.applied, content_.hard.commit).value + 1 +
                       random_.below(20)};
  if (content_.hard.term == Term{}) content_.hard.term = Term{1};
  content_.base = {index, content_.hard.term, some_config(), {1 + random_.below(index.value)}};
  content_.log.clear();
  content_.applied = index;
  content_.hard.commit = index;
  content_.state = std::move(staged_);
  staged_.clear();
  forget_past();
  PersistBatch batch;
  batch.install = content_.base;
  if (random_.chance(0.5)) {
    batch.append.push_back(next_entry());
    content_.log.push_back(batch.append.back());
  }
  batch.hard = content_.hard;
  return {fmt::format("install {}", index.value), true, store.persist(batch)};
}

StoreWorkload::Step StoreWorkload::apply(LogStore& store) {
  const std::uint64_t waiting = content_.last().value - content_.applied.value;
  const LogIndex to{content_.applied.value + 1 + random_.below(waiting)};
  Changes changes;
  if (random_.chance(0.2)) {
    std::string from = some_key();
    std::string until = some_key();
    if (until < from) std::swap(from, until);
    changes.erase_range(std::move(from), std::move(until));
  }
  for (std::uint64_t count = random_.below(5); count > 0; --count) {
    const std::string key = some_key();
    if (random_.chance(0.2))
      changes.erase(key);
    else
      changes.put(key, some_text());
  }
  commit(changes, content_.state);
  content_.applied = to;
  content_.applies[to] = std::make_shared<const Changes>(changes);
  return {fmt::format("apply up to {}", to.value), false, store.apply(changes, to)};
}

StoreWorkload::Step StoreWorkload::compact(LogStore& store) {
  const std::uint64_t held = content_.applied.value - content_.base.index.value;
  const LogIndex cut{content_.base.index.value + 1 + random_.below(held)};
  const SnapshotMeta meta = meta_at(content_, cut);
  const auto dropped = static_cast<std::ptrdiff_t>(cut.value - content_.base.index.value);
  content_.log.erase(content_.log.begin(), content_.log.begin() + dropped);
  content_.base = meta;
  content_.bases.push_back(meta);
  return {fmt::format("compact to {}", cut.value), false, store.compact(meta)};
}

StoreWorkload::Step StoreWorkload::stage(LogStore& store) {
  if (random_.chance(0.2)) {
    staged_.clear();
    return {"begin staging", false, store.begin_staging()};
  }
  std::string pairs;
  for (std::uint64_t count = random_.below(4); count > 0; --count) {
    const std::string key = some_key();
    staged_[key] = share(some_text());
    append_pair(pairs, key, *staged_[key].text);
  }
  return {"stage", false, store.stage(pairs)};
}

}  // namespace starling::tests
