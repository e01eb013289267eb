// Studies whose trials a program outside the swarm computes: docs/api.md, "Ask and tell".
#include "bootstrap/client/commands.h"
#include "bootstrap/client/study_session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>

namespace starling::bootstrap {
namespace {

constexpr std::uint64_t kLeaseMaxS = 604'800;

struct CreateOptions : ClientOptions {
  std::string file;
};

struct AskOptions : ClientOptions {
  std::string study;
  std::uint64_t lease_s = 600;
  std::uint64_t wait_s = 5;
};

struct TellOptions : ClientOptions {
  std::string study;
  std::uint64_t number = 0;
  std::uint64_t attempt = 0;  ///< its token
  std::optional<double> value;
  std::optional<std::uint32_t> step;
  std::string failed;
  bool pruned = false;
};

Result<std::string> content_of(const std::string& file) {
  if (file == "-") return std::string{std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{Errc::not_found, file + " cannot be read"};
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

Ending create(const CreateOptions& options) {
  const auto text = content_of(options.file);
  if (!text) return text.error();
  const Json request = Json::parse(*text, nullptr, false);
  if (!request.is_object())
    return Error{Errc::invalid_argument, options.file + " holds no JSON object"};
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto created = swarm->post("/api/v1/studies", request);
  if (!created) return created.error();
  if (options.json)
    print_json(*created);
  else
    Screen(stdout).say(text_field(*created, "id"));
  return kDone;
}

Ending ask(const AskOptions& options) {
  RetryPlan plan;
  plan.timeout += std::chrono::seconds(options.wait_s);
  auto swarm = client_of(options, plan);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const Json request{{"lease_s", options.lease_s}, {"wait_s", options.wait_s}};
  const auto trial = swarm->post(fmt::format("/api/v1/studies/{}/ask", url_encoded(*id)), request);
  if (!trial) return trial.error();
  print_json(*trial);
  return kDone;
}

/// What came of it, in the API's words.
Result<Json> outcome_of(const TellOptions& options) {
  Json outcome{{"number", options.number}, {"token", options.attempt}};
  if (!options.failed.empty()) {
    if (options.value || options.step || options.pruned)
      return Error{Errc::invalid_argument, "--failed takes no --value, --step or --pruned"};
    outcome["state"] = "failed";
    outcome["error"] = options.failed;
    return as_result(std::move(outcome));
  }
  if (!options.value && !options.pruned)
    return Error{Errc::invalid_argument, "say --value X, --pruned or --failed WHY"};
  if (options.pruned && options.step)
    return Error{Errc::invalid_argument, "--pruned is an end, --step is none: say one of them"};
  if (options.value) outcome["value"] = *options.value;
  if (options.pruned) outcome["state"] = "pruned";
  if (options.step) outcome["step"] = *options.step;
  return as_result(std::move(outcome));
}

Ending tell(const TellOptions& options) {
  const auto outcome = outcome_of(options);
  if (!outcome) return outcome.error();
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const auto told = swarm->post(fmt::format("/api/v1/studies/{}/tell", url_encoded(*id)), *outcome);
  if (!told) return told.error();
  print_json(*told);
  return kDone;
}

void declare_ask(CLI::App& command, AskOptions& options) {
  command.add_option("STUDY", options.study, "Id or name of the study")->required();
  command
      .add_option("--lease", options.lease_s, "Seconds after which another program gets the trial")
      ->check(CLI::Range(std::uint64_t{1}, kLeaseMaxS))
      ->capture_default_str();
  command.add_option("--wait", options.wait_s, "Seconds to wait for a trial where none waits")
      ->check(CLI::Range(0, 30))
      ->capture_default_str();
}

void declare_tell(CLI::App& command, TellOptions& options) {
  command.add_option("STUDY", options.study, "Id or name of the study")->required();
  command.add_option("--number", options.number, "The trial's number, as ask said it")->required();
  command.add_option("--attempt", options.attempt, "Its token, as ask said it")->required();
  command.add_option("--value", options.value, "What was computed: the end, or with --step so far");
  command.add_option("--step", options.step, "How far it has come; the lease begins anew");
  command.add_flag("--pruned", options.pruned, "It was given up");
  command.add_option("--failed", options.failed, "It could not be computed, and why");
}

}  // namespace

void add_outside_commands(CLI::App& studies, Chosen& chosen) {
  add_command<CreateOptions>(
      studies,
      "create",
      "Start a study as a JSON file describes it",
      "Prints its id. FILE is what POST /api/v1/studies takes; - reads it from stdin.\n"
      "Example:\n"
      "  echo '{\"task\":\"outside\",\"trials\":20,\"search_space\":\n"
      "    {\"x\":{\"type\":\"float\",\"low\":-5,\"high\":5}}}' | starling study create -",
      chosen,
      create,
      [](CLI::App& command, CreateOptions& options) {
        command.add_option("FILE", options.file, "The request")->required();
      });
  add_command<AskOptions>(studies,
                          "ask",
                          "Take the next trial of a study that your own program computes",
                          "Prints one line of JSON: number, token and params. Fails where none\n"
                          "waits or the study has ended.\n"
                          "Example: starling study ask s-1a2b3c4d --wait 5",
                          chosen,
                          ask,
                          declare_ask);
  add_command<TellOptions>(
      studies,
      "tell",
      "Say what came of a trial that was asked for",
      "Examples:\n"
      "  starling study tell s-1a2b3c4d --number 3 --attempt 117 --value 0.25\n"
      "  starling study tell s-1a2b3c4d --number 3 --attempt 117 --step 10 --value 0.4\n"
      "  starling study tell s-1a2b3c4d --number 3 --attempt 117 --failed \"no license\"",
      chosen,
      tell,
      declare_tell);
}

}  // namespace starling::bootstrap
