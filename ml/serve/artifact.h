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
///     Dockerfile          an image that does so (container_file.h)
///     finish.json         calibration and intervals (ml/ensemble/finish_json.h); may be absent
///     manifest.json       format version and the BLAKE2b-256 of each other part
///
/// A bag (format 2) has several models instead of one:
///
///     bag.json            {"members": [{"model", "preprocessing", "weight", "candidate",
///                         "fold"}]}: which parts belong together; the answer is the mean by weight
///     models/N.pt, models/N.json, preprocessing/N.json
///
/// What the fit of one fold leaves has answers.bin besides (ml/train/fold_answers.h).
///
/// The same parts make the same bytes: the zip holds no times.
#pragma once

#include "ml/ensemble/finish_json.h"
#include "ml/table/encoder.h"
#include "node/base/error.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace starling::ml {

inline constexpr int kArtifactFormat = 1;
inline constexpr int kBagFormat = 2;
inline constexpr std::uint64_t kArtifactPartBytesMax = 1ULL << 30;
inline constexpr std::uint64_t kArtifactTextBytesMax = 64ULL << 20;  ///< of a part that is JSON
inline constexpr std::size_t kBagMembersMax = 1000;

/// One trained model, and how its rows are encoded.
struct ArtifactModel {
  std::filesystem::path file;
  std::string preprocessing;
  double weight = 1;            ///< of a bag's: they sum to 1
  std::uint32_t candidate = 0;  ///< of a bag's: the trial whose parameters it has
  std::uint32_t fold = 0;       ///< of a bag's
};

struct ArtifactParts {
  std::vector<ArtifactModel> models;  ///< one, or those of a bag
  std::string schema;
  std::string metrics;
  std::string report = {};   ///< empty: there is none
  std::string finish = {};   ///< as the one before
  std::string answers = {};  ///< as the one before
};

/// Whether a model is trees in XGBoost's own form, and no TorchScript.
inline bool is_tree_model(std::string_view model) {
  return model.starts_with("{\"learner\"");
}

/// Replaces `path` in one step. Returns the size of the file. Models are read from their files, so
/// that they need not fit in memory together.
/// Errors: `io`.
Result<std::uint64_t> write_artifact(const std::filesystem::path& path, const ArtifactParts& parts);

struct Artifact {
  struct Member {
    std::filesystem::path model;
    std::size_t encoder = 0;  ///< which of `encoders`
    double weight = 1;
    std::uint32_t candidate = 0, fold = 0;
  };

  std::vector<Encoder> encoders;  ///< at least one; all of the same target
  std::vector<Member> members;    ///< one, or those of a bag
  Finish finish;
  std::string schema_json;
  std::string metrics_json;
};

/// Reads and checks every part but report.json. Its models are left in `folder`, each under a name
/// that follows from its bytes.
/// Errors: `io` if it cannot be read or unpacked; `corrupt` names the part that is missing, fails
///         its checksum or cannot be understood; `unsupported` if its format is newer.
Result<Artifact> open_artifact(const std::filesystem::path& path,
                               const std::filesystem::path& folder);

/// Its report.json alone. Errors: as above; `not_found`: it has none.
Result<std::string> report_in(const std::filesystem::path& path);

/// How large the file would be with nothing but what a node needs to answer: without report,
/// predict.py, Dockerfile and answers.bin. Errors: as above.
Result<std::uint64_t> model_bytes_in(const std::filesystem::path& path);

/// Its answers.bin alone. Errors: as above.
Result<std::string> answers_in(const std::filesystem::path& path);

}  // namespace starling::ml
