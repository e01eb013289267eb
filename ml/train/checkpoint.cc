#include "ml/train/checkpoint.h"

#include "node/base/hash.h"
#include "node/process/program_id.h"

#include <fmt/format.h>

#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

/// A blob's file is named by its content; where it lies differs from node to node.
std::string content_name(const fs::path& path) {
  return path.filename().string();
}

Json datasets_json(const std::vector<WorkDataset>& datasets) {
  Json all = Json::array();
  for (const WorkDataset& dataset : datasets)
    all.push_back({content_name(dataset.path), hash_of(to_bytes(dataset.profile_json)).hex()});
  return all;
}

Json params_json(const Params& params) {
  Json all = Json::object();
  for (const auto& [name, value] : params)
    std::visit([&, &key = name](const auto& held) { all[key] = held; }, value);
  return all;
}

Json to_json(const std::string& identity, const Checkpoint& checkpoint) {
  Json progress = Json::array();
  for (const WorkProgress& epoch : checkpoint.progress)
    progress.push_back({epoch.epoch, epoch.value, epoch.train_loss});
  return {{"identity", identity},
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

Result<> check_room(const WorkTask& task, Learners learners) {
  std::uint64_t bytes = 0;
  for (const auto& learner : learners) {
    if (learner->state_bytes() == 0)
      return Error{Errc::unsupported, "a learner of this kind begins again"};
    bytes += learner->state_bytes();
  }
  if (bytes > kCheckpointBytesMax) {
    return Error{Errc::too_large, fmt::format("{} bytes; at most {}", bytes, kCheckpointBytesMax)};
  }
  std::error_code error;
  const auto space = fs::space(fs::path{task.checkpoint_path}.parent_path(), error);
  if (!error && space.available < bytes + task.disk_reserve)
    return Error{Errc::io, fmt::format("the disk has {} bytes left", space.available)};
  return {};
}

Result<> write_states(const fs::path& path, const Json& head, Learners learners) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << head.dump() << '\n';
  for (const auto& learner : learners)
    learner->save(out);
  out.close();
  if (!out) return Error{Errc::io, fmt::format("{} cannot be written", path.string())};
  return {};
}

/// Nothing if the file is none of this task.
std::optional<Checkpoint> read_head(std::istream& in, const std::string& identity) {
  std::string line;
  if (!std::getline(in, line)) return std::nullopt;
  try {
    const Json head = Json::parse(line);
    if (head.at("identity") != identity) return std::nullopt;
    return checkpoint_from(head);
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::string checkpoint_identity(const WorkTask& task, const fs::path& program) {
  const Json identity{{"program", node::program_id(program)},
                      {"kind", static_cast<int>(task.kind)},
                      {"study", task.study},
                      {"number", task.number},
                      {"dataset", content_name(task.dataset_path)},
                      {"profile", hash_of(to_bytes(task.profile_json)).hex()},
                      {"more_datasets", datasets_json(task.more_datasets)},
                      {"split", ml::to_json(task.split)},
                      {"target", task.target},
                      {"task", task.task},
                      {"metric", task.metric},
                      {"seed", task.seed},
                      {"params", params_json(task.params)},
                      {"epochs_max", task.epochs_max},
                      {"patience", task.patience},
                      {"fixed_epochs", task.fixed_epochs}};
  return hash_of(to_bytes(identity.dump())).hex();
}

Result<> write_checkpoint(const WorkTask& task,
                          const std::string& identity,
                          const Checkpoint& checkpoint,
                          Learners learners) {
  const fs::path path = task.checkpoint_path;
  // Of this attempt alone: one before it may not have ended yet.
  const fs::path unfinished = fmt::format("{}.{}.new", path.string(), task.token);
  if (auto room = check_room(task, learners); !room) return room;
  auto done = write_states(unfinished, to_json(identity, checkpoint), learners);
  if (done) done = append_checkpoint_hash(unfinished);
  if (done) done = place_checkpoint(unfinished, path);
  std::error_code ignored;
  if (!done) fs::remove(unfinished, ignored);
  return done;
}

Result<Checkpoint> read_checkpoint(const fs::path& path,
                                   const std::string& identity,
                                   Learners learners) {
  for (const fs::path& file : {path, checkpoint_before(path)}) {
    std::ifstream in(file, std::ios::binary);
    const auto bytes = in ? whole_checkpoint_bytes(in) : std::nullopt;
    if (!bytes) continue;
    auto checkpoint = read_head(in, identity);
    if (!checkpoint) continue;
    try {
      for (const auto& learner : learners)
        learner->restore(in);
    } catch (const std::exception& e) {
      return Error{Errc::corrupt, fmt::format("{}: {}", file.string(), e.what())};
    }
    if (static_cast<std::uint64_t>(in.tellg()) != *bytes)
      return Error{Errc::corrupt, fmt::format("{} holds more than the learners", file.string())};
    return std::move(*checkpoint);
  }
  return Error{Errc::not_found, "there is no checkpoint of this trial"};
}

void remove_checkpoint(const fs::path& path) {
  std::error_code ignored;
  for (const fs::path& file : {path, checkpoint_before(path)})
    fs::remove(file, ignored);
}

}  // namespace starling::ml
