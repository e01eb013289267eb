#include "ml/train/fold_fit.h"

#include "ml/serve/artifact.h"
#include "ml/table/encoder_json.h"
#include "ml/train/fold_answers.h"

#include <algorithm>
#include <cmath>

namespace starling::ml {
namespace {

constexpr std::size_t kBlockRows = 1024;

}  // namespace

std::vector<float> answers_for(ServedModel& model,
                               const Encoder& encoder,
                               const Table& table,
                               std::span<const std::uint32_t> rows) {
  std::vector<float> answers;
  for (std::size_t from = 0; from < rows.size(); from += kBlockRows) {
    const auto some = rows.subspan(from, std::min(kBlockRows, rows.size() - from));
    const EncodedRows encoded = encoder.encode(table, some);
    Matrix block{some.size(), encoded.columns(), {}};
    block.values.resize(block.rows * block.columns);
    for (std::size_t row = 0; row < block.rows; ++row)
      encoded.spread(row, block.values.data() + row * block.columns);
    std::size_t columns = 0;
    const auto said = model.predict(block, columns);
    answers.insert(answers.end(), said.begin(), said.end());
  }
  return answers;
}

Result<std::uint64_t> write_fold_fit(const WorkTask& task,
                                     const TrialData& data,
                                     std::vector<float> held_out,
                                     const std::filesystem::path& model,
                                     Engine& engine) {
  const Encoder& encoder = data.rounds.front().encoder;
  const auto served = engine.load(model.string());
  FoldAnswers answers{std::move(held_out),
                      answers_for(*served, encoder, data.table, data.split.test)};
  for (const auto* some : {&answers.held_out, &answers.test})
    if (!std::ranges::all_of(*some, [](float value) { return std::isfinite(value); }))
      return Error{Errc::invalid_argument, "what the model of a fold answers is no number"};
  ArtifactParts parts;
  parts.models.push_back({model, to_json(encoder), 1, task.number, task.fold});
  parts.schema = "{}";
  parts.metrics = "{}";
  parts.answers = to_bytes(answers);
  return write_artifact(task.artifact_path, parts);
}

}  // namespace starling::ml
