#include "bootstrap/client/commands.h"
#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/local_swarm.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/split_flags.h"
#include "bootstrap/client/study_session.h"
#include "ml/search/constraints.h"
#include "ml/search/family_spec.h"
#include "node/base/labels.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kLeaderboardRows = 10;

struct RunOptions : ClientOptions {
  std::string file;
  std::string target;
  std::uint64_t trials = 20;
  std::string time_limit;
  std::string metric;
  std::string name;
  std::string use_case;
  std::string engine;
  std::vector<std::string> families;
  std::string space;
  std::string pruner;
  std::string final_model;
  std::string class_weight;
  bool is_interpretable = false;
  double predict_ms = 0;
  double model_mb = 0;
  std::string out;
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> parallelism;
  int priority = 0;
  std::vector<std::string> required_labels;
  TableFlags table;
  SplitFlags split;
};

/// The split, with the data sets that only validate and test uploaded.
Result<Json> uploaded_split(SwarmClient& swarm, const RunOptions& options, Screen& screen) {
  if (options.split.test_file.empty()) return split_json(options.split);
  Json split{{"method", "datasets"}};
  const std::pair<const char*, const std::string*> files[]{
      {"validation", &options.split.validation_file}, {"test", &options.split.test_file}};
  for (const auto& [part, file] : files) {
    if (file->empty()) continue;
    const auto dataset = upload_once(swarm, *file, name_of_file(*file), options.table, screen);
    if (!dataset) return dataset.error();
    split[part] = text_field(*dataset, "id");
  }
  return as_result(std::move(split));
}

Json study_request(const RunOptions& options,
                   const std::string& dataset,
                   const std::string& name,
                   const Json& split) {
  Json request = {
      {"dataset", dataset}, {"target", options.target}, {"name", name}, {"trials", options.trials}};
  if (!split.is_null()) request["split"] = split;
  if (!options.time_limit.empty()) request["time_limit_s"] = *parse_duration(options.time_limit);
  if (!options.metric.empty()) request["metric"] = options.metric;
  if (!options.use_case.empty()) request["use_case"] = options.use_case;
  if (!options.engine.empty()) request["engine"] = options.engine;
  if (!options.families.empty()) request["families"] = options.families;
  if (!options.space.empty()) request["search_space"] = options.space;
  if (!options.pruner.empty()) request["pruner"] = options.pruner;
  if (!options.final_model.empty()) request["final"] = options.final_model;
  if (!options.class_weight.empty()) request["class_weight"] = options.class_weight;
  if (options.is_interpretable) request["constraints"]["interpretable"] = true;
  if (options.predict_ms > 0) request["constraints"]["predict_ms"] = options.predict_ms;
  if (options.model_mb > 0) request["constraints"]["model_mb"] = options.model_mb;
  if (options.seed) request["seed"] = *options.seed;
  if (options.parallelism) request["parallelism"] = *options.parallelism;
  if (options.priority != 0) request["priority"] = options.priority;
  if (!options.required_labels.empty())
    request["requires"] = parse_labels(options.required_labels, "--requires").value();
  return request;
}

/// True if the default address may be replaced by a node of one's own: nobody answers there.
bool needs_own_node(const RunOptions& options) {
  if (options.is_url_given) return false;
  HttpClient http;
  HttpCall call;
  call.url = options.url + "/healthz";
  const auto answer = http.send(call);
  return !answer && answer.error().code == Errc::unavailable;
}

Result<std::unique_ptr<LocalSwarm>> start_own_node(Screen& screen) {
  screen.say(fmt::format("No node answers at {}: starting one for this run only.", kDefaultUrl));
  LocalSwarmPlan plan;
  plan.nodes = 1;
  plan.slots = 0;
  auto swarm =
      LocalSwarm::start(plan, [&](const std::string& sentence) { screen.show_waiting(sentence); });
  screen.clear_shown();
  return swarm;
}

Result<std::string> fetch_model(SwarmClient& swarm, const Json& study, const std::string& out) {
  const Json& model = field(field(study, "result"), "model");
  const std::string name = text_field(model, "name");
  if (name.empty())
    return Error{Errc::not_found, "the study has ended, but without a model to download"};
  const std::string file = out.empty() ? name + ".starling.zip" : out;
  const auto path = fmt::format(
      "/api/v1/models/{}/versions/{}/download", url_encoded(name), count_field(model, "version"));
  const auto done = swarm.download(path, file);
  if (!done) return done.error();
  return file;
}

Ending run_study(SwarmClient& swarm, const RunOptions& options, Screen& screen, bool is_own_node) {
  const std::string name = options.name.empty() ? name_of_file(options.file) : options.name;
  TableFlags table = options.table;
  table.is_named = !options.name.empty();
  const auto dataset = upload_once(swarm, options.file, name, table, screen);
  if (!dataset) return dataset.error();
  screen.say(fmt::format("Data    {}: {}, {}",
                         printable(text_field(*dataset, "name")),
                         plural_text(count_field(*dataset, "rows"), "row"),
                         bytes_text(count_field(*dataset, "bytes"))));
  for (const Json& warning : field(*dataset, "warnings"))
    screen.say("        note: " + printable(value_text(warning)));
  const auto split = uploaded_split(swarm, options, screen);
  if (!split) return split.error();
  const auto created = swarm.post("/api/v1/studies",
                                  study_request(options, text_field(*dataset, "id"), name, *split));
  if (!created) return created.error();
  const std::string id = text_field(*created, "id");
  screen.say(fmt::format("Study   {} ({}): {} to predict \"{}\"",
                         printable(name),
                         printable(id),
                         plural_text(options.trials, "trial"),
                         printable(options.target)));
  if (const auto planned = swarm.get("/api/v1/studies/" + url_encoded(id)))
    for (const Json& decision : field(*planned, "decisions"))
      screen.say("        " + decision_text(decision));
  const auto study = watch_study(swarm, id, screen);
  if (!study && was_interrupted() && !is_own_node)
    return Error{
        Errc::timed_out,
        fmt::format("interrupted; the study goes on (starling study watch {0}; to stop it: "
                    "starling study cancel {0})",
                    id)};
  if (!study) return study.error();
  const auto shown = show_outcome(swarm, *study, kLeaderboardRows, screen);
  if (!shown) return shown.error();
  if (text_field(*study, "status") != "completed") {
    if (options.json) print_json(*study);
    screen.say(study_end_text(*study, screen.style()));
    return kFailed;
  }
  const auto file = fetch_model(swarm, *study, options.out);
  if (!file) return file.error();
  screen.say(
      fmt::format("\nModel   {0}\n        predict with it: starling predict {0} ROWS.csv", *file));
  if (options.json) {
    Json result = *study;
    result["artifact"] = *file;
    print_json(result);
  }
  return kDone;
}

Ending run(const RunOptions& options) {
  const InterruptGuard guard;
  Screen screen(people_file(options));
  if (!needs_own_node(options)) {
    auto swarm = client_of(options);
    if (!swarm) return swarm.error();
    return run_study(*swarm, options, screen, false);
  }
  const auto own = start_own_node(screen);
  if (!own) return own.error();
  SwarmClient swarm((*own)->url(), (*own)->token());
  auto ending = run_study(swarm, options, screen, true);
  if (ending || !was_interrupted()) return ending;
  screen.say("Interrupted: nothing is kept.");
  return kFailed;
}

std::string check_duration(const std::string& text) {
  if (parse_duration(text)) return "";
  return text + " is no time: write 90s, 10m or 1h30m";
}

std::string check_label(const std::string& text) {
  const auto parsed = parse_labels({text}, "--requires");
  return parsed ? "" : parsed.error().detail;
}

}  // namespace

void add_run_command(CLI::App& app, Chosen& chosen) {
  add_command<RunOptions>(
      app,
      "run",
      "Find and train the best model for a table, and save it",
      "Examples:\n"
      "  starling run insurance.csv --target charges\n"
      "  starling run churn.csv --target left --metric f1 --trials 100 --time-limit 30m\n"
      "  starling run visits.csv --target cost --split group:patient\n"
      "  starling run train.csv --target income --test test.csv\n"
      "Without --url, and with no node on this machine, it starts one for this run only.",
      chosen,
      run,
      [](CLI::App& command, RunOptions& options) {
        command.add_option("DATA", options.file, "CSV file")->required()->check(CLI::ExistingFile);
        command.add_option("--target", options.target, "Column to predict")->required();
        command.add_option("--trials", options.trials, "How many models to try")
            ->check(CLI::Range(1, 10'000))
            ->capture_default_str();
        command.add_option("--time-limit", options.time_limit, "Stop trying after this: 90s, 10m")
            ->check(CLI::Validator(check_duration, "TIME"));
        command.add_option("--metric",
                           options.metric,
                           "What is best: rmse, mae, r2, rmsle, mape, pinball; log_loss, accuracy, "
                           "f1, mcc, roc_auc, pr_auc, brier, ...");
        command.add_option("--seed", options.seed, "Same seed, same result (default: 42)");
        command.add_option(
            "--name", options.name, "Name of dataset, study and model (default: the file's)");
        command
            .add_option("--parallelism",
                        options.parallelism,
                        "Trials at a time (default: as many as the swarm has slots)")
            ->check(CLI::Range(1, 1'000));
        command
            .add_option("--priority",
                        options.priority,
                        "Studies of a greater one go first: -10 to 10 (default: 0)")
            ->check(CLI::Range(-10, 10));
        command
            .add_option("--requires",
                        options.required_labels,
                        "Only nodes with this label may run it: KEY=VALUE (repeatable)")
            ->check(CLI::Validator(check_label, "KEY=VALUE"))
            ->expected(1, static_cast<int>(kLabelsMax))
            ->allow_extra_args(false);
        command.add_option("--use-case",
                           options.use_case,
                           "What the model is for, in a sentence: \"small\", \"within 5 ms\" and "
                           "\"auditors\" are understood");
        command.add_flag("--interpretable",
                         options.is_interpretable,
                         "One model that can be read: linear, or a sum of shallow trees");
        command.add_option("--predict-ms", options.predict_ms, "What an answer may take, at most")
            ->check(CLI::Range(0.001, ml::kPredictMsMax));
        command
            .add_option(
                "--model-mb", options.model_mb, "How large the model's file may be, at most")
            ->check(CLI::Range(0.001, ml::kModelMbMax));
        command
            .add_option("--class-weight",
                        options.class_weight,
                        "balanced: rare classes count as much as common ones (default: none)")
            ->check(CLI::IsMember({"none", "balanced"}));
        command
            .add_option("--engine",
                        options.engine,
                        "What trains networks: native (the own kernels), or torch (LibTorch)")
            ->check(CLI::IsMember({"native", "torch"}));
        command
            .add_option("--families",
                        options.families,
                        "What to try, of baseline, linear, xgboost, mlp, realmlp, resnet, tabm "
                        "(default: the first four)")
            ->delimiter(',')
            ->check(CLI::IsMember(ml::kFamilyNames));
        command
            .add_option("--space",
                        options.space,
                        "What trials may try: default, or nexusops (another system's, to compare)")
            ->check(CLI::IsMember({"default", "nexusops"}));
        command
            .add_option("--pruner",
                        options.pruner,
                        "asha: end trials early that go worse than three of four (default: none)")
            ->check(CLI::IsMember({"none", "asha"}));
        command
            .add_option(
                "--final",
                options.final_model,
                "bag: blend the best, each trained on five folds (default); refit: train "
                "the best once more, small and quick to ask; refit_all: on the test rows too")
            ->check(CLI::IsMember({"bag", "refit", "refit_all"}));
        command.add_option("--out", options.out, "Model file (default: NAME.starling.zip)");
        add_split_flags(command, options.split);
        add_table_flags(command, options.table);
      });
}

}  // namespace starling::bootstrap
