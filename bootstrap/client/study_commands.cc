#include "bootstrap/client/commands.h"
#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/study_compare.h"
#include "bootstrap/client/study_session.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace starling::bootstrap {
namespace {

constexpr std::size_t kLeaderboardRows = 10;

struct StudyOptions : ClientOptions {
  std::string study;
};

struct ExtendOptions : StudyOptions {
  std::uint64_t trials = 0;
};

struct ReportOptions : StudyOptions {
  std::string out;
};

struct TrialOptions : StudyOptions {
  std::uint64_t number = 0;
};

Ending list_studies(const ClientOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto studies = swarm->get("/api/v1/studies");
  if (!studies) return studies.error();
  if (options.json)
    print_json(*studies);
  else
    Screen(stdout).say(studies_text(*studies, style_of(stdout)));
  return kDone;
}

Ending show_study(const StudyOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const auto study = swarm->get("/api/v1/studies/" + url_encoded(*id));
  if (!study) return study.error();
  if (options.json) {
    print_json(*study);
    return kDone;
  }
  Screen screen(stdout);
  if (has_study_ended(*study))
    screen.say(study_end_text(*study, screen.style()));
  else
    screen.say(fmt::format("study {} ({}) {}: {}",
                           printable(text_field(*study, "name")),
                           printable(*id),
                           printable(text_field(*study, "status")),
                           progress_sentence(study_progress(*study, 0))));
  if (const auto shown = show_outcome(*swarm, *study, kLeaderboardRows, screen); !shown)
    return shown.error();
  return kDone;
}

Ending watch(const StudyOptions& options) {
  const InterruptGuard guard;
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  Screen screen(people_file(options));
  const auto study = watch_study(*swarm, *id, screen);
  if (!study) return study.error();
  if (options.json) {
    print_json(*study);
  } else {
    screen.say(study_end_text(*study, screen.style()));
    const auto shown = show_outcome(*swarm, *study, kLeaderboardRows, screen);
    if (!shown) return shown.error();
  }
  return text_field(*study, "status") == "completed" ? kDone : kFailed;
}

/// Asks for `action` and says `done` of the study, or prints it as JSON.
Ending change(const StudyOptions& options,
              const std::string& action,
              const Json& body,
              const std::string& done) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const auto study = swarm->post("/api/v1/studies/" + url_encoded(*id) + "/" + action, body);
  if (!study) return study.error();
  if (options.json)
    print_json(*study);
  else
    Screen(stdout).say(fmt::format("{} study {}", done, printable(*id)));
  return kDone;
}

Ending cancel(const StudyOptions& options) {
  return change(options, "cancel", Json::object(), "cancelled");
}

Ending pause(const StudyOptions& options) {
  return change(options, "pause", Json::object(), "paused");
}

Ending resume(const StudyOptions& options) {
  return change(options, "resume", Json::object(), "resumed");
}

Ending extend(const ExtendOptions& options) {
  const Json body{{"trials", options.trials}};
  return change(
      options, "extend", body, "asked for " + plural_text(options.trials, "more trial") + " of");
}

Ending say_comparison(const StudyComparison& comparison, Screen& screen) {
  constexpr std::size_t kShown = 10;
  const bool is_same = comparison.same == comparison.trials;
  screen.say(fmt::format("{} of {} are the same: parameters, prunings, values and epochs",
                         comparison.same,
                         plural_text(comparison.trials, "trial")));
  for (std::size_t i = 0; i < std::min(kShown, comparison.differences.size()); ++i)
    screen.say("  " + printable(comparison.differences[i]));
  if (comparison.differences.size() > kShown)
    screen.say(fmt::format("  and {} more", comparison.differences.size() - kShown));
  return is_same ? kDone : kFailed;
}

Ending reproduce(const StudyOptions& options) {
  const InterruptGuard guard;
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const std::string path = "/api/v1/studies/" + url_encoded(*id);
  const auto made = swarm->post(path + "/reproduce", Json::object());
  if (!made) return made.error();
  const std::string again = text_field(*made, "id");
  Screen screen(people_file(options));
  screen.say(fmt::format("study {} runs again as {}", printable(*id), printable(again)));
  const auto study = watch_study(*swarm, again, screen);
  if (!study) return study.error();
  const auto first = swarm->get(path + "/trials");
  if (!first) return first.error();
  const auto second = swarm->get("/api/v1/studies/" + url_encoded(again) + "/trials");
  if (!second) return second.error();
  const auto comparison = compare_trials(*first, *second);
  if (options.json) {
    const Json report{{"study", *id},
                      {"again", again},
                      {"trials", comparison.trials},
                      {"same", comparison.same},
                      {"differences", comparison.differences}};
    print_json(report);
  }
  return say_comparison(comparison, screen);
}

Ending list_trials(const StudyOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const std::string path = "/api/v1/studies/" + url_encoded(*id);
  const auto trials = swarm->get(path + "/trials");
  if (!trials) return trials.error();
  if (options.json) {
    print_json(*trials);
    return kDone;
  }
  const auto study = swarm->get(path);
  if (!study) return study.error();
  Screen(stdout).say(trials_text(*study, *trials, style_of(stdout)));
  return kDone;
}

Ending show_trial(const TrialOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const auto trial =
      swarm->get(fmt::format("/api/v1/studies/{}/trials/{}", url_encoded(*id), options.number));
  if (!trial) return trial.error();
  if (options.json)
    print_json(*trial);
  else
    Screen(stdout).say(trial_text(*trial, style_of(stdout)));
  return kDone;
}

Ending save_report(const ReportOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto id = find_study_id(*swarm, options.study);
  if (!id) return id.error();
  const std::filesystem::path out =
      options.out.empty() ? options.study + ".report.html" : options.out;
  const auto done =
      swarm->download(fmt::format("/api/v1/studies/{}/report.html", url_encoded(*id)), out);
  if (!done) return done.error();
  if (options.json)
    print_json({{"study", *id}, {"file", out.string()}});
  else
    Screen(stdout).say(fmt::format("the report of study {} is in {}", *id, out.string()));
  return kDone;
}

void declare_study(CLI::App& command, StudyOptions& options) {
  command.add_option("STUDY", options.study, "Id or name of the study")->required();
}

}  // namespace

void add_study_commands(CLI::App& app, Chosen& chosen) {
  CLI::App* studies = add_group(app, "study", "Searches for the best model");
  add_command<ClientOptions>(*studies,
                             "list",
                             "List the studies, newest first",
                             "Example: starling study list",
                             chosen,
                             list_studies,
                             [](CLI::App&, ClientOptions&) {});
  add_command<StudyOptions>(*studies,
                            "show",
                            "Show a study's state, best trials and metrics",
                            "Example: starling study show s-1a2b3c4d",
                            chosen,
                            show_study,
                            declare_study);
  add_command<StudyOptions>(*studies,
                            "watch",
                            "Follow a study until it has ended",
                            "Example: starling study watch insurance",
                            chosen,
                            watch,
                            declare_study);
  add_command<StudyOptions>(*studies,
                            "cancel",
                            "Stop a study",
                            "Example: starling study cancel s-1a2b3c4d",
                            chosen,
                            cancel,
                            declare_study);
  add_command<StudyOptions>(*studies,
                            "pause",
                            "Start nothing more of a study until it is resumed",
                            "What runs goes on to its end; the time limit stands still.\n"
                            "Example: starling study pause insurance",
                            chosen,
                            pause,
                            declare_study);
  add_command<StudyOptions>(*studies,
                            "resume",
                            "Go on with a paused study",
                            "Example: starling study resume insurance",
                            chosen,
                            resume,
                            declare_study);
  add_command<StudyOptions>(*studies,
                            "reproduce",
                            "Run a study once more and compare every trial",
                            "Ends with 1 if one differs. The reproduction is named NAME-again.\n"
                            "Example: starling study reproduce s-1a2b3c4d",
                            chosen,
                            reproduce,
                            declare_study);
  add_command<ExtendOptions>(
      *studies,
      "extend",
      "Try more, also where the study has ended",
      "The trials so far stay; the new best becomes the model's next version.\n"
      "Example: starling study extend insurance --trials 20",
      chosen,
      extend,
      [](CLI::App& command, ExtendOptions& options) {
        declare_study(command, options);
        command.add_option("--trials", options.trials, "How many more to try")
            ->required()
            ->check(CLI::Range(1, 10'000));
      });
  add_command<ReportOptions>(*studies,
                             "report",
                             "Save what a study found as one page to read, print or send",
                             "Example: starling study report insurance --out insurance.html",
                             chosen,
                             save_report,
                             [](CLI::App& command, ReportOptions& options) {
                               declare_study(command, options);
                               command.add_option(
                                   "--out", options.out, "File (default: STUDY.report.html)");
                             });
  add_outside_commands(*studies, chosen);
  CLI::App* trials = add_group(app, "trial", "What a study tried");
  add_command<StudyOptions>(*trials,
                            "list",
                            "List a study's trials",
                            "Example: starling trial list insurance",
                            chosen,
                            list_trials,
                            declare_study);
  add_command<TrialOptions>(
      *trials,
      "show",
      "Show one trial",
      "Example: starling trial show insurance 3",
      chosen,
      show_trial,
      [](CLI::App& command, TrialOptions& options) {
        declare_study(command, options);
        command.add_option("NUMBER", options.number, "The trial's number")->required();
      });
}

}  // namespace starling::bootstrap
