// bench_swarm: what membership costs and how fast it is, as JSON on stdout.
#include "node/base/log.h"
#include "tools/bench_core/usage.h"
#include "tools/bench_swarm/parts.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <thread>
#include <unistd.h>

namespace starling::bench {
namespace {

struct Options {
  std::filesystem::path dir = std::filesystem::temp_directory_path();
  std::vector<std::size_t> sizes{100, 1000, 2000};
  int rounds = 10;
  int loss_minutes = 60;
  std::size_t nodes = 9;
  std::uint64_t seed = 1;
};

void say(const std::string& what) {
  std::fprintf(stderr, "%s ...\n", what.c_str());
}

int run(const Options& options) {
  const auto dir = options.dir / fmt::format("bench_swarm_{}", ::getpid());
  std::filesystem::create_directories(dir);
  start_logging(LogLevel::error, {});  // stdout is the report's
  Json report{{"load_average", rounded(load_average())},
              {"cores", std::thread::hardware_concurrency()},
              {"seed", options.seed}};
  say("sealing");
  report["seals"] = bench_seals();
  say("leaves in a row");
  report["relay"] = bench_relay(dir / "row", 100 * options.rounds);
  say(fmt::format("{} real nodes", options.nodes));
  report["nodes"] = bench_nodes(dir, options.nodes, options.rounds);
  for (const std::size_t nodes : {std::size_t{5}, std::size_t{50}}) {
    say(fmt::format("a killed node among {}, virtual", nodes));
    report["detection"].push_back(bench_detection(nodes, options.rounds, options.seed));
  }
  for (const double loss : {0.05, 0.3}) {
    say(fmt::format("{} % of the datagrams lost, virtual", loss * 100));
    report["false_deaths"].push_back(
        bench_false_deaths(50, loss, std::chrono::minutes{options.loss_minutes}, options.seed));
  }
  for (const std::size_t nodes : options.sizes) {
    say(fmt::format("news among {}, virtual", nodes));
    report["dissemination"].push_back(bench_dissemination(nodes, options.rounds, options.seed));
    say(report["dissemination"].back().dump());  // the next may take long
  }
  std::puts(report.dump(1).c_str());
  std::error_code ignored;  // Left over files do no harm.
  std::filesystem::remove_all(dir, ignored);
  // At any depth: a part that could not be measured says so.
  return report.dump().find("\"failed\"") == std::string::npos ? 0 : 1;
}

}  // namespace
}  // namespace starling::bench

int main(int argc, char** argv) {
  CLI::App app{"Measures gossip (in virtual time), leaves, joining and sealing; JSON on stdout"};
  starling::bench::Options options;
  app.add_option("--dir", options.dir, "Where data may lie")->capture_default_str();
  app.add_option("--sizes", options.sizes, "Nodes of the virtual swarms that news spreads in");
  app.add_option("--rounds", options.rounds, "How often each is done")->capture_default_str();
  app.add_option("--loss-minutes", options.loss_minutes, "Virtual minutes of 50 nodes under loss")
      ->capture_default_str();
  app.add_option("--nodes", options.nodes, "Real nodes")->capture_default_str();
  app.add_option("--seed", options.seed, "Of the virtual swarms")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return starling::bench::run(options);
}
