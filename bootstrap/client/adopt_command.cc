// starling adopt: what another swarm holds becomes a part of this one.
#include "bootstrap/client/commands.h"
#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/other_state.h"
#include "bootstrap/client/temporary_folder.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <optional>

namespace starling::bootstrap {
namespace {

struct AdoptOptions : ClientOptions {
  std::string from;  ///< a URL or a backup
  std::string from_token_file;
  std::filesystem::path blobs;
  bool is_stale = false;
};

bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

/// The other swarm: one that lives, or what is left of it.
class Source {
 public:
  /// Errors: `invalid_argument` (options), `io`, those of the API.
  static Result<Source> open(const AdoptOptions& options) {
    auto folder = TemporaryFolder::make();
    if (!folder) return folder.error();
    Source source;
    source.folder_ = std::move(*folder);
    source.blobs_ = options.blobs;
    source.backup_ = options.from;
    if (!is_url(options.from)) {
      if (options.blobs.empty()) {
        return Error{Errc::invalid_argument,
                     "a backup names data sets and models, but does not hold them: give --blobs "
                     "DIR, the blobs/ of some member of that swarm or a copy of it"};
      }
      return source;
    }
    ClientOptions other;
    other.url = options.from;
    other.token_file = options.from_token_file;
    auto client = client_of(other);
    if (!client) return client.error();
    source.client_ = std::move(*client);
    source.backup_ = source.folder_->path() / "backup";
    const std::string consistency = options.is_stale ? "local" : "linearizable";
    const auto loaded =
        source.client_->download("/api/v1/swarm/backup?consistency=" + consistency, source.backup_);
    if (!loaded) return loaded.error();
    return source;
  }

  Result<OtherState> state() const {
    std::ifstream file{backup_, std::ios::binary};
    if (!file) return Error{Errc::not_found, fmt::format("{} cannot be read", backup_.string())};
    return OtherState::read(ml::source_of(file));
  }

  /// The file that holds it. Errors: `not_found`, those of the API.
  Result<std::filesystem::path> blob(const ContentHash& hash) {
    const std::string name = hash.hex();
    if (!client_) {
      const auto path = blobs_ / name.substr(0, 2) / name;
      std::error_code failed;
      if (std::filesystem::is_regular_file(path, failed)) return path;
      return Error{Errc::not_found, fmt::format("--blobs: there is no {}", path.string())};
    }
    const auto path = folder_->path() / name;
    const auto loaded = client_->download("/api/v1/blobs/" + name, path);
    if (!loaded) return loaded.error();
    return path;
  }

  /// It was sent; what was only copied for that goes.
  void drop(const std::filesystem::path& file) {
    std::error_code ignored;  // the folder goes at the end anyway
    if (client_) std::filesystem::remove(file, ignored);
  }

 private:
  std::unique_ptr<TemporaryFolder> folder_;
  std::optional<SwarmClient> client_;
  std::filesystem::path backup_;
  std::filesystem::path blobs_;
};

struct Count {
  std::size_t added = 0;
  std::size_t were_there = 0;
};

struct Failure {
  std::string what;
  Error error;
};

struct Report {
  Count datasets;
  Count studies;
  Count registers;
  std::vector<std::string> kept_registers;
  std::vector<Failure> failures;
  std::optional<Error> stopped_by;  ///< nothing after it was tried
};

class Adoption {
 public:
  Adoption(SwarmClient& swarm, Source& source, SwarmId from, Screen& screen)
      : swarm_(swarm), source_(source), from_(from), screen_(screen) {}

  /// Whether this swarm can adopt at all; nothing is changed otherwise.
  Result<> begin() {
    const auto answer = post("", 0);
    if (answer) return {};
    if (answer.error().code != Errc::not_found) return answer.error();
    return Error{Errc::unsupported, "the node of --url knows no adoption: update it first"};
  }

  void take(const std::vector<Adoptable>& all, Count& count) {
    for (std::size_t i = 0; i < all.size() && goes_on(); ++i) {
      screen_.show_waiting(fmt::format("{} ({} of {})", all[i].name, i + 1, all.size()));
      const auto added = send(all[i]);
      if (!added) {
        failed(all[i].name, added.error());
      } else {
        ++(*added ? count.added : count.were_there);
        screen_.say(fmt::format("{}: {}", all[i].name, *added ? "adopted" : "was here already"));
      }
    }
  }

  void take(const std::vector<ml::Register>& all) {
    for (std::size_t i = 0; i < all.size() && goes_on(); ++i) {
      const auto put = swarm_.put_new("/api/v1/registers/" + url_encoded(all[i].key), all[i].value);
      if (put) {
        ++report.registers.added;
      } else if (put.error().code == Errc::conflict) {
        ++report.registers.were_there;
        report.kept_registers.push_back(all[i].key);
      } else {
        failed("register " + all[i].key, put.error());
      }
    }
  }

  Report report;

 private:
  bool goes_on() {
    if (was_interrupted() && !report.stopped_by)
      report.stopped_by = Error{Errc::unavailable, "interrupted"};
    return !report.stopped_by;
  }

  /// What is wrong with the swarm, not with this thing, ends the work.
  void failed(const std::string& what, const Error& error) {
    const bool is_swarms = error.code == Errc::unavailable || error.code == Errc::timed_out ||
                           error.code == Errc::unauthorized || error.code == Errc::no_space;
    if (is_swarms) report.stopped_by = error;
    report.failures.push_back({what, error});
  }

  /// Whether it was new.
  Result<bool> send(const Adoptable& thing) {
    bool is_new = false;
    for (const std::string& piece : thing.pieces) {
      auto answer = post(piece, thing.trials);
      // What it needs is sent only where it is not there yet.
      if (!answer && answer.error().code == Errc::not_found && !thing.blobs.empty()) {
        if (auto sent = send_blobs(thing); !sent) return sent.error();
        answer = post(piece, thing.trials);
      }
      if (!answer) return answer.error();
      is_new = number_field(*answer, "added") > 0;
    }
    return is_new;
  }

  Result<Json> post(const std::string& piece, std::uint32_t trials) {
    return swarm_.post_bytes(
        fmt::format("/api/v1/swarm/adopt?from={}&trials={}", from_.hex(), trials), piece);
  }

  Result<> send_blobs(const Adoptable& thing) {
    for (const ContentHash& hash : thing.blobs) {
      const auto file = source_.blob(hash);
      if (!file) return file.error();
      const auto sent = swarm_.put_file("/api/v1/blobs/" + hash.hex(), *file);
      source_.drop(*file);
      if (!sent) return sent.error();
    }
    return {};
  }

  SwarmClient& swarm_;
  Source& source_;
  SwarmId from_;
  Screen& screen_;
};

Json json_of(const Report& report, SwarmId from) {
  const auto counts = [](const Count& count) {
    return Json{{"adopted", count.added}, {"were_there", count.were_there}};
  };
  Json json{{"from", from.hex()},
            {"datasets", counts(report.datasets)},
            {"studies", counts(report.studies)},
            {"registers", counts(report.registers)},
            {"kept_registers", report.kept_registers},
            {"failed", Json::array()}};
  for (const auto& [what, error] : report.failures)
    json["failed"].push_back(
        {{"what", what}, {"code", to_string(error.code)}, {"why", error.detail}});
  json["is_complete"] = report.failures.empty() && !report.stopped_by;
  return json;
}

void tell(const Report& report, SwarmId from, Screen& screen) {
  screen.say(fmt::format(
      "From swarm {}: {} datasets and {} studies with their models adopted, {} were here already; "
      "{} registers taken over.",
      from.hex().substr(0, 8),
      report.datasets.added,
      report.studies.added,
      report.datasets.were_there + report.studies.were_there,
      report.registers.added));
  if (!report.kept_registers.empty())
    screen.say(fmt::format("Registers that exist here stay as they are: {}",
                           fmt::join(report.kept_registers, ", ")));
  for (const auto& [what, error] : report.failures)
    screen.say(fmt::format("{} was not adopted: {}", what, error.detail));
  if (report.stopped_by) screen.say(fmt::format("It stopped there: {}", report.stopped_by->detail));
  if (!report.failures.empty() || report.stopped_by)
    screen.say("Run it again when that is mended: what is here already is left as it is.");
}

Ending adopt(const AdoptOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const InterruptGuard guard;
  Screen screen(people_file(options));
  screen.show_waiting("reading what the other swarm holds");
  auto source = Source::open(options);
  if (!source) return source.error();
  const auto state = source->state();
  if (!state) return state.error();
  Adoption adoption{*swarm, *source, state->swarm(), screen};
  if (auto can = adoption.begin(); !can) return can.error();
  adoption.take(state->datasets(), adoption.report.datasets);
  adoption.take(state->studies(), adoption.report.studies);
  adoption.take(state->registers());
  const Report& report = adoption.report;
  if (options.json)
    print_json(json_of(report, state->swarm()));
  else
    tell(report, state->swarm(), screen);
  if (report.stopped_by) return exit_code_of(*report.stopped_by);
  return report.failures.empty() ? kDone : kFailed;
}

}  // namespace

void add_adopt_command(CLI::App& app, Chosen& chosen) {
  add_command<AdoptOptions>(
      app,
      "adopt",
      "Take over the datasets, studies, models and registers of another swarm",
      "Examples:\n"
      "  starling adopt http://other-node:8400 --from-token-file other-token\n"
      "  starling adopt other.backup --blobs /mnt/other-node/blobs\n"
      "What is here stays as it is; it may be run again. Studies that had not ended go on here: "
      "end "
      "the other swarm afterwards.",
      chosen,
      adopt,
      [](CLI::App& command, AdoptOptions& options) {
        command
            .add_option("FROM", options.from, "A node of the other swarm (http://...), or a backup")
            ->required();
        command
            .add_option(
                "--from-token-file", options.from_token_file, "File with the other swarm's token")
            ->check(CLI::ExistingFile);
        command
            .add_option(
                "--blobs", options.blobs, "With a backup: the blobs/ of a member of that swarm")
            ->check(CLI::ExistingDirectory);
        command.add_flag("--stale",
                         options.is_stale,
                         "Take what that node has, though no leader can say whether it is the "
                         "newest");
      });
}

}  // namespace starling::bootstrap
