#include "ml/train/artifact_texts.h"

#include "ml/table/encoder_json.h"

#include <nlohmann/json.hpp>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

Json params_json(const Params& params) {
  Json out = Json::object();
  for (const auto& [name, value] : params)
    std::visit([&, &key = name](const auto& held) { out[key] = held; }, value);
  return out;
}

}  // namespace

std::string schema_text(const Encoder& encoder) {
  const TargetCoding& target = encoder.target();
  const Json schema{{"target", target.name},
                    {"task", to_string(target.task)},
                    {"classes", target.classes},
                    {"features", Json::parse(features_json(encoder))}};
  return schema.dump(2);
}

std::string metrics_text(const WorkTask& task,
                         Metric metric,
                         const Split& split,
                         const std::map<std::string, double>& test) {
  const WorkSplit rows = counted(split);
  const Json metrics{{"test", test},
                     {"metric", to_string(metric)},
                     {"rows",
                      {{"train", rows.train},
                       {"validation", rows.validation},
                       {"test", rows.test},
                       {"dropped", rows.dropped}}},
                     {"split", to_json(task.split)},
                     {"split_hash", rows.hash},
                     {"seed", task.seed},
                     {"epochs", task.fixed_epochs},
                     {"params", params_json(task.params)}};
  return metrics.dump(2);
}

WorkSplit counted(const Split& split) {
  return {split.train.size(),
          split.validation.size(),
          split.test.size(),
          split.dropped + split.unused,
          split.hash.hex()};
}

}  // namespace starling::ml
