/// The entities as the JSON of docs/api.md. Pure.
#pragma once

#include "ml/study/study.h"
#include "web/api/json_fields.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace starling::web {

enum class Detail { brief, full };

/// `brief` leaves the columns and warnings out.
Json dataset_json(const ml::Dataset& dataset, Detail detail);

/// What a study's JSON needs that is stored elsewhere.
struct StudySurroundings {
  std::string dataset_name;  ///< empty: the dataset was removed
  std::optional<ml::Trial> best;
  std::string waiting_reason;
  std::size_t fits = 0, fits_done = 0;  ///< of its bag, while it finishes
};

Json study_json(const ml::Study& study, const StudySurroundings& around);

using NodeNames = std::map<NodeId, std::string>;

Json trial_json(const ml::Trial& trial, const NodeNames& names, const ml::StudySpec& spec);
Json curve_json(const ml::Curve& curve);

/// `versions` of one model, oldest first; not empty.
Json model_json(const std::vector<ml::ModelVersion>& versions);
Json version_json(const ml::ModelVersion& version);

Json params_json(const ml::Params& params);

}  // namespace starling::web
