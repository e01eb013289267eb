#include "bootstrap/restore_command.h"

#include "bootstrap/identity.h"
#include "bootstrap/member_watch.h"
#include "bootstrap/swarm_entry.h"
#include "consensus/group/recovery.h"
#include "consensus/storage/disk_log_store.h"
#include "ml/study/state_backup.h"
#include "ml/study/study_wire.h"
#include "node/base/clock.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>

namespace starling::bootstrap {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;

struct Options {
  std::filesystem::path file;
  std::filesystem::path data;
};

std::string note_of(const ml::BackupHead& head) {
  ml::Command command;
  command.body =
      ml::NoteDecision{.what = "restore",
                       .why = fmt::format("this swarm began with the state of swarm {} at entry {}",
                                          head.swarm.hex().substr(0, 8),
                                          head.index.value)};
  return ml::with_time(
      ml::encode(command), std::max<std::uint64_t>(head.time_ms, 1), wall_now_ms());
}

Result<ml::BackupHead> read_file_as(const std::filesystem::path& path,
                                    const std::function<Result<>(std::string pairs)>& take) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return Error{Errc::not_found, fmt::format("{} cannot be read", path.string())};
  return ml::read_backup(ml::source_of(file), take);
}

/// The state first: a folder that is left half way founds nothing.
Result<SwarmId> restore(const Options& options) {
  std::error_code failed;
  const bool is_used = std::filesystem::exists(options.data, failed) &&
                       !std::filesystem::is_empty(options.data, failed);
  if (is_used) {
    return Error{Errc::invalid_argument,
                 fmt::format("--data {} is not empty; a backup is restored into a new directory",
                             options.data.string())};
  }
  const auto head = read_file_as(options.file, [](const std::string&) { return Result<>{}; });
  if (!head) return head.error();
  auto identity = Identity::open(options.data);
  if (!identity) return identity.error();
  const NodeId self = (*identity)->node();
  const SwarmId swarm{secure_random<16>()};
  auto store = consensus::DiskLogStore::open(options.data / "state", swarm, self);
  if (!store) return store.error();
  if (auto empty = (*store)->begin_staging(); !empty) return empty.error();
  const auto staged =
      read_file_as(options.file, [&](const std::string& pairs) { return (*store)->stage(pairs); });
  if (!staged) return staged.error();
  const LogIndex base{head->index.value + consensus::kRecoveryIndexes};
  const consensus::HardState hard{Term{1}, {}, base, 0};
  const auto put = consensus::install_staged(**store, self, hard, base, note_of(*head));
  if (!put) return put.error();
  const node::RingKey key{.generation = 1, .use = node::KeyUse::in_use, .key = secure_random<32>()};
  if (auto ok = write_key_ring(key_file_of(options.data), {key}); !ok) return ok.error();
  if (auto ok = (*identity)->found(swarm); !ok) return ok.error();
  return swarm;
}

int run_restore(const Options& options) {
  const auto swarm = restore(options);
  if (!swarm) {
    fmt::print(stderr, "starling restore: {}\n", swarm.error().detail);
    return kFailed;
  }
  fmt::print(
      "{0} is the first node of a new swarm {1} with the state of the backup.\n"
      "Copy the files of the old members' blobs/ to {0}/blobs/, then start it:\n"
      "  starling node --data {0} --listen HOST:PORT --http HOST:PORT\n"
      "Tokens are those of the backup, and a new one in {0}/admin-token. Others join it with\n"
      "--join and its {0}/swarm-keys, from empty directories.\n",
      options.data.string(),
      swarm->hex().substr(0, 8));
  return kDone;
}

}  // namespace

void add_restore_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("restore", "Make the first node of a new swarm from a backup");
  command->add_option("FILE", options->file, "What `starling backup` wrote")->required();
  command->add_option("--data", options->data, "The new node's data directory; empty")->required();
  command->footer(
      "Example:\n  starling restore swarm-2026-11-22.backup --data /var/lib/starling\n");
  command->callback([options, &chosen] { chosen = [options] { return run_restore(*options); }; });
}

}  // namespace starling::bootstrap
