#include "ml/train/checkpoint.h"

#include "node/base/hash.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr int kFormat = 1;
constexpr std::size_t kHashBytes = sizeof(ContentHash::bytes);
constexpr std::size_t kHeadBytesMax = 16 << 20;

fs::path before(const fs::path& path) {
  return path.string() + ".before";
}

/// What must be the same for the states to mean the same.
Json identity_of(const WorkTask& task) {
  Json params = Json::object();
  for (const auto& [name, value] : task.params)
    std::visit([&, &key = name](const auto& held) { params[key] = held; }, value);
  return {{"format", kFormat},
          {"kind", static_cast<int>(task.kind)},
          {"study", task.study},
          {"dataset", task.dataset_path},
          {"profile", hash_of(to_bytes(task.profile_json)).hex()},
          {"target", task.target},
          {"metric", task.metric},
          {"number", task.number},
          {"seed", task.seed},
          {"params", params},
          {"epochs_max", task.epochs_max},
          {"patience", task.patience},
          {"fixed_epochs", task.fixed_epochs}};
}

Json to_json(const WorkTask& task, const Checkpoint& checkpoint) {
  Json progress = Json::array();
  for (const WorkProgress& epoch : checkpoint.progress)
    progress.push_back({epoch.epoch, epoch.value, epoch.train_loss});
  return {{"task", identity_of(task)},
          {"progress", progress},
          {"best_epoch", checkpoint.best_epoch},
          {"best", checkpoint.best},
          {"seconds", checkpoint.seconds}};
}

Checkpoint checkpoint_from(const Json& head) {
  Checkpoint checkpoint;
  for (const Json& epoch : head.at("progress")) {
    checkpoint.progress.push_back(
        {epoch.at(0).get<std::uint32_t>(), epoch.at(1).get<double>(), epoch.at(2).get<double>()});
  }
  checkpoint.best_epoch = head.at("best_epoch").get<std::uint32_t>();
  checkpoint.best = head.at("best").get<double>();
  checkpoint.seconds = head.at("seconds").get<double>();
  return checkpoint;
}

/// Of the first `bytes` of a file, or nothing if it has not so many.
std::optional<ContentHash> hash_of_file(std::istream& in, std::uint64_t bytes) {
  std::array<char, 1 << 16> piece;
  ContentHasher hasher;
  while (bytes > 0) {
    const auto size = static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, piece.size()));
    if (!in.read(piece.data(), size)) return std::nullopt;
    hasher.update(std::as_bytes(std::span{piece.data(), static_cast<std::size_t>(size)}));
    bytes -= static_cast<std::uint64_t>(size);
  }
  return hasher.finish();
}

/// Whether the file ends with the hash of what comes before.
bool is_whole(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size < kHashBytes || size > kCheckpointBytesMax + kHeadBytesMax) return false;
  std::ifstream in(path, std::ios::binary);
  const auto hash = hash_of_file(in, size - kHashBytes);
  ContentHash said;
  return hash && in.read(reinterpret_cast<char*>(said.bytes.data()), kHashBytes) && said == *hash;
}

Result<> append_hash(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream in(path, std::ios::binary);
  const auto hash = error ? std::nullopt : hash_of_file(in, size);
  if (!hash) return Error{Errc::io, fmt::format("{} cannot be read back", path.string())};
  std::ofstream out(path, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(hash->bytes.data()), kHashBytes);
  out.close();
  if (!out) return Error{Errc::io, fmt::format("{} cannot be written", path.string())};
  return {};
}

Result<> write_states(const fs::path& path, const Json& head, Learners learners) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << head.dump() << '\n';
  for (const auto& learner : learners) {
    if (!learner->save(out)) return Error{Errc::unsupported, "a learner of this kind begins again"};
    if (out.tellp() > static_cast<std::streamoff>(kCheckpointBytesMax)) {
      return Error{Errc::too_large, fmt::format("its state is over {} bytes", kCheckpointBytesMax)};
    }
  }
  out.close();
  if (!out) return Error{Errc::io, fmt::format("{} cannot be written", path.string())};
  return {};
}

/// Nothing if the file is none of this task.
std::optional<Checkpoint> read_head(std::istream& in, const WorkTask& task) {
  std::string line;
  if (!std::getline(in, line) || line.size() > kHeadBytesMax) return std::nullopt;
  try {
    const Json head = Json::parse(line);
    if (head.at("task") != identity_of(task)) return std::nullopt;
    return checkpoint_from(head);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Result<> write_checkpoint(const fs::path& path,
                          const WorkTask& task,
                          const Checkpoint& checkpoint,
                          Learners learners) {
  // Of this attempt alone: one before it may not have ended yet.
  const fs::path unfinished = fmt::format("{}.{}.new", path.string(), task.token);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  auto done = write_states(unfinished, to_json(task, checkpoint), learners);
  if (done) done = append_hash(unfinished);
  if (!done) {
    fs::remove(unfinished, error);
    return done;
  }
  // The last one gets a second name first, so that at no time there is none.
  fs::remove(before(path), error);
  fs::create_hard_link(path, before(path), error);  // there may be none yet
  fs::rename(unfinished, path, error);
  if (error) return Error{Errc::io, fmt::format("{}: {}", path.string(), error.message())};
  return {};
}

Result<Checkpoint> read_checkpoint(const fs::path& path, const WorkTask& task, Learners learners) {
  for (const fs::path& file : {path, before(path)}) {
    if (!is_whole(file)) continue;
    std::ifstream in(file, std::ios::binary);
    auto checkpoint = read_head(in, task);
    if (!checkpoint) continue;
    try {
      for (const auto& learner : learners)
        learner->restore(in);
    } catch (const std::exception& e) {
      return Error{Errc::corrupt, fmt::format("{}: {}", file.string(), e.what())};
    }
    if (in.tellg() + std::streamoff{kHashBytes} != static_cast<std::streamoff>(fs::file_size(file)))
      return Error{Errc::corrupt, fmt::format("{} holds more than the learners", file.string())};
    return std::move(*checkpoint);
  }
  return Error{Errc::not_found, "there is no checkpoint of this trial"};
}

void remove_checkpoint(const fs::path& path) {
  std::error_code ignored;
  for (const fs::path& file : {path, before(path)})
    fs::remove(file, ignored);
}

}  // namespace starling::ml
