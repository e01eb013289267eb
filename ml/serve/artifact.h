/// The file that a study leaves behind: everything a prediction needs, in one zip.
///
///     model.pt            TorchScript: [rows, width] encoded features -> values or probabilities;
///                         or model.json, XGBoost's own form (ml/train/boosted_trees.h)
///     preprocessing.json  the fitted encoder (ml/table/encoder_json.h)
///     schema.json         columns, types, levels, target, task, classes
///     metrics.json        what was measured, on which rows
///     report.json         what the model shows on the test rows (ml/report/evidence_json.h); may
///                         be absent
///     predict.py          predicts with PyTorch or XGBoost alone, for people without Starling
///     manifest.json       format version and the BLAKE2b-256 of each other part
///
/// The same parts make the same bytes: the zip holds no times.
#pragma once

#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace starling::ml {

inline constexpr int kArtifactFormat = 1;
inline constexpr std::uint64_t kArtifactPartBytesMax = 1ULL << 30;

struct ArtifactParts {
  std::string model;
  std::string preprocessing;
  std::string schema;
  std::string metrics;
  std::string report = {};  ///< empty: there is none
};

/// Whether a model is trees in XGBoost's own form, and no TorchScript.
inline bool is_tree_model(std::string_view model) {
  return model.starts_with("{\"learner\"");
}

/// Replaces `path` in one step. Returns the size of the file.
/// Errors: `io`.
Result<std::uint64_t> write_artifact(const std::filesystem::path& path, const ArtifactParts& parts);

struct Artifact {
  Encoder encoder;
  std::string schema_json;
  std::string metrics_json;
  std::string model;  ///< the bytes of model.pt or model.json
};

/// Reads and checks every part.
/// Errors: `io` if it cannot be read; `corrupt` names the part that is missing, fails its checksum
///         or cannot be understood; `unsupported` if its format is newer.
Result<Artifact> open_artifact(const std::filesystem::path& path);

/// Its report.json alone. Errors: as above; `not_found`: it has none.
Result<std::string> report_in(const std::filesystem::path& path);

}  // namespace starling::ml
