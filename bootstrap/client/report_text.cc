#include "bootstrap/client/report_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <set>
#include <vector>

namespace starling::bootstrap {
namespace {

std::string dot(const TextStyle& style) {
  return style.unicode ? " · " : ", ";
}

std::string time_text(const Json& object, const char* name) {
  const std::uint64_t ms = count_field(object, name);
  if (ms == 0) return "-";
  const auto seconds = static_cast<std::time_t>(ms / 1000);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(seconds));
}

/// "mlp.learning_rate" reads as "learning_rate": the family is the same for the whole table.
std::string short_name(const std::string& parameter) {
  const auto point = parameter.find('.');
  return point == std::string::npos ? parameter : parameter.substr(point + 1);
}

/// Of the study's limits; 0 where nothing is said of it.
double violation_of(const Json& trial) {
  const double said = number_field(trial, "violation");
  return said > 0 ? said : 0;
}

std::vector<Json> completed_best_first(const Json& study, const Json& trials) {
  std::vector<Json> completed;
  for (const Json& trial : field(trials, "trials"))
    if (text_field(trial, "state") == "completed" && field(trial, "value").is_number())
      completed.push_back(trial);
  const bool is_maximized = text_field(study, "direction") == "maximize";
  std::ranges::stable_sort(completed, [&](const Json& a, const Json& b) {
    if (violation_of(a) != violation_of(b)) return violation_of(a) < violation_of(b);
    const double x = number_field(a, "value");
    const double y = number_field(b, "value");
    return is_maximized ? x > y : x < y;
  });
  return completed;
}

/// The parameters in which `trials` differ; all of them if there is only one trial.
std::vector<std::string> differing_parameters(const std::vector<Json>& trials) {
  std::map<std::string, std::set<std::string>> values;
  for (const Json& trial : trials)
    for (const auto& [name, value] : field(trial, "params").items())
      values[name].insert(value.dump());
  std::vector<std::string> names;
  for (const auto& [name, different] : values)
    if (different.size() > 1 || trials.size() == 1) names.push_back(name);
  return names;
}

std::string params_text(const Json& params, const TextStyle& style) {
  std::string text;
  if (!params.is_object()) return "-";
  for (const auto& [name, value] : params.items())
    text += (text.empty() ? "" : dot(style)) + short_name(name) + " " + value_text(value);
  return text;
}

constexpr std::size_t kParameterColumnsMax = 12;  // of more no line would hold a trial

std::string seconds_text(const Json& trial) {
  const double seconds = number_field(trial, "seconds");
  return std::isnan(seconds) ? "-" : duration_text(seconds);
}

std::string or_dash(std::string text) {
  return text.empty() ? "-" : text;
}

std::string trials_done_text(const Json& study) {
  const Progress progress = study_progress(study, 0);
  return fmt::format("{}/{}", count_text(progress.done), count_text(progress.total));
}

std::string line(const char* name, const std::string& value) {
  return fmt::format("  {:<12} {}\n", name, printable(value));
}

}  // namespace

std::string value_text(const Json& value) {
  if (value.is_number_integer()) return value.dump();
  if (value.is_number()) return number_text(value.get<double>());
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? "-" : value.dump();
}

std::string leaderboard_text(const Json& study,
                             const Json& trials,
                             std::size_t rows,
                             const TextStyle& style) {
  auto best = completed_best_first(study, trials);
  if (best.empty()) return "  no trial has completed\n";
  auto parameters = differing_parameters(best);
  std::string below;
  if (parameters.size() > kParameterColumnsMax) {
    below = fmt::format("\n  trial {}: {}\n",
                        value_text(field(best[0], "number")),
                        params_text(field(best[0], "params"), style));
    std::erase_if(parameters, [](const std::string& name) { return name != "family"; });
  }
  best.resize(std::min(best.size(), rows));
  TextTable table;
  table.columns = {{"#", Align::right},
                   {"trial", Align::right},
                   {or_dash(text_field(study, "metric")), Align::right}};
  for (const auto& name : parameters)
    table.columns.push_back({short_name(name), Align::right});
  table.columns.push_back({"epochs", Align::right});
  table.columns.push_back({"time", Align::right});
  table.columns.push_back({"node", Align::left});
  for (const Json& trial : best) {
    std::vector<std::string> cells = {std::to_string(table.rows.size() + 1),
                                      value_text(field(trial, "number")),
                                      value_text(field(trial, "value"))};
    for (const auto& name : parameters)
      cells.push_back(value_text(field(field(trial, "params"), name.c_str())));
    cells.push_back(value_text(field(trial, "epochs")));
    cells.push_back(seconds_text(trial));
    cells.push_back(or_dash(text_field(trial, "node_name")));
    table.rows.push_back(std::move(cells));
  }
  return table_text(table, style) + below;
}

std::string metrics_text(const Json& metrics, const std::string& first, const TextStyle& style) {
  if (!metrics.is_object() || metrics.empty()) return "-";
  std::string text;
  const auto add = [&](const std::string& name, const Json& value) {
    text += (text.empty() ? "" : dot(style)) + printable(name) + " " + value_text(value);
  };
  if (metrics.contains(first)) add(first, metrics[first]);
  for (const auto& [name, value] : metrics.items())
    if (name != first) add(name, value);
  return text;
}

std::string decision_text(const Json& decision) {
  return fmt::format("{}: {} ({})",
                     printable(text_field(decision, "what")),
                     printable(text_field(decision, "choice")),
                     printable(text_field(decision, "reason")));
}

/// What is done of the final model.
std::string final_note(const Json& study) {
  const Json& job = field(study, "final");
  const std::size_t fits = count_field(job, "fits");
  if (fits == 0) return "training the final model";
  const std::size_t done = count_field(job, "fits_done");
  return done < fits ? fmt::format("training the best on folds, {} of {}", done, fits)
                     : "putting the final model together";
}

Progress study_progress(const Json& study, double seconds) {
  const Json& trials = field(study, "trials");
  Progress progress;
  for (const char* state : {"completed", "pruned", "failed", "infeasible", "cancelled"})
    progress.done += count_field(trials, state);
  progress.total = count_field(trials, "requested");
  progress.running = count_field(trials, "running");
  progress.seconds = seconds;
  const Json& best = field(study, "best");
  if (field(best, "value").is_number())
    progress.best = text_field(study, "metric") + " " + value_text(field(best, "value"));
  if (text_field(study, "status") == "finishing") progress.note = final_note(study);
  const std::string waiting = text_field(study, "waiting_reason");
  if (!waiting.empty()) progress.note = waiting;
  return progress;
}

std::string study_end_text(const Json& study, const TextStyle& style) {
  const std::string status = text_field(study, "status");
  const bool is_good = status == "completed";
  std::string text = fmt::format("study {} ({}) {}",
                                 printable(text_field(study, "name")),
                                 printable(text_field(study, "id")),
                                 printable(status));
  const std::string reason = text_field(study, "stop_reason");
  const std::string error = text_field(field(study, "final"), "error");
  if (!reason.empty() && reason != status) text += ": " + printable(reason);
  if (!is_good && !error.empty()) text += ": " + printable(error);
  return toned(text, is_good ? Tone::good : Tone::bad, style) + "\n";
}

std::string result_text(const Json& study, const TextStyle& style) {
  const Json& result = field(study, "result");
  if (!result.is_object()) return "";
  const std::string metric = text_field(study, "metric");
  const Json& rows = field(result, "rows");
  const auto part = [&](const char* name, const char* words) {
    return fmt::format(
        "  {:<11} {}  {}\n",
        name,
        toned(metrics_text(field(result, name), metric, style), Tone::strong, style),
        toned(fmt::format("({}: {})", plural_text(count_field(rows, name), "row"), words),
              Tone::quiet,
              style));
  };
  return part("validation", "they chose among the trials") + part("test", "no trial ever saw them");
}

std::string datasets_text(const Json& datasets, const TextStyle& style) {
  TextTable table;
  table.columns = {{"id"}, {"name"}, {"rows", Align::right}, {"size", Align::right}, {"added"}};
  for (const Json& dataset : field(datasets, "datasets"))
    table.rows.push_back({text_field(dataset, "id"),
                          text_field(dataset, "name"),
                          count_text(count_field(dataset, "rows")),
                          bytes_text(count_field(dataset, "bytes")),
                          time_text(dataset, "created_ms")});
  if (table.rows.empty()) return "No datasets yet. Add one: starling dataset add DATA.csv\n";
  return table_text(table, style);
}

std::string dataset_text(const Json& dataset, const TextStyle& style) {
  std::string text = fmt::format("{} ({}): {}, {}\n\n",
                                 printable(text_field(dataset, "name")),
                                 printable(text_field(dataset, "id")),
                                 plural_text(count_field(dataset, "rows"), "row"),
                                 bytes_text(count_field(dataset, "bytes")));
  TextTable table;
  table.columns = {{"column"},
                   {"type"},
                   {"missing", Align::right},
                   {"distinct", Align::right},
                   {"min", Align::right},
                   {"mean", Align::right},
                   {"max", Align::right},
                   {"most frequent"}};
  for (const Json& column : field(dataset, "columns")) {
    std::string top;
    for (const Json& level : field(column, "top"))
      if (top.size() < 40)
        top += fmt::format("{}{} ({})",
                           top.empty() ? "" : ", ",
                           text_field(level, "value"),
                           count_field(level, "count"));
    table.rows.push_back({text_field(column, "name"),
                          text_field(column, "type"),
                          count_text(count_field(column, "missing")),
                          count_text(count_field(column, "distinct")),
                          value_text(field(column, "min")),
                          value_text(field(column, "mean")),
                          value_text(field(column, "max")),
                          top});
  }
  text += table_text(table, style);
  for (const Json& warning : field(dataset, "warnings"))
    text += "note: " + printable(value_text(warning)) + "\n";
  return text;
}

std::string studies_text(const Json& studies, const TextStyle& style) {
  TextTable table;
  table.columns = {{"id"},
                   {"name"},
                   {"status"},
                   {"trials", Align::right},
                   {"metric"},
                   {"best", Align::right},
                   {"target"},
                   {"created"}};
  for (const Json& study : field(studies, "studies"))
    table.rows.push_back({text_field(study, "id"),
                          text_field(study, "name"),
                          text_field(study, "status"),
                          trials_done_text(study),
                          text_field(study, "metric"),
                          value_text(field(field(study, "best"), "value")),
                          text_field(study, "target"),
                          time_text(study, "created_ms")});
  if (table.rows.empty())
    return "No studies yet. Start one: starling run DATA.csv --target COLUMN\n";
  return table_text(table, style);
}

std::string trials_text(const Json& study, const Json& trials, const TextStyle& style) {
  TextTable table;
  const std::string metric = text_field(study, "metric");
  table.columns = {{"trial", Align::right},
                   {"state"},
                   {metric.empty() ? "value" : metric, Align::right},
                   {"epochs", Align::right},
                   {"time", Align::right},
                   {"node"},
                   {"parameters"}};
  for (const Json& trial : field(trials, "trials")) {
    const std::string error = text_field(trial, "error");
    table.rows.push_back({value_text(field(trial, "number")),
                          text_field(trial, "state"),
                          value_text(field(trial, "value")),
                          value_text(field(trial, "epochs")),
                          seconds_text(trial),
                          or_dash(text_field(trial, "node_name")),
                          error.empty() ? params_text(field(trial, "params"), style) : error});
  }
  if (table.rows.empty()) return "No trials yet.\n";
  return table_text(table, style);
}

std::string trial_text(const Json& trial, const TextStyle& style) {
  std::string text = fmt::format(
      "trial {}: {}\n", value_text(field(trial, "number")), printable(text_field(trial, "state")));
  text += line("value", value_text(field(trial, "value")));
  text += line("metrics", metrics_text(field(trial, "metrics"), "", style));
  text += line("parameters", params_text(field(trial, "params"), style));
  text += line("node", or_dash(text_field(trial, "node_name")));
  text += line("attempts", value_text(field(trial, "attempts")));
  for (const Json& past : field(trial, "past_attempts")) {
    text += line("",
                 fmt::format("{} on {}: {}",
                             text_field(past, "cause"),
                             or_dash(text_field(past, "node_name")),
                             text_field(past, "reason")));
  }
  text += line("epochs",
               fmt::format("{} (best: {})",
                           value_text(field(trial, "epochs")),
                           value_text(field(trial, "best_epoch"))));
  text += line("time", seconds_text(trial));
  text += line("memory",
               fmt::format("{} MB, {} MB predicted",
                           value_text(field(trial, "peak_mb")),
                           value_text(field(trial, "predicted_peak_mb"))));
  if (!text_field(trial, "error").empty()) text += line("error", text_field(trial, "error"));
  return text;
}

std::string models_text(const Json& models, const TextStyle& style) {
  TextTable table;
  table.columns = {{"name"},
                   {"version", Align::right},
                   {"task"},
                   {"target"},
                   {"test"},
                   {"size", Align::right},
                   {"made"}};
  for (const Json& model : field(models, "models")) {
    const Json& versions = field(model, "versions");
    const Json latest = versions.is_array() && !versions.empty() ? versions.back() : Json();
    table.rows.push_back({text_field(model, "name"),
                          value_text(field(model, "latest")),
                          text_field(latest, "task"),
                          text_field(latest, "target"),
                          metrics_text(field(latest, "test"), text_field(latest, "metric"), style),
                          bytes_text(count_field(latest, "bytes")),
                          time_text(latest, "created_ms")});
  }
  if (table.rows.empty())
    return "No models yet. Train one: starling run DATA.csv --target COLUMN\n";
  return table_text(table, style);
}

std::string model_text(const Json& model, const TextStyle& style) {
  std::string text = printable(text_field(model, "name")) + "\n\n";
  TextTable table;
  table.columns = {{"version", Align::right}, {"study"}, {"validation"}, {"test"}, {"made"}};
  Json latest;
  for (const Json& version : field(model, "versions")) {
    const std::string metric = text_field(version, "metric");
    table.rows.push_back({value_text(field(version, "version")),
                          text_field(version, "study"),
                          metrics_text(field(version, "validation"), metric, style),
                          metrics_text(field(version, "test"), metric, style),
                          time_text(version, "created_ms")});
    latest = version;
  }
  text += table_text(table, style) + "\n";
  std::string features;
  for (const Json& feature : field(latest, "features"))
    features += (features.empty() ? "" : ", ") + text_field(feature, "name");
  text += line("predicts",
               fmt::format("{} ({})", text_field(latest, "target"), text_field(latest, "task")));
  text += line("from", features);
  text += line("parameters", params_text(field(latest, "params"), style));
  return text;
}

std::string members_text(const Json& swarm, const TextStyle& style) {
  TextTable table;
  table.columns = {{"name"},
                   {"state"},
                   {"role"},
                   {"trials", Align::right},
                   {"memory free", Align::right},
                   {"peers"},
                   {"dashboard"},
                   {"id"}};
  for (const Json& member : field(swarm, "members")) {
    const Json& memory = field(member, "memory");
    const bool is_leader = field(member, "is_leader") == Json(true);
    table.rows.push_back(
        {text_field(member, "name"),
         text_field(member, "state"),
         text_field(member, "role") + (is_leader ? " (leader)" : "") +
             (field(member, "draining") == Json(true) ? " (draining)" : ""),
         fmt::format("{}/{}", count_field(member, "trials_running"), count_field(member, "slots")),
         fmt::format("{} of {} MB",
                     count_text(count_field(memory, "free_mb")),
                     count_text(count_field(memory, "budget_mb"))),
         text_field(member, "address"),
         text_field(member, "http"),
         text_field(member, "id").substr(0, 8)});
  }
  std::string text = table_text(table, style);
  if (!field(swarm, "leader").is_string()) text += "No leader now: the swarm decides nothing.\n";
  for (const Json& note : field(swarm, "notes"))
    text += "note: " + printable(value_text(note)) + "\n";
  return text;
}

}  // namespace starling::bootstrap
