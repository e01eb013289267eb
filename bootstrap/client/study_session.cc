#include "bootstrap/client/study_session.h"

#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/report_text.h"
#include "node/base/clock.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <optional>
#include <vector>

namespace starling::bootstrap {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Since the study began, by the clocks of two machines; never negative.
double seconds_before(const Json& study) {
  const std::uint64_t started = count_field(study, "created_ms");
  const std::uint64_t now = wall_now_ms();
  return started == 0 || now < started ? 0 : static_cast<double>(now - started) / 1000;
}

Result<ContentHash> hash_of_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  ContentHasher hasher;
  std::vector<char> piece(1 << 20);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    hasher.update(std::as_bytes(std::span(piece).first(static_cast<std::size_t>(in.gcount()))));
  }
  if (!in.eof()) return Error{Errc::io, fmt::format("{} cannot be read", file.string())};
  return hasher.finish();
}

Result<Json> upload_as(SwarmClient& swarm,
                       const std::filesystem::path& file,
                       const std::string& name,
                       const std::string& query,
                       Screen& screen) {
  const auto started = Clock::now();
  const auto transferred = [&](std::uint64_t done, std::uint64_t total) {
    // A bar for what takes a blink only flickers.
    if (total < (8u << 20)) return;
    screen.show({.done = done >> 20,
                 .total = total >> 20,
                 .unit = "MiB sent",
                 .seconds = seconds_since(started),
                 .best = {},
                 .note = {}});
  };
  auto dataset =
      swarm.upload("/api/v1/datasets?name=" + url_encoded(name) + query, file, transferred);
  screen.clear_shown();
  return dataset;
}

Result<std::string> find_id(SwarmClient& swarm,
                            const std::string& kind,
                            const std::string& prefix,
                            const std::string& id_or_name) {
  // Ids are a letter, a dash and 8 digits; anything else is a name.
  if (id_or_name.starts_with(prefix) && id_or_name.size() == 10) return id_or_name;
  const auto all = swarm.get("/api/v1/" + kind);
  if (!all) return all.error();
  for (const Json& one : field(*all, kind.c_str()))
    if (text_field(one, "name") == id_or_name) return text_field(one, "id");
  return Error{Errc::not_found, fmt::format("there is no \"{}\" among the {}", id_or_name, kind)};
}

}  // namespace

bool has_study_ended(const Json& study) {
  const std::string status = text_field(study, "status");
  return status == "completed" || status == "failed" || status == "cancelled";
}

Result<Json> watch_study(SwarmClient& swarm,
                         const std::string& id,
                         Screen& screen,
                         const WatchPlan& plan) {
  swarm.on_move([&](const std::string& from, const std::string& to) {
    screen.say(fmt::format("  {} does not answer any more; watching through {}", from, to));
  });
  const auto started = Clock::now();
  auto last_answer = started;
  auto last_members = started;
  std::optional<double> before;
  static_cast<void>(swarm.learn_members());
  Result<Json> outcome = Error{Errc::timed_out, "interrupted; the study goes on"};
  while (!was_interrupted()) {
    auto study = swarm.get("/api/v1/studies/" + url_encoded(id));
    const bool is_worth_waiting = !study && (study.error().code == Errc::unavailable ||
                                             study.error().code == Errc::timed_out);
    if (study) {
      last_answer = Clock::now();
      if (!before) before = has_study_ended(*study) ? 0 : seconds_before(*study);
      screen.show(study_progress(*study, *before + seconds_since(started)));
    }
    const bool is_too_late = !study && Clock::now() - last_answer > plan.patience;
    if ((!study && !is_worth_waiting) || is_too_late || (study && has_study_ended(*study))) {
      outcome = std::move(study);
      break;
    }
    if (!pause_for(plan.interval)) break;
    if (study && Clock::now() - last_members > std::chrono::seconds(2)) {
      // Who can stand in changes while the study runs.
      static_cast<void>(swarm.learn_members());
      last_members = Clock::now();
    }
  }
  screen.keep_shown();
  swarm.on_move({});
  return outcome;
}

Result<Json> upload_once(SwarmClient& swarm,
                         const std::filesystem::path& file,
                         const std::string& name,
                         const TableFlags& flags,
                         Screen& screen) {
  const auto hash = hash_of_file(file);
  if (!hash) return hash.error();
  const auto all = swarm.get("/api/v1/datasets");
  if (!all) return all.error();
  const std::string query = query_of(flags);
  const std::string other_name =
      name.substr(0, 55) + "-" + hash_of(to_bytes(hash->hex() + query)).hex().substr(0, 8);
  // A name that says nothing of the flags is for the file as it is.
  const std::string& wanted = query.empty() || flags.is_named ? name : other_name;
  for (const Json& dataset : field(*all, "datasets")) {
    const std::string known = text_field(dataset, "name");
    const bool is_it = known == other_name || (known == wanted && query.empty());
    if (is_it && text_field(dataset, "sha") == hash->hex())
      return swarm.get("/api/v1/datasets/" + url_encoded(text_field(dataset, "id")));
  }
  auto dataset = upload_as(swarm, file, wanted, query, screen);
  if (dataset || dataset.error().code != Errc::conflict || wanted == other_name) return dataset;
  return upload_as(swarm, file, other_name, query, screen);
}

Result<> show_outcome(SwarmClient& swarm, const Json& study, std::size_t rows, Screen& screen) {
  const auto trials =
      swarm.get("/api/v1/studies/" + url_encoded(text_field(study, "id")) + "/trials");
  if (!trials) return trials.error();
  screen.say("\n" + leaderboard_text(study, *trials, rows, screen.style()));
  const std::string result = result_text(study, screen.style());
  if (!result.empty()) screen.say(result);
  return {};
}

Result<std::string> find_study_id(SwarmClient& swarm, const std::string& id_or_name) {
  return find_id(swarm, "studies", "s-", id_or_name);
}

Result<std::string> find_dataset_id(SwarmClient& swarm, const std::string& id_or_name) {
  return find_id(swarm, "datasets", "d-", id_or_name);
}

std::string name_of_file(const std::filesystem::path& file) {
  std::string name;
  const std::filesystem::path unpacked = file.extension() == ".gz" ? file.stem() : file;
  for (const char c : unpacked.stem().string()) {
    const bool is_taken = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_';
    if (is_taken)
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  name = name.substr(0, 64);
  while (name.ends_with('-'))
    name.pop_back();
  return name.empty() ? "data" : name;
}

}  // namespace starling::bootstrap
