#include "ml/study/answer_table.h"

#include "node/base/assert.h"

#include <charconv>
#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

constexpr char kInternalMark = '\x01';
constexpr std::size_t kIndexDigits = 16;
constexpr std::size_t kDroppedAtOnceMax = 100;
constexpr std::uint64_t kWindowStep = 256;  // entries, by which internal keys are forgotten

bool is_internal(std::string_view key) {
  return key.starts_with(kInternalMark);
}

/// Where internal keys with this `applied` begin; they lie in its order.
std::string internal_prefix(std::uint64_t applied) {
  return fmt::format("{}{:016x}", kInternalMark, applied);
}

bool may_be_forgotten(const StateView& view, std::string_view key) {
  const auto applied = applied_before(key);
  if (!applied) return false;
  const auto floor = view.get(keys::kInternalKeyFloor);
  return floor && applied->value < from_big_endian_key(*floor);
}

/// The ages of client keys that are too old or too many; oldest first. It does not look where it
/// has dropped before: to read over what is deleted costs a store as much as if it were there.
std::vector<std::string> outlived_ages(const Transaction& tx, std::uint64_t count) {
  const auto dropped = tx.view().get(keys::kLastDroppedAge);
  std::vector<std::string> found;
  tx.view().scan(dropped ? std::string_view{*dropped} : keys::kIdempotencyAges,
                 end_of_prefix(keys::kIdempotencyAges),
                 [&](std::string_view at, std::string_view) {
                   const auto time =
                       from_big_endian_key(at.substr(keys::kIdempotencyAges.size(), 8));
                   const bool is_old = time + kIdempotencyKeyLifeMs < tx.now_ms();
                   if (!is_old && count - found.size() <= kIdempotencyKeysMax) return false;
                   found.emplace_back(at);
                   return found.size() < kDroppedAtOnceMax;
                 });
  return found;
}

void drop_old_client_keys(Transaction& tx) {
  const auto count = tx.number(keys::kKeyCount) + 1;
  const auto outlived = outlived_ages(tx, count);
  for (const auto& at : outlived) {
    tx.erase(keys::idempotency(at.substr(keys::kIdempotencyAges.size() + 8)));
    tx.erase(at);
  }
  if (!outlived.empty()) tx.put_raw(std::string{keys::kLastDroppedAge}, outlived.back());
  tx.put_raw(std::string{keys::kKeyCount}, big_endian_key(count - outlived.size()));
}

std::string client_record(const Command& command, const Outcome& outcome) {
  const Json record{{"request", command.request_hash},
                    {"id", outcome.id},
                    {"number", outcome.number},
                    {"code", outcome.error ? static_cast<int>(outcome.error->code) : 0},
                    {"detail", outcome.error ? outcome.error->detail : std::string{}}};
  return record.dump();
}

}  // namespace

std::string internal_key(LogIndex applied, std::string_view unique) {
  return fmt::format("{}-{}", internal_prefix(applied.value), unique);
}

std::optional<LogIndex> applied_before(std::string_view key) {
  if (!is_internal(key) || key.size() <= kIndexDigits + 1) return std::nullopt;
  std::uint64_t applied = 0;
  const char* const digits = key.data() + 1;
  const auto [end, failed] = std::from_chars(digits, digits + kIndexDigits, applied, 16);
  if (failed != std::errc{} || end != digits + kIndexDigits) return std::nullopt;
  return LogIndex{applied};
}

std::optional<Error> key_error(std::string_view key, LogIndex index) {
  if (!is_internal(key)) return std::nullopt;
  const auto applied = applied_before(key);
  if (applied && *applied < index) return std::nullopt;
  return Error{
      Errc::invalid_argument,
      fmt::format(
          "an internal key of {} bytes does not name an entry before {}", key.size(), index.value)};
}

std::optional<Outcome> recorded_answer(const StateView& view, const Command& command) {
  const auto record = view.get(keys::idempotency(command.key));
  if (!record && may_be_forgotten(view, command.key)) {
    return refused(Errc::timed_out,
                   "the request was on its way for so long that its first outcome is forgotten; "
                   "look at what it was to change, then ask again");
  }
  if (!record) return std::nullopt;
  if (is_internal(command.key)) {
    auto outcome = decode_outcome(*record);
    STARLING_ASSERT(outcome.has_value(), "an idempotency record parses");
    return std::move(*outcome);
  }
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
  if (is_internal(command.key)) {
    tx.put_raw(keys::idempotency(command.key), encode(outcome));
    return;
  }
  tx.put_raw(keys::idempotency(command.key), client_record(command, outcome));
  tx.put_raw(keys::idempotency_age(tx.now_ms(), command.key), "");
  drop_old_client_keys(tx);
}

void forget_internal_keys(Transaction& tx) {
  if (tx.token() % kWindowStep != 0 || tx.token() <= kInternalKeyWindow) return;
  const std::uint64_t floor = tx.number(keys::kInternalKeyFloor);
  const std::uint64_t next = tx.token() - kInternalKeyWindow;
  tx.erase_range(keys::idempotency(internal_prefix(floor)),
                 keys::idempotency(internal_prefix(next)));
  tx.put_raw(std::string{keys::kInternalKeyFloor}, big_endian_key(next));
}

}  // namespace starling::ml
