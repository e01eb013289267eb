#include "tests/swarm/workload.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::tests {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 5s;  // for one request
constexpr int kAsksAgainMax = 3;
constexpr std::uint64_t kThinkMaxUs = 8'000;

std::string path_of(const std::string& key) {
  return "/api/v1/registers/" + key;
}

/// The condition of a compare-and-set.
std::string expecting(std::uint64_t version) {
  return version == 0 ? "If-None-Match: *\r\n" : fmt::format("If-Match: \"{}\"\r\n", version);
}

Json parse_trial(const std::string& value) {
  if (value.empty()) return {{"status", "queued"}, {"token", 0}, {"result", ""}};
  return Json::parse(value);
}

std::string trial_value(std::string_view status, std::uint64_t token, std::string_view result) {
  return Json({{"status", status}, {"token", token}, {"result", result}}).dump();
}

Operation operation_on(const std::string& key, std::string function, Json in) {
  Operation operation;
  operation.key = key;
  operation.function = std::move(function);
  operation.in = std::move(in);
  return operation;
}

bool is_expected_here(const Told& told) {
  constexpr std::array<unsigned, 7> kUsual{0, 200, 201, 404, 412, 429, 503};
  return std::find(kUsual.begin(), kUsual.end(), told.status) != kUsual.end();
}

}  // namespace

/// One of the clients, on a thread of its own.
class Workload::Client {
 public:
  Client(Workload& work, std::uint64_t seed)
      : work_(work),
        nodes_(work.options_.urls, work.options_.token, kPatience),
        random_(seed),
        name_(work.new_client()) {}

  void run() {
    while (!work_.is_stopping_) {
      const double roll = random_.unit();
      if (roll < 0.1)
        write_once();
      else if (roll < 0.6)
        on_register();
      else
        on_trial();
      std::this_thread::sleep_for(std::chrono::microseconds{random_.below(kThinkMaxUs)});
    }
  }

  /// Nothing if no node answered.
  std::optional<Sight> read(const std::string& key) {
    Operation operation = operation_on(key, "read", Json::object());
    begin(operation);
    const auto path = path_of(key) + "?consistency=linearizable";
    const Told told = ask_any("GET", path);
    const bool is_absent = told.status == 404;
    const bool is_answered = told.status == 200 || is_absent;
    operation.known = is_answered ? Known::ok : told.known;
    std::optional<Sight> seen;
    if (is_answered) {
      seen = Sight{told.version.value_or(0), is_absent ? std::string{} : told.body};
      operation.out = key.starts_with("trial")
                          ? parse_trial(seen->value)
                          : Json{{"version", seen->version}, {"value", seen->value}};
    } else {
      operation.out = {{"code", told.code}};
    }
    end(operation, told);
    return seen;
  }

 private:
  void on_register() {
    KeyRing& ring = work_.registers_;
    const auto key = ring.take(random_);
    const double roll = random_.unit();
    Known known = Known::ok;
    if (roll < 0.4) {
      if (const auto seen = read(key)) ring.note(key, *seen);
    } else {
      Operation operation = operation_on(key, "put", {{"value", fresh_value()}});
      std::string headers;
      if (roll < 0.8) {
        const auto expected = ring.sight(key).version;
        operation.function = "cas";
        operation.in["expected"] = expected;
        headers = expecting(expected);
      }
      const std::string value = operation.in["value"];
      const Told told = write(operation, headers, value);
      if (told.known == Known::ok) ring.note(key, {*told.version, value});
      known = told.known;
    }
    ring.give_back(key, known == Known::unknown);
  }

  void on_trial() {
    KeyRing& ring = work_.trials_;
    const auto key = ring.take(random_);
    const auto held = claims_.find(key);
    Known known = Known::ok;
    if (held != claims_.end() && random_.chance(0.6)) {
      known = complete(key, held->second);
      claims_.erase(held);
    } else if (random_.chance(0.4)) {
      if (const auto seen = read(key)) {
        ring.note(key, *seen);
        if (parse_trial(seen->value)["status"] == "done") ring.retire(key);
      }
    } else {
      known = claim(key);
    }
    ring.give_back(key, known == Known::unknown);
  }

  struct Claim {
    std::uint64_t token;
    std::uint64_t version;
  };

  Known claim(const std::string& key) {
    const Sight sight = work_.trials_.sight(key);
    const std::uint64_t token = parse_trial(sight.value)["token"].get<std::uint64_t>() + 1;
    if (parse_trial(sight.value)["status"] == "done") {
      work_.trials_.retire(key);
      return Known::fail;
    }
    Operation operation = operation_on(key, "claim", {{"token", token}});
    const auto value = trial_value("running", token, "");
    const Told told = write(operation, expecting(sight.version), value);
    if (told.known == Known::ok) {
      claims_[key] = {token, *told.version};
      work_.trials_.note(key, {*told.version, value});
    }
    return told.known;
  }

  Known complete(const std::string& key, const Claim& claim) {
    const auto result = fresh_value();
    Operation operation =
        operation_on(key, "complete", {{"token", claim.token}, {"result", result}});
    const auto value = trial_value("done", claim.token, result);
    const Told told = write(operation, expecting(claim.version), value);
    if (told.known == Known::ok) work_.trials_.note(key, {*told.version, value});
    return told.known;
  }

  void write_once() {
    const std::size_t number = ++work_.once_;
    if (number > work_.options_.once_max) return;
    const auto value = fresh_value();
    Operation operation =
        operation_on(fmt::format("once-{}", number), "cas", {{"expected", 0}, {"value", value}});
    write(operation, expecting(0), value);
  }

  /// Some writes carry a key of the client's and are asked for again until their outcome is known.
  Told write(Operation& operation, const std::string& condition, const std::string& value) {
    begin(operation);
    const bool has_key = random_.chance(0.4);
    auto headers = condition;
    if (has_key) headers += fmt::format("Idempotency-Key: op-{}\r\n", operation.id);
    Told told = ask_any("PUT", path_of(operation.key), headers, value);
    for (int i = 0; has_key && told.known == Known::unknown && i < kAsksAgainMax; ++i) {
      Told again = ask_any("PUT", path_of(operation.key), headers, value);
      // That the second request did nothing says nothing of the first.
      if (again.known == Known::ok || again.is_refused()) told = std::move(again);
    }
    if (told.known == Known::ok && !told.version) told.known = Known::unknown;
    operation.known = told.known;
    operation.out = {{"code", told.code}};
    if (told.known == Known::ok) operation.out = {{"version", *told.version}};
    if (told.is_refused()) operation.out["found"] = told.version.value_or(0);
    if (told.known == Known::ok) work_.note_acknowledged({operation.key, *told.version, value});
    end(operation, told);
    return told;
  }

  void begin(Operation& operation) {
    operation.client = name_;
    work_.history_.begin(operation);
  }

  void end(Operation& operation, const Told& told) {
    work_.history_.end(operation);
    if (operation.known == Known::unknown) name_ = work_.new_client();
    if (is_expected_here(told)) return;
    work_.note_strange(
        fmt::format("operation {} was answered with {}: {}", operation.id, told.status, told.body));
  }

  /// At a node that takes the connection, if there is one: trying others is no second request.
  Told ask_any(std::string_view method,
               const std::string& path,
               const std::string& headers = {},
               const std::string& body = {}) {
    const std::size_t first = random_.below(nodes_.nodes());
    Told told;
    for (std::size_t i = 0; i < nodes_.nodes(); ++i) {
      told = nodes_.ask((first + i) % nodes_.nodes(), method, path, headers, body);
      if (told.code != "unreachable") break;
    }
    return told;
  }

  std::string fresh_value() { return fmt::format("{}.{}", name_, ++values_); }

  Workload& work_;
  NodeClient nodes_;
  Random random_;
  std::uint64_t name_;
  std::uint64_t values_ = 0;
  std::map<std::string, Claim> claims_;
};

Workload::Workload(WorkloadOptions options)
    : options_(std::move(options)),
      history_(options_.history),
      registers_("reg", options_.keys),
      trials_("trial", options_.keys) {}

Workload::~Workload() {
  stop();
}

void Workload::start() {
  for (std::size_t i = 0; i < options_.clients; ++i) {
    threads_.emplace_back([this, i] { Client{*this, mix_seeds(options_.seed, i)}.run(); });
  }
}

void Workload::stop() {
  is_stopping_ = true;
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
}

bool Workload::read_all() {
  Client reader{*this, mix_seeds(options_.seed, options_.clients)};
  auto keys = registers_.all();
  const auto trials = trials_.all();
  keys.insert(keys.end(), trials.begin(), trials.end());
  for (std::size_t i = 1; i <= std::min<std::size_t>(once_, options_.once_max); ++i)
    keys.push_back(fmt::format("once-{}", i));
  for (const auto& key : keys) {
    bool is_read = false;
    for (int i = 0; i < kAsksAgainMax && !is_read; ++i)
      is_read = reader.read(key).has_value();
    if (!is_read) return false;
  }
  return true;
}

void Workload::note_acknowledged(Acknowledged write) {
  const std::lock_guard lock{mutex_};
  acknowledged_.push_back(std::move(write));
}

void Workload::note_strange(std::string what) {
  const std::lock_guard lock{mutex_};
  strange_.push_back(std::move(what));
}

}  // namespace starling::tests
