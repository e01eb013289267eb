#include "ml/study/registers.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::ml {
namespace {

bool is_key_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '/';
}

Register stored(std::string_view key, std::string_view bytes) {
  auto entry = decode_register(bytes);
  STARLING_ASSERT(entry.has_value(), "a stored register parses");
  entry->key = key;
  return std::move(*entry);
}

std::optional<Register> look_up(const StateView& view, std::string_view key) {
  const auto bytes = view.get(keys::register_of(key));
  if (!bytes) return std::nullopt;
  return stored(key, *bytes);
}

std::string shown_version(std::uint64_t version) {
  return version == 0 ? "does not exist" : fmt::format("has version {}", version);
}

/// Nothing if the condition holds. `found` is 0 if there is no such register.
std::optional<Error> condition_error(std::string_view key,
                                     std::optional<std::uint64_t> expected,
                                     std::uint64_t found) {
  if (!expected || *expected == found) return std::nullopt;
  const auto wanted =
      *expected == 0 ? std::string{"no such register"} : fmt::format("version {}", *expected);
  return Error{Errc::conflict,
               fmt::format("register \"{}\" {} and the request expects {}; nothing was changed",
                           key,
                           shown_version(found),
                           wanted)};
}

std::optional<Error> size_error(const Transaction& tx, const SetRegister& command, bool is_new) {
  if (command.value.size() > kRegisterValueMax) {
    return Error{Errc::too_large,
                 fmt::format("value: {} bytes, the limit is {}; keep what is larger as a dataset",
                             command.value.size(),
                             kRegisterValueMax)};
  }
  if (is_new && tx.number(keys::kRegisterCount) >= kRegistersMax) {
    return Error{Errc::too_large,
                 fmt::format("the swarm holds {} registers, which is the limit; remove one first",
                             kRegistersMax)};
  }
  return std::nullopt;
}

void put_count(Transaction& tx, std::uint64_t count) {
  tx.put_raw(std::string{keys::kRegisterCount}, big_endian_key(count));
}

}  // namespace

Result<> check_register_key(std::string_view key) {
  const bool is_good = !key.empty() && key.size() <= kRegisterKeyMax &&
                       std::all_of(key.begin(), key.end(), is_key_character);
  if (is_good) return {};
  return Error{Errc::invalid_argument,
               fmt::format("key: must be 1 to {} characters of A-Za-z0-9._-/, not {} bytes{}",
                           kRegisterKeyMax,
                           key.size(),
                           key.size() <= kRegisterKeyMax ? " with others among them" : "")};
}

Result<Register> find_register(const StateView& view, std::string_view key) {
  if (auto found = look_up(view, key)) return std::move(*found);
  return Error{Errc::not_found,
               fmt::format("no register \"{}\"; GET /api/v1/registers lists them", key)};
}

std::vector<Register> list_registers(const StateView& view) {
  std::vector<Register> all;
  view.scan(keys::kRegisters,
            end_of_prefix(keys::kRegisters),
            [&](std::string_view key, std::string_view bytes) {
              all.push_back(stored(key.substr(keys::kRegisters.size()), bytes));
              return true;
            });
  return all;
}

Outcome run(Transaction& tx, const SetRegister& command) {
  const auto key = check_register_key(command.key);
  if (!key) return refused(key.error());
  const auto old = look_up(tx.view(), command.key);
  if (auto error = condition_error(command.key, command.expected, old ? old->version : 0))
    return refused(std::move(*error), old ? old->version : 0);
  if (auto error = size_error(tx, command, !old)) return refused(std::move(*error));
  if (!old) put_count(tx, tx.number(keys::kRegisterCount) + 1);
  tx.put(Register{.key = command.key, .version = tx.token(), .value = command.value});
  return {.id = old ? std::string{} : command.key, .number = tx.token(), .error = {}};
}

Outcome run(Transaction& tx, const RemoveRegister& command) {
  const auto key = check_register_key(command.key);
  if (!key) return refused(key.error());
  const auto old = look_up(tx.view(), command.key);
  if (auto error = condition_error(command.key, command.expected, old ? old->version : 0))
    return refused(std::move(*error), old ? old->version : 0);
  if (!old) return refused(find_register(tx.view(), command.key).error());
  put_count(tx, tx.number(keys::kRegisterCount) - 1);
  tx.erase(keys::register_of(command.key));
  return {.id = {}, .number = old->version, .error = {}};
}

}  // namespace starling::ml
