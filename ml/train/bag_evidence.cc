#include "ml/train/bag_evidence.h"

#include "ml/ensemble/calibration.h"
#include "ml/report/evidence_json.h"
#include "ml/report/leaderboard.h"
#include "ml/train/bag_model.h"
#include "ml/train/column_evidence.h"
#include "ml/train/final_evidence.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kRowsOfFoldMin = 50;

/// The models of one fold, or all, and how a row comes to them.
struct PartOfBag {
  std::vector<const BagMember*> members;
  std::vector<BagPart> parts;
  std::size_t width = 0;

  explicit PartOfBag(const std::vector<BagMember>& all, std::optional<std::uint32_t> fold = {}) {
    for (const BagMember& member : all) {
      if (fold && member.fold != *fold) continue;
      members.push_back(&member);
      parts.push_back({member.model, width, member.encoder.width(), member.weight});
      width += member.encoder.width();
    }
    double sum = 0;
    for (const BagPart& part : parts)
      sum += part.weight;
    for (BagPart& part : parts)
      part.weight /= sum;  // each candidate is there once for each fold
  }

  std::vector<ColumnPlace> places() const {
    std::map<std::string, ColumnPlace> by_name;
    for (std::size_t k = 0; k < members.size(); ++k) {
      for (const ColumnPlace& place : places_of(members[k]->encoder, parts[k].from)) {
        ColumnPlace& known =
            by_name.try_emplace(place.name, ColumnPlace{place.name, {}}).first->second;
        known.spans.insert(known.spans.end(), place.spans.begin(), place.spans.end());
      }
    }
    std::vector<ColumnPlace> places;
    for (auto& [name, place] : by_name)
      places.push_back(std::move(place));
    return places;
  }

  Matrix encoded(const Table& table, const RowNumbers& rows) const {
    Matrix wide{rows.size(), width, std::vector<float>(rows.size() * width)};
    for (std::size_t k = 0; k < members.size(); ++k) {
      const EncodedRows some = members[k]->encoder.encode(table, rows);
      for (std::size_t row = 0; row < rows.size(); ++row)
        some.spread(row, wide.values.data() + row * width + parts[k].from);
    }
    return wide;
  }
};

/// Some rows of a fold, evenly spread; `before`: how many rows the folds before it have.
struct SomeRows {
  RowNumbers rows;
  std::vector<std::size_t> places;  ///< in what was held out
};

SomeRows some_of(const RowNumbers& fold, std::size_t before, std::size_t wanted) {
  SomeRows some;
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t at = i * fold.size() / wanted;
    some.rows.push_back(fold[at]);
    some.places.push_back(before + at);
  }
  return some;
}

/// As the finished bag answers.
std::function<std::vector<float>(const Matrix&)> answers_of(const PartOfBag& part,
                                                            const BagEvidence& evidence,
                                                            std::size_t classes,
                                                            Engine& engine) {
  const std::shared_ptr<ServedModel> model = load_bag(engine, part.parts);
  const double temperature = evidence.finish.temperature;
  return [model, temperature, classes](const Matrix& rows) {
    std::size_t columns = 0;
    auto said = model->predict(rows, columns);
    if (classes == 0) return said;
    std::vector<double> chances{said.begin(), said.end()};
    apply_temperature(temperature, classes, chances);
    said.assign(chances.begin(), chances.end());
    return said;
  };
}

ImportanceTask importance_task(const BagData& data,
                               const BagEvidence& evidence,
                               const PartOfBag& fold,
                               const SomeRows& some,
                               Engine& engine) {
  ImportanceTask importance;
  importance.metric = data.metric;
  importance.columns = fold.places();
  importance.rows = fold.encoded(data.table, some.rows);
  importance.truth.task = data.held_out.task;
  importance.truth.class_count = data.held_out.class_count;
  importance.truth.rule = evidence.finish.rule;
  for (const std::size_t place : some.places)
    add_truth_of(data.held_out, place, importance.truth);
  importance.predict = answers_of(fold, evidence, data.held_out.class_count, engine);
  return importance;
}

/// On the rows of each fold, by the models that did not learn from it.
ImportanceFound held_out_importance(const WorkTask& task,
                                    const BagData& data,
                                    const BagEvidence& evidence,
                                    Engine& engine,
                                    const std::function<void()>& step) {
  std::vector<ImportanceFound> found;
  const auto rounds = rounds_of(data.split);
  std::size_t before = 0;
  for (std::uint32_t k = 0; k < rounds.size(); ++k) {
    const RowNumbers& rows = rounds[k].validation;
    const PartOfBag fold{evidence.members, k};
    const std::size_t columns = data.encoder.features().size();
    const std::size_t share =
        importance_rows(rows.size(), columns, fold.width) / (rounds.size() * fold.members.size());
    const auto some = some_of(rows, before, std::min(rows.size(), std::max(share, kRowsOfFoldMin)));
    auto importance = importance_task(data, evidence, fold, some, engine);
    importance.seed = mix_seeds(task.seed, kSeedOfEvidence + k);
    found.push_back(importance_found(std::move(importance)));
    before += rows.size();
    step();
  }
  return mean_over_folds(found);
}

double scored(Metric metric, const Judged& judged) {
  return judged.rows() == 0 ? 0 : score(metric, judged);
}

Json candidates_json(const WorkTask& task, const BagData& data, const BagEvidence& evidence) {
  std::vector<Judged> all{evidence.held_out};
  std::vector<std::uint64_t> bytes{evidence.bytes};
  for (const auto& candidate : evidence.candidates) {
    all.push_back(candidate.held_out);
    bytes.push_back(candidate.bytes);
  }
  const auto standings = standings_of(
      all, data.metric, has_independent_rows(task.split), mix_seeds(task.seed, kSeedOfEvidence));
  const std::size_t smallest = smallest_within_error(standings, data.metric, bytes);
  Json list = Json::array();
  for (std::size_t k = 0; k < all.size(); ++k) {
    const Standing& standing = standings[k];
    const Judged& test = k == 0 ? evidence.test : evidence.candidates[k - 1].test;
    Json one{{"trial", nullptr},
             {"weight", k == 0 ? 1.0 : evidence.candidates[k - 1].weight},
             {"validation", standing.held_out.value},
             {"low", standing.held_out.low},
             {"high", standing.held_out.high},
             {"ties", standing.ties},
             {"smallest", k == smallest},
             {"test", scored(data.metric, test)},
             {"bytes", bytes[k]}};
    if (k > 0) one["trial"] = evidence.candidates[k - 1].number;
    list.push_back(std::move(one));
  }
  return list;
}

/// What the whole bag does with columns. It is left out where memory is too short for all models at
/// once: the rest of the report stands without it.
void add_columns(const WorkTask& task,
                 const BagData& data,
                 const BagEvidence& evidence,
                 const ImportanceFound& importance,
                 Engine& engine,
                 const std::function<void()>& step,
                 Json& all) {
  try {
    const PartOfBag whole{evidence.members};
    const auto answers = answers_of(whole, evidence, data.held_out.class_count, engine);
    const AskedModel asked{
        .models = whole.members.size(),
        .width = whole.width,
        .places = whole.places(),
        .encode = [&](const RowNumbers& rows) { return whole.encoded(data.table, rows); },
        .predict =
            [&](const Matrix& rows) {
              step();
              return answers(rows);
            }};
    add_column_evidence(data.table,
                        data.split.test,
                        evidence.test,
                        importance,
                        asked,
                        mix_seeds(task.seed, kSeedOfEvidence),
                        all);
  } catch (const std::exception& e) {
    fmt::print(stderr, "no report of columns in study {}: {}\n", task.study, e.what());
  }
}

Json evidence_of(const WorkTask& task,
                 const BagData& data,
                 const BagEvidence& evidence,
                 Engine& engine,
                 const std::function<void()>& step) {
  const ImportanceFound importance = held_out_importance(task, data, evidence, engine, step);
  Json all = evidence_json(evidence.test,
                           data.encoder.target().classes,
                           importance,
                           has_independent_rows(task.split),
                           mix_seeds(task.seed, kSeedOfEvidence));
  add_columns(task, data, evidence, importance, engine, step, all);
  step();
  all["bag"] = {{"folds", rounds_of(data.split).size()},
                {"models", evidence.members.size()},
                {"temperature", evidence.finish.temperature}};
  all["candidates"] = candidates_json(task, data, evidence);
  add_coverage(evidence.finish, evidence.test, all);
  return all;
}

}  // namespace

std::string bag_evidence(const WorkTask& task,
                         const BagData& data,
                         const BagEvidence& evidence,
                         Engine& engine,
                         const std::function<void()>& step) {
  try {
    return evidence_of(task, data, evidence, engine, step).dump();
  } catch (const std::exception& e) {
    fmt::print(stderr, "no report of study {}: {}\n", task.study, e.what());
    return "";
  }
}

}  // namespace starling::ml
