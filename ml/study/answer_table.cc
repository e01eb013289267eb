#include "ml/study/answer_table.h"

#include "node/base/assert.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr char kInternalMark = '\x01';
constexpr std::size_t kIndexDigits = 16;
constexpr std::size_t kDroppedAtOnceMax = 100;

/// Clients' keys and internal ones share the answers, not the limits.
struct Shelf {
  std::string_view ages;
  std::string_view count;
  std::uint64_t life_ms;
  std::size_t max;
};

constexpr Shelf kClients{
    keys::kIdempotencyAges, keys::kKeyCount, kIdempotencyKeyLifeMs, kIdempotencyKeysMax};
constexpr Shelf kInternal{
    keys::kInternalAges, keys::kInternalKeyCount, kInternalKeyLifeMs, kInternalKeysMax};

bool is_internal(std::string_view key) {
  return key.starts_with(kInternalMark);
}

/// What the proposer of an internal key had applied.
std::uint64_t applied_of(std::string_view key) {
  std::uint64_t applied = 0;
  const std::string_view digits = key.substr(1, kIndexDigits);
  std::from_chars(digits.data(), digits.data() + digits.size(), applied, 16);
  return applied;
}

struct Aged {
  std::string at;           ///< where its age lies
  std::uint64_t index = 0;  ///< of the entry that used the key
};

/// The keys that are too old or too many; oldest first.
std::vector<Aged> outlived(const Transaction& tx, const Shelf& shelf, std::uint64_t count) {
  std::vector<Aged> found;
  tx.view().scan(
      shelf.ages, end_of_prefix(shelf.ages), [&](std::string_view at, std::string_view index) {
        const auto time = from_big_endian_key(at.substr(shelf.ages.size(), 8));
        const bool is_old = time + shelf.life_ms < tx.now_ms();
        if (!is_old && count - found.size() <= shelf.max) return false;
        found.push_back({std::string{at}, index.size() == 8 ? from_big_endian_key(index) : 0});
        return found.size() < kDroppedAtOnceMax;
      });
  return found;
}

void drop_outlived(Transaction& tx, const Shelf& shelf) {
  const auto count = tx.number(shelf.count) + 1;
  const auto dropped = outlived(tx, shelf, count);
  std::uint64_t floor = 0;
  for (const auto& aged : dropped) {
    tx.erase(keys::idempotency(aged.at.substr(shelf.ages.size() + 8)));
    tx.erase(aged.at);
    floor = std::max(floor, aged.index);
  }
  tx.put_raw(std::string{shelf.count}, big_endian_key(count - dropped.size()));
  if (shelf.ages == keys::kInternalAges && floor > tx.number(keys::kInternalKeyFloor))
    tx.put_raw(std::string{keys::kInternalKeyFloor}, big_endian_key(floor));
}

bool may_be_forgotten(const StateView& view, std::string_view key) {
  const auto floor = view.get(keys::kInternalKeyFloor);
  return floor && is_internal(key) && applied_of(key) < from_big_endian_key(*floor);
}

Outcome refused(Errc code, std::string sentence) {
  return {.id = {}, .number = 0, .error = Error{code, std::move(sentence)}};
}

}  // namespace

std::string internal_key(LogIndex applied, std::string_view unique) {
  return fmt::format("{}{:016x}-{}", kInternalMark, applied.value, unique);
}

std::optional<Outcome> recorded_answer(const StateView& view, const Command& command) {
  const auto record = view.get(keys::idempotency(command.key));
  if (!record && may_be_forgotten(view, command.key)) {
    return refused(Errc::timed_out,
                   "the request was on its way for so long that its first outcome is forgotten; "
                   "look at what it was to change, then ask again");
  }
  if (!record) return std::nullopt;
  const auto json = Json::parse(*record, nullptr, false);
  STARLING_ASSERT(json.is_object(), "an idempotency record parses");
  if (json.at("request") != command.request_hash) {
    return refused(Errc::invalid_argument,
                   "Idempotency-Key: this key was used for another request within the last hour; "
                   "use a new key");
  }
  Outcome outcome{.id = json.at("id"), .number = json.at("number"), .error = {}};
  if (json.at("code") != 0)
    outcome.error = Error{static_cast<Errc>(json.at("code").get<int>()), json.at("detail")};
  return outcome;
}

void record_answer(Transaction& tx, const Command& command, const Outcome& outcome) {
  const Json record{{"request", command.request_hash},
                    {"id", outcome.id},
                    {"number", outcome.number},
                    {"code", outcome.error ? static_cast<int>(outcome.error->code) : 0},
                    {"detail", outcome.error ? outcome.error->detail : std::string{}}};
  const Shelf& shelf = is_internal(command.key) ? kInternal : kClients;
  tx.put_raw(keys::idempotency(command.key), record.dump());
  tx.put_raw(keys::idempotency_age(shelf.ages, tx.now_ms(), command.key),
             big_endian_key(tx.token()));
  drop_outlived(tx, shelf);
}

}  // namespace starling::ml
