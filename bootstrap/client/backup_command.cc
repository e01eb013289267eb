// starling backup: the whole state of a swarm in one file, checked as it arrived.
#include "bootstrap/client/commands.h"
#include "ml/study/state_backup.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sys/stat.h>

namespace starling::bootstrap {
namespace {

struct BackupOptions : ClientOptions {
  std::filesystem::path file;
  bool is_stale = false;
};

std::string day_of(std::uint64_t time_ms) {
  const auto seconds = static_cast<std::time_t>(time_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

Ending back_up(const BackupOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  std::error_code failed;
  if (std::filesystem::exists(options.file, failed)) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} exists; choose another name", options.file.string())};
  }
  // It holds people's tokens, as hashes, and all that they entered: nobody else may read it.
  const auto before = ::umask(0077);
  const auto done = swarm->download(
      options.is_stale ? "/api/v1/swarm/backup" : "/api/v1/swarm/backup?consistency=linearizable",
      options.file);
  ::umask(before);
  if (!done) return done.error();
  std::ifstream file{options.file, std::ios::binary};
  std::uint64_t bytes = 0;
  const auto head = ml::read_backup(ml::source_of(file), [&bytes](const std::string& pairs) {
    bytes += pairs.size();
    return Result<>{};
  });
  if (!head) {
    std::filesystem::remove(options.file, failed);
    return head.error();
  }
  if (options.json) {
    print_json({{"file", options.file.string()},
                {"swarm_id", head->swarm.hex()},
                {"index", head->index.value},
                {"time_ms", head->time_ms},
                {"state_bytes", bytes}});
    return kDone;
  }
  fmt::print(
      "{} holds the state of swarm {} at entry {}, {} ({} bytes).\n"
      "Datasets and models are not in it: keep a copy of the members' blobs/ beside it (each data\n"
      "set lies on three of them; folders of several may be copied into one).\n",
      options.file.string(),
      head->swarm.hex().substr(0, 8),
      head->index.value,
      day_of(head->time_ms),
      bytes);
  return kDone;
}

}  // namespace

void add_backup_command(CLI::App& app, Chosen& chosen) {
  add_command<BackupOptions>(
      app,
      "backup",
      "Write the swarm's state (studies, trials, models' entries, registers, tokens) to a file",
      "Example: starling backup swarm-2026-11-22.backup\n"
      "See also: starling restore --help",
      chosen,
      back_up,
      [](CLI::App& command, BackupOptions& options) {
        command.add_option("FILE", options.file, "Where to write it")->required();
        command.add_flag(
            "--stale",
            options.is_stale,
            "Take what the node has, though no leader can say whether it is the newest");
      });
}

}  // namespace starling::bootstrap
