#include "ml/train/column_evidence.h"

#include "ml/report/attribution.h"
#include "ml/report/evidence_json.h"
#include "ml/report/slices.h"
#include "ml/table/date.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kEffectsShown = 8;
constexpr std::size_t kPathFloatsMax = 4 << 20;  // of wider tables single answers are left aside

/// Those that matter, the most important first.
std::vector<const TableColumn*> columns_that_matter(const Table& table,
                                                    const ImportanceFound& importance) {
  std::vector<const TableColumn*> columns;
  for (const ColumnImportance& one : importance.columns) {
    const auto found = std::ranges::find(table.features, one.name, &TableColumn::name);
    if (one.mean <= 0 || found == table.features.end()) continue;
    columns.push_back(&*found);
    if (columns.size() == kDependentColumnsMax) break;
  }
  return columns;
}

RowNumbers spread_over(const RowNumbers& rows, std::size_t wanted) {
  RowNumbers some;
  for (std::size_t i = 0; i < wanted; ++i)
    some.push_back(rows[i * rows.size() / wanted]);
  return some;
}

DependenceFound dependence_on(const std::vector<const TableColumn*>& columns,
                              const RowNumbers& test,
                              std::size_t outputs,
                              const AskedModel& model) {
  const RowNumbers rows = spread_over(test, dependence_rows(test.size(), model.width));
  DependenceTask task;
  task.outputs = outputs;
  task.models = model.models;
  task.predict = model.predict;
  for (const TableColumn* column : columns) {
    auto values = values_of(*column, rows);
    const auto place = std::ranges::find(model.places, column->name, &ColumnPlace::name);
    if (values && place != model.places.end())
      task.columns.emplace_back(*place, std::move(*values));
  }
  task.rows = model.encode(rows);
  return dependence_of(task);
}

double said_of(const Judged& judged, std::size_t row) {
  if (judged.task == TaskKind::regression) return judged.values[row];
  return judged.probabilities[row * judged.class_count + judged.class_count - 1];
}

/// How wrong it is: of classes what it lacks of the chance of the true one.
double error_of(const Judged& judged, std::size_t row) {
  if (judged.task == TaskKind::regression)
    return std::abs(judged.values[row] - judged.truth_values[row]);
  const auto truth = static_cast<std::size_t>(judged.truth_classes[row]);
  return 1 - judged.probabilities[row * judged.class_count + truth];
}

/// The least, the greatest and three between them by what is said, and the most wrong one.
std::vector<std::size_t> telling_rows(const Judged& judged) {
  std::vector<std::size_t> order(judged.rows());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto error = [&](std::size_t row) { return error_of(judged, row); };
  const std::size_t worst = *std::ranges::max_element(order, {}, error);
  std::ranges::stable_sort(order, {}, [&](std::size_t row) { return said_of(judged, row); });
  std::vector<std::size_t> rows;
  for (std::size_t quarter = 0; quarter <= 4; ++quarter)
    rows.push_back(order[(order.size() - 1) * quarter / 4]);
  rows.push_back(worst);
  std::ranges::sort(rows);
  const auto repeats = std::ranges::unique(rows);
  rows.erase(repeats.begin(), repeats.end());
  return rows;
}

/// A cell as JSON; null where it is missing or a text.
Json cell_json(const Table& table, const std::string& name, std::uint32_t row) {
  const auto column = std::ranges::find(table.features, name, &TableColumn::name);
  if (column == table.features.end()) return nullptr;
  if (column->is_number()) {
    const double number = column->numbers[row];
    if (!std::isfinite(number)) return nullptr;
    return column->type == ColumnType::date ? Json(date_text(number)) : Json(number);
  }
  if (holds_words(column->type) || column->codes[row] < 0) return nullptr;
  return std::string{level_start(column->levels[static_cast<std::size_t>(column->codes[row])])};
}

Json effects_json(const Table& table,
                  std::uint32_t row,
                  const std::vector<ColumnPlace>& places,
                  const Attribution& one) {
  std::vector<std::size_t> order(places.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, std::ranges::greater{}, [&](std::size_t k) { return std::abs(one.effects[k]); });
  Json columns = Json::array();
  double others = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string& name = places[order[i]].name;
    const double effect = one.effects[order[i]];
    if (i >= kEffectsShown)
      others += effect;
    else
      columns.push_back(
          {{"name", name}, {"value", cell_json(table, name, row)}, {"effect", effect}});
  }
  return {{"columns", std::move(columns)}, {"others", others}};
}

Matrix chosen_rows(const RowNumbers& test,
                   const std::vector<std::size_t>& chosen,
                   const AskedModel& model) {
  RowNumbers rows;
  for (const std::size_t place : chosen)
    rows.push_back(test[place]);
  return model.encode(rows);
}

/// What each column adds to a few telling answers.
Json answers_json(const Table& table,
                  const RowNumbers& test,
                  const Judged& judged,
                  const AskedModel& model,
                  std::uint64_t seed) {
  const auto chosen = telling_rows(judged);
  AttributionTask task;
  task.rows = chosen_rows(test, chosen, model);
  task.background = model.encode(spread_over(test, dependence_rows(test.size(), model.width)));
  task.outputs = std::max<std::size_t>(judged.class_count, 1);
  task.models = model.models;
  task.columns = model.places;
  task.predict = model.predict;
  task.seed = seed;
  Json list = Json::array();
  const auto found = attributions_of(task);
  const auto& all = found.rows;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Json one{{"row", chosen[i]}, {"said", all[i].said}, {"base", all[i].base}};
    if (judged.task == TaskKind::regression)
      one["true"] = judged.truth_values[chosen[i]];
    else
      one.update({{"class", all[i].output}, {"true", judged.truth_classes[chosen[i]]}});
    one.update(effects_json(table, test[chosen[i]], model.places, all[i]));
    list.push_back(std::move(one));
  }
  return {{"background", found.background}, {"rows", std::move(list)}};
}

}  // namespace

void add_column_evidence(const Table& table,
                         const RowNumbers& test,
                         const Judged& judged,
                         const ImportanceFound& importance,
                         const AskedModel& model,
                         std::uint64_t seed,
                         Json& evidence) {
  const auto columns = columns_that_matter(table, importance);
  const std::size_t outputs = std::max<std::size_t>(judged.class_count, 1);
  if (test.empty() || columns.empty()) return;
  const bool is_narrow = dependence_rows(test.size(), model.width) > 0;
  if (outputs <= kDependenceClassesMax && is_narrow)
    evidence["dependence"] = to_json(dependence_on(columns, test, outputs, model));
  Json slices = Json::array();
  for (const TableColumn* column : columns) {
    const auto parts = slices_by(*column, test, judged);
    if (parts.size() > 1) slices.push_back({{"name", column->name}, {"parts", to_json(parts)}});
  }
  evidence["slices"] = std::move(slices);
  if (is_narrow && (model.places.size() + 1) * model.width <= kPathFloatsMax)
    evidence["answers"] = answers_json(table, test, judged, model, seed);
}

}  // namespace starling::ml
