#include "ml/work/work_protocol.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "floats travel little endian");

constexpr std::array<std::string_view, 4> kKinds{"trial", "final", "serve", "fit"};
constexpr std::array<std::string_view, 4> kFailures{
    "invalid", "out_of_memory", "diverged", "internal"};
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64_of(const std::vector<float>& values) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values.data());
  const std::size_t size = values.size() * sizeof(float);
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (std::size_t i = 0; i < size; i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < size ? bytes[i + k] : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      const bool is_padding = i + k > size;
      text.push_back(is_padding ? '=' : kBase64[group >> (18 - 6 * k) & 63]);
    }
  }
  return text;
}

std::array<std::uint8_t, 256> base64_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(255);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

std::vector<float> floats_of(const std::string& text) {
  static const auto kValues = base64_values();
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  std::size_t size = text.size();
  if (size % 4 != 0) throw std::invalid_argument("base64 of a wrong length");
  while (size > 0 && text.size() - size < 2 && text[size - 1] == '=')
    --size;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(text[i])];
    if (value == 255) throw std::invalid_argument("not base64");
    bits = bits << 6 | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes.push_back(static_cast<char>(bits >> held & 255));
    }
  }
  if (bytes.size() % sizeof(float) != 0)
    throw std::invalid_argument("not a whole number of floats");
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

double finite(const Json& json, const char* name) {
  const Json& field = json.at(name);
  if (!field.is_number()) throw std::invalid_argument(fmt::format("{} is not a number", name));
  return field.get<double>();
}

std::uint64_t whole(const Json& json, const char* name, std::uint64_t max = UINT64_MAX) {
  const Json& field = json.at(name);
  const bool fits = field.is_number_unsigned() && field.get<std::uint64_t>() <= max;
  if (!fits) throw std::invalid_argument(fmt::format("{} is not a number up to {}", name, max));
  return field.get<std::uint64_t>();
}

std::uint32_t whole32(const Json& json, const char* name) {
  return static_cast<std::uint32_t>(whole(json, name, UINT32_MAX));
}

std::string text(const Json& json, const char* name) {
  return json.at(name).get<std::string>();
}

Json params_json(const Params& params) {
  Json out = Json::object();
  for (const auto& [name, value] : params) {
    std::visit([&, &key = name](const auto& held) { out[key] = held; }, value);
  }
  return out;
}

Params params_from(const Json& json) {
  Params params;
  for (const auto& [name, value] : json.items()) {
    if (value.is_number_integer()) {
      params[name] = value.get<std::int64_t>();
    } else if (value.is_number()) {
      params[name] = value.get<double>();
    } else if (value.is_string()) {
      params[name] = value.get<std::string>();
    } else {
      throw std::invalid_argument(fmt::format("parameter {} is no number and no text", name));
    }
  }
  return params;
}

Json datasets_json(const std::vector<WorkDataset>& datasets) {
  Json list = Json::array();
  for (const WorkDataset& dataset : datasets)
    list.push_back({{"path", dataset.path}, {"profile", dataset.profile_json}});
  return list;
}

std::vector<WorkDataset> datasets_from(const Json& json) {
  std::vector<WorkDataset> datasets;
  for (const Json& one : json)
    datasets.push_back({text(one, "path"), text(one, "profile")});
  return datasets;
}

Json fits_json(const std::vector<WorkFit>& fits) {
  Json list = Json::array();
  for (const WorkFit& fit : fits)
    list.push_back({{"path", fit.path}, {"candidate", fit.candidate}, {"fold", fit.fold}});
  return list;
}

std::vector<WorkFit> fits_from(const Json& json) {
  std::vector<WorkFit> fits;
  for (const Json& one : json)
    fits.push_back({text(one, "path"), whole32(one, "candidate"), whole32(one, "fold")});
  return fits;
}

SplitSpec split_from(const Json& json) {
  const auto spec = split_from_json(json);
  if (!spec) throw std::invalid_argument(spec.error().detail);
  return spec->value_or(SplitSpec{});
}

Json limits_json(const Constraints& limits) {
  return Json{{"predict_ms", limits.predict_ms}, {"model_mb", limits.model_mb}};
}

Constraints limits_from(const Json& json) {
  Constraints limits;
  limits.predict_ms = finite(json, "predict_ms");
  limits.model_mb = finite(json, "model_mb");
  return limits;
}

Json cost_json(const std::optional<ModelCost>& cost) {
  if (!cost) return nullptr;
  return Json{{"bytes", cost->bytes}, {"predict_ms", cost->predict_ms}};
}

std::optional<ModelCost> cost_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return ModelCost{whole(json, "bytes"), finite(json, "predict_ms")};
}

Json costs_json(const std::vector<CandidateCost>& costs) {
  Json list = Json::array();
  for (const auto& [number, cost] : costs)
    list.push_back({{"number", number}, {"cost", cost_json(cost)}});
  return list;
}

std::vector<CandidateCost> costs_from(const Json& json) {
  std::vector<CandidateCost> costs;
  for (const Json& one : json)
    costs.push_back({whole32(one, "number"), cost_from(one.at("cost")).value_or(ModelCost{})});
  return costs;
}

Json cutoffs_json(const std::vector<std::optional<double>>& cutoffs) {
  Json list = Json::array();
  for (const auto& cutoff : cutoffs)
    list.push_back(cutoff && std::isfinite(*cutoff) ? Json(*cutoff) : Json(nullptr));
  return list;
}

std::vector<std::optional<double>> cutoffs_from(const Json& json) {
  std::vector<std::optional<double>> cutoffs;
  for (const Json& one : json)
    cutoffs.push_back(one.is_null() ? std::nullopt : std::optional{one.get<double>()});
  return cutoffs;
}

Json to_object(const WorkTask& task) {
  return Json{{"type", "task"},
              {"kind", kKinds[static_cast<std::size_t>(task.kind)]},
              {"study", task.study},
              {"number", task.number},
              {"token", task.token},
              {"dataset_path", task.dataset_path},
              {"columns", task.columns_path},
              {"profile", task.profile_json},
              {"more_datasets", datasets_json(task.more_datasets)},
              {"split", to_json(task.split)},
              {"target", task.target},
              {"task", task.task},
              {"metric", task.metric},
              {"seed", task.seed},
              {"params", params_json(task.params)},
              {"epochs_max", task.epochs_max},
              {"patience", task.patience},
              {"rung_cutoffs", cutoffs_json(task.rung_cutoffs)},
              {"fixed_epochs", task.fixed_epochs},
              {"fold", task.fold},
              {"fits", fits_json(task.fits)},
              {"limits", limits_json(task.limits)},
              {"trains_rare_classes", task.trains_rare_classes},
              {"knows_class_factors", task.knows_class_factors},
              {"uses_test_rows", task.uses_test_rows},
              {"memory_cap_mb", task.memory_cap_mb},
              {"threads", task.threads},
              {"work_dir", task.work_dir},
              {"artifact_path", task.artifact_path},
              {"model_path", task.model_path},
              {"checkpoint_path", task.checkpoint_path},
              {"disk_reserve", task.disk_reserve},
              {"checkpoint_seconds", task.checkpoint_seconds}};
}

WorkTask task_from(const Json& json) {
  WorkTask task;
  const auto kind = text(json, "kind");
  const auto known = std::find(kKinds.begin(), kKinds.end(), kind);
  if (known == kKinds.end()) throw std::invalid_argument("no such kind of task: " + kind);
  task.kind = static_cast<WorkKind>(known - kKinds.begin());
  task.study = text(json, "study");
  task.number = whole32(json, "number");
  task.token = whole(json, "token");
  task.dataset_path = text(json, "dataset_path");
  task.columns_path = text(json, "columns");
  task.profile_json = text(json, "profile");
  task.more_datasets = datasets_from(json.at("more_datasets"));
  task.split = split_from(json.at("split"));
  task.target = text(json, "target");
  task.task = text(json, "task");
  task.metric = text(json, "metric");
  task.seed = whole(json, "seed");
  task.params = params_from(json.at("params"));
  task.epochs_max = whole32(json, "epochs_max");
  task.patience = whole32(json, "patience");
  task.rung_cutoffs = cutoffs_from(json.at("rung_cutoffs"));
  task.fixed_epochs = whole32(json, "fixed_epochs");
  task.fold = whole32(json, "fold");
  task.fits = fits_from(json.at("fits"));
  task.limits = limits_from(json.at("limits"));
  task.trains_rare_classes = json.at("trains_rare_classes").get<bool>();
  task.knows_class_factors = json.at("knows_class_factors").get<bool>();
  task.uses_test_rows = json.at("uses_test_rows").get<bool>();
  task.memory_cap_mb = whole(json, "memory_cap_mb", 1ULL << 40);
  task.threads = static_cast<std::uint32_t>(whole(json, "threads", 1024));
  task.work_dir = text(json, "work_dir");
  task.artifact_path = text(json, "artifact_path");
  task.model_path = text(json, "model_path");
  task.checkpoint_path = text(json, "checkpoint_path");
  task.disk_reserve = whole(json, "disk_reserve");
  task.checkpoint_seconds = finite(json, "checkpoint_seconds");
  return task;
}

Json to_object(const WorkProgress& progress) {
  return Json{{"type", "progress"},
              {"epoch", progress.epoch},
              {"value", progress.value},
              {"train_loss", progress.train_loss}};
}

Json to_object(const WorkDone& done) {
  return Json{{"type", "done"},
              {"value", done.value},
              {"metrics", done.metrics},
              {"test", done.test},
              {"best_epoch", done.best_epoch},
              {"epochs", done.epochs},
              {"seconds", done.seconds},
              {"peak_mb", done.peak_mb},
              {"split",
               {{"train", done.split.train},
                {"validation", done.split.validation},
                {"test", done.split.test},
                {"dropped", done.split.dropped},
                {"hash", done.split.hash}}},
              {"pruned", done.is_pruned},
              {"rungs", done.rungs},
              {"cost", cost_json(done.cost)},
              {"candidate_costs", costs_json(done.candidate_costs)},
              {"artifact_bytes", done.artifact_bytes},
              {"features", done.features_json},
              {"classes", done.classes}};
}

WorkDone done_from(const Json& json) {
  WorkDone done;
  done.value = finite(json, "value");
  done.metrics = json.at("metrics").get<std::map<std::string, double>>();
  done.test = json.at("test").get<std::map<std::string, double>>();
  done.best_epoch = whole32(json, "best_epoch");
  done.epochs = whole32(json, "epochs");
  done.seconds = finite(json, "seconds");
  done.peak_mb = whole(json, "peak_mb");
  const Json& split = json.at("split");
  done.split = {whole(split, "train"),
                whole(split, "validation"),
                whole(split, "test"),
                whole(split, "dropped"),
                text(split, "hash")};
  done.is_pruned = json.at("pruned").get<bool>();
  done.rungs = json.at("rungs").get<std::vector<double>>();
  done.cost = cost_from(json.at("cost"));
  done.candidate_costs = costs_from(json.at("candidate_costs"));
  done.artifact_bytes = whole(json, "artifact_bytes");
  done.features_json = text(json, "features");
  done.classes = json.at("classes").get<std::vector<std::string>>();
  return done;
}

Json to_object(const WorkFailed& failed) {
  return Json{{"type", "failed"}, {"kind", failed.kind}, {"message", failed.message}};
}

WorkFailed failed_from(const Json& json) {
  WorkFailed failed{text(json, "kind"), text(json, "message")};
  if (std::find(kFailures.begin(), kFailures.end(), failed.kind) == kFailures.end()) {
    throw std::invalid_argument("no such kind of failure: " + failed.kind);
  }
  return failed;
}

Json to_object(const ServeReady& ready) {
  return Json{{"type", "ready"}, {"seconds_us", ready.seconds_us}};
}

Json to_object(const PredictRequest& request) {
  return Json{{"type", "predict"},
              {"id", request.id},
              {"rows", request.rows},
              {"columns", request.columns},
              {"values", base64_of(request.values)}};
}

PredictRequest request_from(const Json& json) {
  PredictRequest request{
      whole(json, "id"), whole(json, "rows", 1 << 24), whole(json, "columns", 1 << 24), {}};
  request.values = floats_of(text(json, "values"));
  if (request.values.size() != request.rows * request.columns) {
    throw std::invalid_argument("values are not rows x columns");
  }
  return request;
}

Json to_object(const PredictAnswer& answer) {
  return Json{{"type", "answer"},
              {"id", answer.id},
              {"columns", answer.columns},
              {"values", base64_of(answer.values)},
              {"error", answer.error}};
}

PredictAnswer answer_from(const Json& json) {
  PredictAnswer answer{whole(json, "id"), whole(json, "columns", 1 << 24), {}, text(json, "error")};
  answer.values = floats_of(text(json, "values"));
  if (answer.columns == 0 || answer.values.size() % answer.columns != 0) {
    throw std::invalid_argument("values are not whole rows");
  }
  return answer;
}

Json to_object(const WorkCheckpoint& checkpoint) {
  return Json{{"type", "checkpoint"}, {"epoch", checkpoint.epoch}};
}

Json to_object(const WorkYield&) {
  return Json{{"type", "yield"}};
}

Json to_object(const WorkYielded& yielded) {
  return Json{{"type", "yielded"}, {"epoch", yielded.epoch}};
}

Json to_object(const SpawnChild& spawn) {
  return Json{{"type", "spawn"}, {"id", spawn.id}};
}

Json to_object(const KillChild& kill) {
  return Json{{"type", "kill"}, {"id", kill.id}};
}

Json to_object(const ChildSpawned& spawned) {
  return Json{{"type", "spawned"}, {"id", spawned.id}, {"pid", spawned.pid}};
}

Json to_object(const ChildExited& exited) {
  return Json{{"type", "exited"},
              {"id", exited.id},
              {"pid", exited.pid},
              {"status", exited.status},
              {"signal", exited.signal},
              {"peak_mb", exited.peak_mb}};
}

ChildExited exited_from(const Json& json) {
  return {whole(json, "id"),
          static_cast<std::int64_t>(whole(json, "pid", INT32_MAX)),
          static_cast<int>(whole(json, "status", 255)),
          static_cast<int>(whole(json, "signal", 255)),
          whole(json, "peak_mb")};
}

WorkMessage message_from(const Json& json) {
  const auto type = text(json, "type");
  if (type == "task") return task_from(json);
  if (type == "progress") {
    return WorkProgress{whole32(json, "epoch"), finite(json, "value"), finite(json, "train_loss")};
  }
  if (type == "done") return done_from(json);
  if (type == "failed") return failed_from(json);
  if (type == "ready") return ServeReady{whole(json, "seconds_us")};
  if (type == "predict") return request_from(json);
  if (type == "answer") return answer_from(json);
  if (type == "spawn") return SpawnChild{whole(json, "id")};
  if (type == "kill") return KillChild{whole(json, "id")};
  if (type == "spawned") {
    return ChildSpawned{whole(json, "id"),
                        static_cast<std::int64_t>(whole(json, "pid", INT32_MAX))};
  }
  if (type == "exited") return exited_from(json);
  if (type == "checkpoint") return WorkCheckpoint{whole32(json, "epoch")};
  if (type == "yield") return WorkYield{};
  if (type == "yielded") return WorkYielded{whole32(json, "epoch")};
  throw std::invalid_argument("no such type: " + type);
}

}  // namespace

Bytes encode_work_message(const WorkMessage& message) {
  const Json json = std::visit([](const auto& body) { return to_object(body); }, message);
  return to_bytes(json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Result<WorkMessage> decode_work_message(BytesView bytes) {
  try {
    return message_from(Json::parse(as_text(bytes)));
  } catch (const std::exception& e) {
    return Error{Errc::corrupt, fmt::format("a worker message cannot be read: {}", e.what())};
  }
}

Error to_error(const WorkFailed& failed) {
  if (failed.kind == "invalid") return {Errc::invalid_argument, failed.message};
  if (failed.kind == "out_of_memory") return {Errc::too_large, failed.message};
  if (failed.kind == "diverged") return {Errc::conflict, failed.message};
  return {Errc::io, failed.message};
}

}  // namespace starling::ml
