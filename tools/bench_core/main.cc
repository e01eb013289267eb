// bench_core: how fast the replicated log of three nodes is, beside the floor of this machine and
// beside etcd, all in one run. Prints one JSON object; a line for each step goes to stderr.
#include "bootstrap/client/json_access.h"
#include "bootstrap/client/temporary_folder.h"
#include "tools/bench_core/etcd_bench.h"
#include "tools/bench_core/floor.h"
#include "tools/bench_core/options.h"
#include "tools/bench_core/starling_bench.h"
#include "tools/bench_core/summary.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <memory>
#include <sys/utsname.h>
#include <thread>

namespace starling::bench {
namespace {

constexpr std::chrono::seconds kFloorTime{2};
constexpr const char* kNoEtcd =
    "etcd not found: apt-get install etcd-server (and stop its service)";
constexpr const char* kNoEtcdLoad =
    "etcd_load was not built: apt-get install libgrpc++-dev, then configure again";

void say(const std::string& line) {
  std::fprintf(stderr, "%s\n", line.c_str());
}

Json machine() {
  utsname system{};
  uname(&system);
  return {{"kernel", system.release},
          {"cores", std::thread::hardware_concurrency()},
          {"load_at_start", load_average()}};
}

/// The clusters stay up for all rounds, so that a round is measured within seconds.
class Bench {
 public:
  explicit Bench(BenchOptions options) : options_(std::move(options)) {}

  Result<Json> run();

 private:
  Result<> start();
  Result<> one_round(std::size_t number);
  Result<> failovers();

  BenchOptions options_;
  std::unique_ptr<StarlingSwarm> swarm_;
  std::unique_ptr<EtcdCluster> etcd_;
  Json report_{{"rounds", Json::array()}};
};

Result<> Bench::start() {
  auto swarm = StarlingSwarm::start(options_.dir, options_.starling);
  if (!swarm) return swarm.error();
  swarm_ = std::move(*swarm);
  if (options_.wants_memory) {
    auto memory = measure_memory(*swarm_, say);
    if (!memory) return memory.error();
    report_["memory"] = std::move(*memory);
  }
  const bool is_possible = !options_.etcd.empty() && std::filesystem::exists(options_.etcd_load);
  if (options_.wants_etcd && is_possible) {
    auto etcd = EtcdCluster::start(options_.dir, options_.etcd);
    if (!etcd) return etcd.error();
    etcd_ = std::move(*etcd);
    return {};
  }
  const std::string why = !options_.wants_etcd    ? "not wanted"
                          : options_.etcd.empty() ? kNoEtcd
                                                  : kNoEtcdLoad;
  report_["etcd_skipped"] = why;
  say("etcd is skipped: " + why);
  return {};
}

Result<> Bench::one_round(std::size_t number) {
  say(fmt::format("round {} of {}, load average {}", number, options_.rounds, load_average()));
  const Floor floor = measure_floor(options_.dir, kFloorTime);
  say(fmt::format("floor: fdatasync p50 {:.0f} us p99 {:.0f} us, round trip p50 {:.0f} us",
                  floor.sync.quantile_us(0.5),
                  floor.sync.quantile_us(0.99),
                  floor.round_trip.quantile_us(0.5)));
  Json round{{"floor", floor.to_json()}, {"load_average", load_average()}};
  auto writes = measure_writes(*swarm_, options_, say);
  if (!writes) return writes.error();
  round["starling"] = std::move(*writes);
  if (etcd_) {
    auto others = measure_etcd_writes(*etcd_, options_, say);
    if (!others) return others.error();
    round["etcd"] = std::move(*others);
  }
  report_["rounds"].push_back(std::move(round));
  return {};
}

Result<> Bench::failovers() {
  if (options_.failovers > 0) {
    auto tally = measure_failovers(*swarm_, options_.failovers, say);
    if (!tally) return tally.error();
    report_["failover"]["starling"] = std::move(*tally);
  }
  if (etcd_ && options_.etcd_failovers > 0) {
    auto tally = measure_etcd_failovers(*etcd_, options_.etcd_failovers, say);
    if (!tally) return tally.error();
    report_["failover"]["etcd"] = std::move(*tally);
  }
  return {};
}

Result<Json> Bench::run() {
  report_["machine"] = machine();
  if (const auto started = start(); !started) return started.error();
  for (std::size_t number = 1; number <= options_.rounds; ++number)
    if (const auto done = one_round(number); !done) return done.error();
  if (const auto done = failovers(); !done) return done.error();
  report_["machine"]["load_at_end"] = load_average();
  report_["summary"] = summary_of(report_);
  return bootstrap::as_result(std::move(report_));
}

void add_options(CLI::App& app, BenchOptions& options, int& seconds, bool& without_etcd) {
  app.add_option("--dir", options.dir, "Where the data goes; this disk is measured")->required();
  app.add_option("--starling", options.starling, "The program; default: beside this one");
  app.add_option("--rounds", options.rounds, "Of all loads")->check(CLI::Range(0, 100));
  app.add_option("--seconds", seconds, "Of each load")->check(CLI::Range(1, 600));
  app.add_option("--writers", options.writers, "At once")->check(CLI::Range(1, 1000));
  app.add_option("--loads", options.loads, "Of the swarm")
      ->check(CLI::IsMember({"peer", "peer_without_keys", "http"}));
  app.add_option("--failovers", options.failovers, "How often the leader is killed");
  app.add_option("--etcd-failovers", options.etcd_failovers);
  app.add_flag("--without-etcd", without_etcd, "Measure nothing to compare with");
  app.add_flag("!--without-memory", options.wants_memory, "Leave out what memory is used");
}

/// The first load that got no write done: then something is wrong, not slow.
std::string load_without_writes(const Json& report) {
  for (const Json& round : report.at("rounds"))
    for (const auto& [name, loads] : round.at("starling").items())
      for (const auto& [writers, load] : loads.items())
        if (load.at("latency").at("count") == 0)
          return fmt::format("the load {} with {} writers", name, writers);
  return {};
}

int run_program(int argc, char** argv) {
  CLI::App app{"How fast the replicated log is, beside this machine's floor and etcd"};
  BenchOptions options;
  int seconds = 5;
  bool without_etcd = false;
  add_options(app, options, seconds, without_etcd);
  CLI11_PARSE(app, argc, argv);
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  if (options.starling.empty()) options.starling = beside / "starling";
  options.time = std::chrono::seconds{seconds};
  options.wants_etcd = !without_etcd;
  options.etcd = find_program("etcd");
  options.etcd_load = beside / "etcd_load";
  options.dir = std::filesystem::absolute(options.dir) / fmt::format("bench-{}", getpid());
  std::filesystem::create_directories(options.dir);
  const auto folder = options.dir;
  auto report = Bench{std::move(options)}.run();
  if (!report) {
    std::fprintf(stderr, "bench_core: %s\n", report.error().detail.c_str());
    return 1;
  }
  std::filesystem::remove_all(folder);
  std::printf("%s\n", report->dump(2).c_str());
  if (const std::string idle = load_without_writes(*report); !idle.empty()) {
    std::fprintf(stderr, "bench_core: %s wrote nothing\n", idle.c_str());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace starling::bench

int main(int argc, char** argv) {
  try {
    return starling::bench::run_program(argc, argv);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "bench_core: %s\n", failure.what());
    return 1;
  }
}
