#include "ml/study/register_model.h"

#include "ml/study/study_state.h"
#include "node/base/assert.h"

namespace starling::ml {

void register_model(Transaction& tx, Study& study) {
  STARLING_ASSERT(study.result && study.best_number, "a model is the fit of a best trial");
  const FinalResult& result = *study.result;
  const auto earlier = list_versions(tx.view(), study.spec.name);
  const auto best = find_trial(tx.view(), study.id, *study.best_number);
  ModelVersion version;
  version.model = study.spec.name;
  version.version = earlier.empty() ? 1 : earlier.back().version + 1;
  version.study = study.id;
  version.artifact = result.artifact;
  version.bytes = result.artifact_bytes;
  version.created_ms = tx.wall_ms();
  version.task = study.spec.task;
  version.target = study.spec.target;
  version.metric = study.spec.metric;
  version.test = result.test;
  version.validation = result.validation;
  if (best) version.params = best->params;
  version.features_json = result.features_json;
  version.classes = result.classes;
  tx.put(version);
  study.model = version.model;
  study.model_version = version.version;
  tx.event("model_registered",
           {{"model", version.model}, {"version", version.version}, {"study", study.id}});
}

}  // namespace starling::ml
