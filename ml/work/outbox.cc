#include "ml/work/outbox.h"

#include "ml/study/study_wire.h"
#include "node/base/durable_file.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace starling::ml {
namespace {

constexpr unsigned kOwnerOnly = 0600;
constexpr std::string_view kSaid = "said-";  // then epoch, a dash, token

/// Nothing for files that this room did not make.
std::optional<std::uint64_t> token_of(const std::string& name) {
  std::uint64_t token = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), token);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return token;
}

}  // namespace

std::filesystem::path Outbox::file_of(std::uint64_t token) const {
  return folder_ / std::to_string(token);
}

Result<> Outbox::keep(std::uint64_t token, const Command& result) const {
  std::error_code failed;
  const bool is_new = std::filesystem::create_directories(folder_, failed);
  if (failed) return Error{Errc::io, folder_.string() + ": " + failed.message()};
  if (is_new) {
    if (auto synced = sync_folder(folder_.parent_path()); !synced) return synced;
  }
  return write_file_atomically(file_of(token), encode(result), kOwnerOnly);
}

void Outbox::forget(std::uint64_t token) const {
  std::error_code ignored;  // Said again, it would be refused.
  std::filesystem::remove(file_of(token), ignored);
}

// If the new name is lost in a crash, the result is said once more, which changes nothing.
void Outbox::note_said(std::uint64_t token, std::uint64_t recovery_epoch) const {
  auto before = said();
  const auto old = before.find(token);
  const auto from = old == before.end() ? file_of(token) : old->second.file;
  std::error_code ignored;
  std::filesystem::rename(
      from, folder_ / fmt::format("{}{}-{}", kSaid, recovery_epoch, token), ignored);
  for (auto oldest = before.begin(); before.size() >= kSaidMax; oldest = before.erase(oldest))
    std::filesystem::remove(oldest->second.file, ignored);
}

std::map<std::uint64_t, Outbox::Said> Outbox::said() const {
  std::map<std::uint64_t, Said> all;
  std::error_code ignored;  // No folder: nothing was said.
  for (const auto& file : std::filesystem::directory_iterator{folder_, ignored}) {
    const std::string name = file.path().filename().string();
    const auto dash = name.rfind('-');
    if (!name.starts_with(kSaid) || dash < kSaid.size()) continue;
    const auto epoch = token_of(name.substr(kSaid.size(), dash - kSaid.size()));
    const auto token = token_of(name.substr(dash + 1));
    if (epoch && token) all[*token] = {.recovery_epoch = *epoch, .file = file.path()};
  }
  return all;
}

std::map<std::uint64_t, Command> Outbox::said_before(std::uint64_t recovery_epoch) const {
  std::map<std::uint64_t, Command> results;
  for (const auto& [token, one] : said()) {
    if (one.recovery_epoch >= recovery_epoch) continue;
    const auto bytes = read_file(one.file);
    auto command = bytes ? decode_command(*bytes) : Result<Command>{bytes.error()};
    if (command) results.emplace(token, std::move(*command));
  }
  return results;
}

void Outbox::forget_said(std::uint64_t token) const {
  const auto all = said();
  const auto found = all.find(token);
  std::error_code ignored;  // Said again, it would be refused.
  if (found != all.end()) std::filesystem::remove(found->second.file, ignored);
}

std::map<std::uint64_t, Command> Outbox::kept() const {
  std::map<std::uint64_t, Command> results;
  std::error_code ignored;  // No folder: nothing was kept.
  for (const auto& file : std::filesystem::directory_iterator{folder_, ignored}) {
    const auto token = token_of(file.path().filename().string());
    if (!token) continue;
    const auto bytes = read_file(file.path());
    if (!bytes) continue;  // at another start perhaps
    auto command = decode_command(*bytes);
    if (command)
      results.emplace(*token, std::move(*command));
    else
      forget(*token);
  }
  return results;
}

}  // namespace starling::ml
