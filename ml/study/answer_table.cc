#include "ml/study/answer_table.h"

#include "node/base/assert.h"

#include <vector>

namespace starling::ml {
namespace {

using Json = nlohmann::json;

/// Drops keys that are older than an hour or too many; oldest first, at most 100 at a time.
std::uint64_t drop_old_keys(Transaction& tx, std::uint64_t count) {
  std::vector<std::string> ages;
  tx.view().scan(keys::kIdempotencyAges,
                 end_of_prefix(keys::kIdempotencyAges),
                 [&](std::string_view key, std::string_view) {
                   const auto time =
                       from_big_endian_key(key.substr(keys::kIdempotencyAges.size(), 8));
                   const bool is_old = time + kIdempotencyKeyLifeMs < tx.now_ms();
                   if (!is_old && count - ages.size() <= kIdempotencyKeysMax) return false;
                   ages.emplace_back(key);
                   return ages.size() < 100;
                 });
  for (const auto& age : ages) {
    tx.erase(keys::idempotency(age.substr(keys::kIdempotencyAges.size() + 8)));
    tx.erase(age);
  }
  return count - ages.size();
}

}  // namespace

std::optional<Outcome> recorded_answer(const StateView& view, const Command& command) {
  const auto record = view.get(keys::idempotency(command.key));
  if (!record) return std::nullopt;
  const auto json = Json::parse(*record, nullptr, false);
  STARLING_ASSERT(json.is_object(), "an idempotency record parses");
  if (json.at("request") != command.request_hash) {
    Outcome refused;
    refused.error =
        Error{Errc::invalid_argument,
              "Idempotency-Key: this key was used for another request within the last hour; "
              "use a new key"};
    return refused;
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
  tx.put_raw(keys::idempotency(command.key), record.dump());
  tx.put_raw(keys::idempotency_age(tx.now_ms(), command.key), "");
  const auto count = tx.number(keys::kKeyCount) + 1;
  tx.put_raw(std::string{keys::kKeyCount}, big_endian_key(drop_old_keys(tx, count)));
}

}  // namespace starling::ml
