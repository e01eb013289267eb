#include "bootstrap/client/commands.h"
#include "bootstrap/client/demo_chaos.h"
#include "bootstrap/client/insurance_csv.h"
#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/local_swarm.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/study_session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <fstream>
#include <set>

namespace starling::bootstrap {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kLeaderboardRows = 5;
constexpr std::uint64_t kSeedOfChaos = 1;
constexpr std::chrono::milliseconds kChaosStep{200};

struct DemoOptions {
  std::size_t nodes = 3;
  std::uint64_t trials = 20;
  std::uint32_t slots = 1;
  bool keep = false;
  bool json = false;
};

/// Somebody of the table: what the model is asked at the end, and what really was charged.
const Json kPerson = {{"age", 19},
                      {"sex", "female"},
                      {"bmi", 27.9},
                      {"children", 0},
                      {"smoker", "yes"},
                      {"region", "southwest"}};
constexpr double kPersonCharges = 16884.924;

std::string phase(const char* name, const std::string& sentence, const Screen& screen) {
  return toned(fmt::format("{:<8}", name), Tone::strong, screen.style()) + sentence;
}

Result<std::unique_ptr<LocalSwarm>> start_swarm(const DemoOptions& options, Screen& screen) {
  LocalSwarmPlan plan;
  plan.nodes = options.nodes;
  plan.slots = options.slots;
  const auto started = Clock::now();
  auto swarm =
      LocalSwarm::start(plan, [&](const std::string& sentence) { screen.show_waiting(sentence); });
  screen.clear_shown();
  if (!swarm) return swarm.error();
  const std::chrono::duration<double> took = Clock::now() - started;
  screen.say(phase("Swarm",
                   fmt::format("{} found each other and chose a leader, in {}",
                               plural_text(options.nodes, "node"),
                               duration_text(took.count())),
                   screen));
  return swarm;
}

Result<Json> upload_table(SwarmClient& swarm, const LocalSwarm& local, Screen& screen) {
  const auto file = local.folder() / "insurance.csv";
  std::ofstream(file, std::ios::binary) << insurance_csv();
  const auto dataset = upload_once(swarm, file, "insurance", {}, screen);
  if (!dataset) return dataset.error();
  screen.say(phase("Data",
                   fmt::format("medical insurance: {} people, {} columns; to predict: charges",
                               count_text(count_field(*dataset, "rows")),
                               field(*dataset, "columns").size()),
                   screen));
  return dataset;
}

Result<Json> search(SwarmClient& swarm,
                    const DemoOptions& options,
                    const std::string& dataset,
                    Screen& screen) {
  const std::uint64_t slots = options.nodes * std::max<std::uint64_t>(options.slots, 1);
  const Json request = {{"dataset", dataset},
                        {"target", "charges"},
                        {"name", "insurance"},
                        {"trials", options.trials},
                        {"parallelism", std::max<std::uint64_t>(slots, 4)},
                        {"use_case", "What will a person's medical insurance be charged?"}};
  const auto created = swarm.post("/api/v1/studies", request);
  if (!created) return created.error();
  screen.say(phase("Search",
                   fmt::format("{} of linear models, trees and networks, spread over the nodes",
                               plural_text(options.trials, "trial")),
                   screen));
  return watch_study(swarm, text_field(*created, "id"), screen);
}

Result<Json> predict_person(SwarmClient& swarm, const std::string& model, Screen& screen) {
  const Json request = {{"rows", Json::array({kPerson})}};
  const auto answer = swarm.ask("/api/v1/models/" + url_encoded(model) + "/predict", request);
  if (!answer) return answer.error();
  const Json& predictions = field(*answer, "predictions");
  if (!predictions.is_array() || predictions.size() != 1 || !predictions[0].is_number())
    return Error{Errc::corrupt, "one row was asked, but the answer is " + answer->dump()};
  const double predicted = predictions[0].get<double>();
  screen.say(phase("Predict",
                   fmt::format("a woman of 19 who smokes, BMI 27.9, no children, southwest: {}\n"
                               "        what she was really charged: {}",
                               toned(number_text(predicted), Tone::strong, screen.style()),
                               number_text(kPersonCharges)),
                   screen));
  return as_result({{"row", kPerson}, {"predicted", predicted}, {"actual", kPersonCharges}});
}

std::size_t nodes_used(const Json& trials) {
  std::set<std::string> nodes;
  for (const Json& trial : field(trials, "trials"))
    if (const std::string node = text_field(trial, "node"); !node.empty()) nodes.insert(node);
  return nodes.size();
}

std::string address_of(const LocalSwarm& local) {
  return fmt::format("{}/#token={}", local.url(), local.token());
}

void keep_running(LocalSwarm& local, Screen& screen) {
  screen.say(fmt::format(
      "\nDashboard  {}\nAPI        {}\nToken      {}\nFolder     {}\n\n"
      "The swarm runs until Ctrl-C. The folder stays. The page \"Swarm\" can kill and stop "
      "its nodes.",
      address_of(local),
      local.url(),
      local.token(),
      local.folder().string()));
  DemoChaos chaos(local, kSeedOfChaos);
  while (pause_for(kChaosStep))
    chaos.step(Clock::now());
  screen.say("\nStopping the nodes.");
}

/// What --json prints at the end.
Json summary(const DemoOptions& options,
             const Json& study,
             const Json& trials,
             const Json& prediction,
             double seconds) {
  return {{"members", options.nodes},
          {"trials", field(trials, "trials").size()},
          {"nodes_used", nodes_used(trials)},
          {"seconds", std::round(seconds * 100) / 100},
          {"study", text_field(study, "id")},
          {"best", field(study, "best")},
          {"validation", field(field(study, "result"), "validation")},
          {"test", field(field(study, "result"), "test")},
          {"prediction", prediction}};
}

Ending show_end(SwarmClient& swarm,
                const LocalSwarm& local,
                const DemoOptions& options,
                const Json& study,
                Clock::time_point started,
                Screen& screen) {
  if (const auto shown = show_outcome(swarm, study, kLeaderboardRows, screen); !shown)
    return shown.error();
  if (text_field(study, "status") != "completed") {
    screen.say(study_end_text(study, screen.style()));
    return kFailed;
  }
  const auto prediction =
      predict_person(swarm, text_field(field(field(study, "result"), "model"), "name"), screen);
  if (!prediction) return prediction.error();
  const auto trials =
      swarm.get("/api/v1/studies/" + url_encoded(text_field(study, "id")) + "/trials");
  if (!trials) return trials.error();
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();
  screen.say(phase("Done",
                   fmt::format("{} on {}, in {}",
                               plural_text(field(*trials, "trials").size(), "trial"),
                               plural_text(nodes_used(*trials), "node"),
                               duration_text(seconds)),
                   screen));
  if (options.json) {
    Json line = summary(options, study, *trials, *prediction, seconds);
    if (options.keep) line["dashboard"] = address_of(local);
    print_json(line);
    std::fflush(stdout);
  }
  return kDone;
}

Ending demo_on(LocalSwarm& local,
               const DemoOptions& options,
               Clock::time_point started,
               Screen& screen) {
  if (options.keep) local.keep_folder();
  SwarmClient swarm(local.url(), local.token());
  const auto dataset = upload_table(swarm, local, screen);
  if (!dataset) return dataset.error();
  const auto study = search(swarm, options, text_field(*dataset, "id"), screen);
  if (!study) return study.error();
  const auto ending = show_end(swarm, local, options, *study, started, screen);
  if (ending && options.keep) keep_running(local, screen);
  return ending;
}

Ending demo(const DemoOptions& options) {
  const InterruptGuard guard;
  Screen screen(options.json ? stderr : stdout);
  const auto started = Clock::now();
  auto local = start_swarm(options, screen);
  Ending ending = local ? demo_on(**local, options, started, screen) : Ending(local.error());
  if (local) {
    screen.show_waiting("stopping the nodes");
    local->reset();
    screen.clear_shown();
  }
  if (ending || !was_interrupted()) return ending;
  screen.say("Interrupted: the nodes are stopped.");
  return kFailed;
}

}  // namespace

void add_demo_command(CLI::App& app, Chosen& chosen) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command = app.add_subcommand(
      "demo", "See a swarm of three nodes on this machine tune a model on real data");
  command->add_option("--nodes", options->nodes, "How many nodes to start")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command->add_option("--trials", options->trials, "How many models to try")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--slots", options->slots, "Trials at a time on each node")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_flag(
      "--keep", options->keep, "Leave the swarm and its dashboard running till Ctrl-C");
  command->add_flag("--json", options->json, "Print the outcome as one line of JSON");
  command->footer(
      "Examples:\n"
      "  starling demo\n"
      "  starling demo --nodes 5 --trials 40 --keep\n"
      "The data is in the program; ports are free ones; everything is removed at the end.");
  command->callback([options, &chosen] { chosen = [options] { return finish(demo(*options)); }; });
}

}  // namespace starling::bootstrap
