#include "ml/work/outbox.h"

#include "ml/study/study_wire.h"
#include "node/base/durable_file.h"

#include <charconv>
#include <optional>
#include <string>

namespace starling::ml {
namespace {

constexpr unsigned kOwnerOnly = 0600;

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
