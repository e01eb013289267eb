#include "tests/web/report_examples.h"

#include <cmath>

namespace starling::web {

namespace {

Json study(const char* name, const char* task, const char* metric, const char* target) {
  return {{"id", "s-0000aaaa"},
          {"name", name},
          {"dataset", "d-0000bbbb"},
          {"target", target},
          {"task", task},
          {"metric", metric},
          {"direction", "minimize"},
          {"seed", 42},
          {"split", {{"method", "holdout"}}},
          {"final_model", "bag"},
          {"use_case", ""},
          {"status", "completed"},
          {"stop_reason", ""},
          {"started_ms", 1'790'000'000'000},
          {"ended_ms", 1'790'000'065'000},
          {"cost", {{"trial_seconds", 2.0}}},
          {"trials", {{"requested", 4}, {"completed", 4}, {"failed", 0}}},
          {"best", {{"number", 2}, {"value", 190.0}, {"params", {{"family", "xgboost"}}}}},
          {"result",
           {{"validation", Json::object()},
            {"test", Json::object()},
            {"rows", {{"train", 800}, {"validation", 800}, {"test", 200}, {"dropped", 0}}},
            {"split_hash", "3d8d8138"},
            {"model", {{"name", name}, {"version", 1}}}}}};
}

}  // namespace

Json trial(int number, const char* family, double value, Json params) {
  Json all{{"family", family}};
  all.update(params);
  return {{"number", number},
          {"state", "completed"},
          {"params", all},
          {"value", value},
          {"metrics", {{"rmse", value}, {"r2", 0.5}, {"accuracy", 0.8}}},
          {"node", "aa"},
          {"node_name", number % 2 == 0 ? "node-1" : "node-2"},
          {"attempts", 1},
          {"best_epoch", 12},
          {"epochs", 28},
          {"seconds", 0.5},
          {"predicted_peak_mb", 90},
          {"peak_mb", 60 + number},
          {"error", ""}};
}

Json column(const char* name, const char* type, int missing, int distinct) {
  return {{"name", name},
          {"type", type},
          {"missing", missing},
          {"distinct", distinct},
          {"top", Json::array()}};
}

Json importance(const char* metric, const std::vector<std::pair<const char*, double>>& columns) {
  Json list = Json::array();
  for (const auto& [name, mean] : columns)
    list.push_back({{"name", name}, {"mean", mean}, {"spread", 0.1 * std::abs(mean) + 1}});
  return {{"metric", metric}, {"rows", 250}, {"held_out", true}, {"repeats", 5}, {"columns", list}};
}

/// By value: what is said on average of so many outputs.
Json moves(const char* name, Json values, Json means, Json singles = Json::array()) {
  return {{"name", name},
          {"values", std::move(values)},
          {"means", std::move(means)},
          {"singles", std::move(singles)}};
}

Json dependence_of_number() {
  return {{"rows", 69},
          {"columns",
           {moves("area",
                  {20.0, 60.0, 200.0},
                  {{90.0}, {300.0}, {1100.0}},
                  {{80.0, 290.0, 1000.0}, {100.0, 310.0, 1200.0}}),
            moves("street", {"Elm", "Oak"}, {{410.0}, {430.0}})}}};
}

Json score(double value, double low, double high) {
  return {{"value", value}, {"low", low}, {"high", high}};
}

Json candidate(Json number, double weight, double validation, bool ties, bool smallest) {
  return {{"trial", number},
          {"weight", weight},
          {"validation", validation},
          {"low", 0.9 * validation},
          {"high", 1.1 * validation},
          {"ties", ties},
          {"smallest", smallest},
          {"test", validation + 2},
          {"bytes", 48000},
          {"predict_ms", 0.25}};
}

Json families(double baseline, double best) {
  return Json::array({{{"family", "baseline"},
                       {"trials", 1},
                       {"completed", 1},
                       {"seconds", 0.01},
                       {"best", {{"number", 1}, {"value", baseline}}}},
                      {{"family", "xgboost"},
                       {"trials", 3},
                       {"completed", 3},
                       {"seconds", 1.5},
                       {"best", {{"number", 2}, {"value", best}}}}});
}

ReportFacts regression_bag() {
  ReportFacts facts;
  facts.study = study("houses", "regression", "rmse", "price");
  facts.study["result"]["validation"] = {{"rmse", 190.0}, {"mae", 140.0}, {"r2", 0.85}};
  facts.study["result"]["test"] = {{"rmse", 200.0}, {"mae", 150.0}, {"r2", 0.84}};
  facts.trials = Json::array({trial(0, "xgboost", 210, {{"xgb.max_depth", 6}}),
                              trial(1, "baseline", 500, Json::object()),
                              trial(2, "xgboost", 190, {{"xgb.learning_rate", 0.05}}),
                              trial(3, "xgboost", 205, {{"xgb.max_depth", 4}})});
  facts.trials[2]["curve"] = {{{"epoch", 1}, {"value", 400.0}},
                              {{"epoch", 2}, {"value", 190.0}},
                              {{"epoch", 3}, {"value", 195.0}}};
  facts.study["decisions"] = {
      {{"what", "task"}, {"choice", "regression"}, {"reason", "\"price\" is a number"}}};
  Json evidence{{"format", 1},
                {"metric", "rmse"},
                {"rows", 200},
                {"scores",
                 {{"rmse", score(200, 180, 220)},
                  {"mae", score(150, 140, 160)},
                  {"r2", score(0.84, 0.8, 0.88)}}},
                {"importance",
                 importance("rmse", {{"area", 300}, {"rooms", 60}, {"age", 40}, {"street", -2}})},
                {"dependence", dependence_of_number()},
                {"answers",
                 {{"background", 25},
                  {"rows",
                   {{{"row", 3},
                     {"said", 700.0},
                     {"base", 400.0},
                     {"true", 650.0},
                     {"columns",
                      {{{"name", "area"}, {"value", 120.0}, {"effect", 350.0}},
                       {{"name", "street"}, {"value", "Elm"}, {"effect", -60.0}},
                       {{"name", "age"}, {"value", nullptr}, {"effect", 0.0}}}},
                     {"others", 10.0}}}}}},
                {"slices",
                 {{{"name", "area"},
                   {"parts",
                    {{{"from", 20.0}, {"to", 60.0}, {"rows", 100}, {"error", 40.0}},
                     {{"from", 61.0}, {"to", 200.0}, {"rows", 100}, {"error", 120.0}}}}}}},
                {"residuals",
                 {{"quantiles", {-300, -100, 5, 110, 320}},
                  {"from", -500.0},
                  {"to", 500.0},
                  {"counts", {1, 9, 40, 100, 42, 7, 1}}}},
                {"points", {{100.0, 120.0}, {900.0, 850.0}, {2000.0, 1800.0}}},
                {"bag", {{"folds", 5}, {"models", 10}, {"temperature", 1.0}}},
                {"candidates",
                 {candidate(nullptr, 1, 190, true, false),
                  candidate(2, 0.75, 192, true, true),
                  candidate(0, 0.25, 212, false, false)}},
                {"coverage", {{"level", 0.9}, {"rows", 200}, {"share", 0.88}, {"width", 640.0}}}};
  facts.report = {{"study", "s-0000aaaa"},
                  {"families", families(500, 190)},
                  {"evidence", evidence},
                  {"reproduce", "starling study reproduce s-0000aaaa"}};
  facts.dataset = {{"id", "d-0000bbbb"},
                   {"name", "houses"},
                   {"bytes", 54288},
                   {"rows", 1000},
                   {"sha", "0d931714"},
                   {"duplicate_rows", 0},
                   {"columns",
                    {column("area", "number", 0, 800),
                     column("rooms", "integer", 100, 8),
                     column("age", "integer", 0, 90),
                     column("street", "category", 0, 40),
                     column("price", "number", 0, 950)}},
                   {"relations", Json::array()},
                   {"warnings", Json::array()}};
  facts.generated = "2026-09-21 12:00 UTC";
  return facts;
}

ReportFacts binary_bag() {
  ReportFacts facts = regression_bag();
  facts.study = study("customers", "binary", "log_loss", "leaves");
  facts.study["result"]["validation"] = {{"log_loss", 0.32}, {"accuracy", 0.86}};
  facts.report["families"] = families(0.5, 0.31);
  Json& evidence = facts.report["evidence"];
  for (const char* part : {"residuals", "points", "coverage"})
    evidence.erase(part);
  evidence["metric"] = "log_loss";
  evidence["rows"] = 1000;
  evidence["scores"] = {{"log_loss", score(0.35, 0.33, 0.37)},
                        {"accuracy", score(0.85, 0.83, 0.87)},
                        {"roc_auc", score(0.9, 0.88, 0.92)}};
  evidence["importance"] = importance("log_loss", {{"age", 0.2}, {"area", 0.05}});
  evidence["dependence"] = {{"rows", 50},
                            {"columns", {moves("age", {1.0, 9.0}, {{0.9, 0.1}, {0.4, 0.6}})}}};
  evidence["slices"] = {{{"name", "street"},
                         {"parts",
                          {{{"level", "Elm"},
                            {"rows", 40},
                            {"hits", {{"share", 0.9}, {"low", 0.77}, {"high", 0.96}}}},
                           {{"level", "Oak"},
                            {"rows", 20},
                            {"hits", {{"share", 0.5}, {"low", 0.3}, {"high", 0.7}}}}}}}};
  evidence["answers"]["rows"][0].update(
      {{"class", 1}, {"true", 0}, {"said", 0.7}, {"base", 0.2}, {"others", 0.0}});
  evidence["answers"]["rows"][0]["columns"] = {{{"name", "age"}, {"value", 4.0}, {"effect", 0.5}}};
  evidence["classes"] = {"no", "yes"};
  evidence["rule"] = {{"threshold", 0.25}};
  evidence["confusion"] = {{700, 100}, {50, 150}};
  evidence["roc"] = {{0.0, 0.0}, {0.125, 0.75}, {1.0, 1.0}};
  evidence["pr"] = {{0.1, 1.0}, {0.75, 0.6}, {1.0, 0.2}};
  evidence["calibration"] = {{"error", 0.021},
                             {"bins",
                              {{{"rows", 800}, {"said", 0.1}, {"hits", 0.12}},
                               {{"rows", 200}, {"said", 0.8}, {"hits", 0.75}}}}};
  Json target = column("leaves", "boolean", 0, 2);
  target["top"] = {{{"value", "no"}, {"count", 3200}}, {{"value", "yes"}, {"count", 800}}};
  facts.dataset["columns"].push_back(target);
  return facts;
}

ReportFacts three_classes() {
  ReportFacts facts = binary_bag();
  facts.study["task"] = "multiclass";
  Json& evidence = facts.report["evidence"];
  evidence.erase("roc");
  evidence.erase("pr");
  evidence["dependence"]["columns"] = {
      moves("age", {1.0, 9.0}, {{0.5, 0.3, 0.2}, {0.2, 0.3, 0.5}}),
      moves("street", {"Elm", "Oak"}, {{0.5, 0.3, 0.2}, {0.2, 0.3, 0.5}})};
  evidence["classes"] = {"a", "b", "c"};
  evidence["rule"] = {{"class_factors", {1.0, 2.0, 14.0}}};
  evidence["confusion"] = {{50, 1, 0}, {2, 40, 3}, {0, 4, 30}};
  return facts;
}

ReportFacts refit_without_evidence() {
  ReportFacts facts = regression_bag();
  facts.study["final_model"] = "refit";
  facts.study["result"]["rows"]["validation"] = 160;
  facts.study["result"]["rows"]["train"] = 640;
  facts.report["evidence"] = nullptr;
  return facts;
}

std::vector<ReportFacts> all_examples() {
  return {regression_bag(), binary_bag(), three_classes(), refit_without_evidence(), {}};
}

std::string plain(std::string text) {
  for (std::size_t at = text.find("\u00A0"); at != std::string::npos; at = text.find("\u00A0"))
    text.replace(at, 2, " ");
  return text;
}

}  // namespace starling::web
