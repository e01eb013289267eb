// The judge is judged: histories that are right, and histories that are wrong in the ways that
// matter, written by hand; then thousands of small random ones against trying every order.
#include "node/base/random.h"
#include "tests/support/linearizability.h"
#include "tests/support/linearizability_search.h"
#include "tests/support/register_models.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

namespace starling::tests {
namespace {

/// Operations by their times: at(call, return).
class History {
 public:
  History& at(std::uint64_t call, std::uint64_t ret) {
    call_ = call;
    return_ = ret;
    return *this;
  }

  History& ok(std::string function, Json in, Json out) {
    return add(std::move(function), std::move(in), std::move(out), Known::ok);
  }

  History& refused(std::string function, Json in, Json out = {{"code", "conflict"}}) {
    return add(std::move(function), std::move(in), std::move(out), Known::fail);
  }

  History& unknown(std::string function, Json in) {
    return add(std::move(function), std::move(in), {}, Known::unknown);
  }

  History& key(std::string key) {
    key_ = std::move(key);
    return *this;
  }

  Verdict judged() const {
    const auto verdicts = check_history(operations_);
    EXPECT_EQ(verdicts.size(), 1U);
    return verdicts.front().verdict;
  }

  const std::vector<Operation>& operations() const { return operations_; }

 private:
  History& add(std::string function, Json in, Json out, Known known) {
    operations_.push_back({.client = 1,
                           .id = operations_.size() + 1,
                           .function = std::move(function),
                           .key = key_,
                           .in = std::move(in),
                           .call_ns = call_,
                           .return_ns = return_,
                           .known = known,
                           .out = std::move(out)});
    return *this;
  }

  std::string key_ = "reg-1";
  std::uint64_t call_ = 0;
  std::uint64_t return_ = 0;
  std::vector<Operation> operations_;
};

Json wrote(std::uint64_t version) {
  return {{"version", version}};
}

Json value(const char* text) {
  return {{"value", text}};
}

Json cas(std::uint64_t expected, const char* text) {
  return {{"expected", expected}, {"value", text}};
}

Json saw(std::uint64_t version, const char* text) {
  return {{"version", version}, {"value", text}};
}

Json found(std::uint64_t version) {
  return {{"code", "conflict"}, {"found", version}};
}

const Json kNothing = Json::object();

// --- registers that are right --------------------------------------------------------------------

TEST(Registers, OneAfterTheOther) {
  History h;
  h.at(1, 2).ok("read", kNothing, {{"version", 0}});
  h.at(3, 4).ok("put", value("a"), wrote(5));
  h.at(5, 6).ok("cas", cas(5, "b"), wrote(7));
  h.at(7, 8).refused("cas", cas(5, "c"), found(7));
  h.at(9, 10).ok("read", kNothing, saw(7, "b"));
  EXPECT_EQ(h.judged(), Verdict::linearizable);
}

TEST(Registers, AReadThatOverlapsAWriteMaySeeOldOrNew) {
  for (const auto& seen : {saw(5, "a"), saw(7, "b")}) {
    History h;
    h.at(1, 2).ok("put", value("a"), wrote(5));
    h.at(3, 10).ok("put", value("b"), wrote(7));
    h.at(4, 6).ok("read", kNothing, seen);
    EXPECT_EQ(h.judged(), Verdict::linearizable) << seen;
  }
}

TEST(Registers, AnUnknownWriteMayCountLateOrNever) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).unknown("put", value("b"));
  h.at(5, 6).unknown("put", value("never"));
  h.at(7, 8).ok("read", kNothing, saw(5, "a"));
  h.at(9, 10).ok("read", kNothing, saw(8, "b"));
  EXPECT_EQ(h.judged(), Verdict::linearizable) << "b came between the reads, the other never";
}

TEST(Registers, TheVersionOfAnUnknownWriteIsTheFirstOneTold) {
  History h;
  h.at(1, 2).unknown("put", value("a"));
  h.at(3, 4).refused("cas", cas(0, "b"), found(6));
  h.at(5, 6).ok("cas", cas(6, "c"), wrote(9));
  EXPECT_EQ(h.judged(), Verdict::linearizable);
  h.at(7, 8).ok("read", kNothing, saw(9, "a"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

// --- registers that are wrong --------------------------------------------------------------------

TEST(Registers, AStaleReadIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).ok("put", value("b"), wrote(7));
  h.at(5, 6).ok("read", kNothing, saw(5, "a"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
  EXPECT_THAT(check_history(h.operations()).front().why, testing::HasSubstr("operation 3"));
}

TEST(Registers, AReadThatWentBackIsRejectedThoughTheWriteIsUnknown) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).unknown("put", value("b"));
  h.at(5, 6).ok("read", kNothing, saw(7, "b"));
  h.at(7, 8).ok("read", kNothing, saw(5, "a"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, ALostAcknowledgedWriteIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).ok("read", kNothing, {{"version", 0}});
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, ALostUpdateIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 10).ok("cas", cas(5, "b"), wrote(7));
  h.at(4, 11).ok("cas", cas(5, "c"), wrote(8));
  EXPECT_EQ(h.judged(), Verdict::illegal) << "one version was given out twice";
}

TEST(Registers, AWriteThatCountedTwiceIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("old"), wrote(5));
  h.at(3, 4).ok("put", value("new"), wrote(6));
  h.at(5, 6).ok("read", kNothing, saw(7, "old"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, AWriteThatWasSaidToHaveFailedAndIsSeenIsRejected) {
  History h;
  h.at(1, 2).refused("put", value("a"), {{"code", "unavailable"}});
  h.at(3, 4).ok("read", kNothing, saw(5, "a"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, ARefusalWithoutReasonIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).refused("cas", cas(5, "b"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, AVersionThatDoesNotGrowIsRejected) {
  History h;
  h.at(1, 2).ok("put", value("a"), wrote(5));
  h.at(3, 4).ok("put", value("b"), wrote(5));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Registers, AnUnknownWriteDoesNotCountBeforeItWasCalled) {
  History h;
  h.at(1, 2).ok("read", kNothing, saw(5, "a"));
  h.at(3, 4).unknown("put", value("a"));
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

// --- trials --------------------------------------------------------------------------------------

Json token(std::uint64_t number) {
  return {{"token", number}};
}

Json complete(std::uint64_t number, const char* result) {
  return {{"token", number}, {"result", result}};
}

Json trial(const char* status, std::uint64_t number, const char* result) {
  return {{"status", status}, {"token", number}, {"result", result}};
}

TEST(Trials, ClaimStealCompleteAndAStaleCompleteRefused) {
  History h;
  h.key("trial-1");
  h.at(1, 2).ok("claim", token(1), kNothing);
  h.at(3, 4).ok("claim", token(2), kNothing);
  h.at(5, 6).refused("complete", complete(1, "x"));
  h.at(7, 8).ok("complete", complete(2, "y"), kNothing);
  h.at(9, 10).refused("claim", token(3));
  h.at(11, 12).ok("read", kNothing, trial("done", 2, "y"));
  EXPECT_EQ(h.judged(), Verdict::linearizable);
}

TEST(Trials, ADoubleClaimIsRejected) {
  History h;
  h.key("trial-1");
  h.at(1, 4).ok("claim", token(1), kNothing);
  h.at(2, 5).ok("claim", token(1), kNothing);
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Trials, AStaleTokenThatCompletesIsRejected) {
  History h;
  h.key("trial-1");
  h.at(1, 2).ok("claim", token(1), kNothing);
  h.at(3, 4).ok("claim", token(2), kNothing);
  h.at(5, 6).ok("complete", complete(1, "x"), kNothing);
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Trials, TwoCompletionsAreRejected) {
  History h;
  h.key("trial-1");
  h.at(1, 2).ok("claim", token(1), kNothing);
  h.at(3, 8).ok("complete", complete(1, "x"), kNothing);
  h.at(4, 9).ok("complete", complete(1, "y"), kNothing);
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

TEST(Trials, AnUnknownClaimMayHaveHappened) {
  History h;
  h.key("trial-1");
  h.at(1, 2).unknown("claim", token(1));
  h.at(3, 4).ok("claim", token(2), kNothing);
  EXPECT_EQ(h.judged(), Verdict::linearizable);
  h.at(5, 6).ok("complete", complete(1, "x"), kNothing);
  EXPECT_EQ(h.judged(), Verdict::illegal);
}

// --- the judge itself ----------------------------------------------------------------------------

TEST(Checker, GivesUpLoudly) {
  History h;
  for (std::uint64_t i = 0; i < 30; ++i)
    h.at(i + 1, 100).ok("put", value("a"), wrote(100 - i));
  const auto verdicts = check_history(h.operations(), 10);
  EXPECT_EQ(verdicts.front().verdict, Verdict::inconclusive);
}

TEST(Checker, StrangeOperationsAndMissingFieldsAreNotPassedOver) {
  EXPECT_EQ(History{}.at(1, 2).ok("pop", kNothing, kNothing).judged(), Verdict::illegal);
  EXPECT_EQ(History{}.at(1, 2).ok("put", value("a"), kNothing).judged(), Verdict::illegal);
}

TEST(Checker, KeysAreJudgedApart) {
  History h;
  h.key("reg-1").at(1, 2).ok("put", value("a"), wrote(5));
  h.key("reg-2").at(3, 4).ok("read", kNothing, {{"version", 0}});
  h.key("reg-3").at(3, 4).ok("read", kNothing, saw(1, "b"));
  const auto verdicts = check_history(h.operations());
  ASSERT_EQ(verdicts.size(), 3U);
  EXPECT_EQ(verdicts[0].verdict, Verdict::linearizable);
  EXPECT_EQ(verdicts[1].verdict, Verdict::linearizable);
  EXPECT_EQ(verdicts[2].verdict, Verdict::illegal);
}

TEST(HistoryFile, KeepsWhatWasCalledAndNeverReturned) {
  const auto file = std::filesystem::path{testing::TempDir()} / "history-test.jsonl";
  {
    HistoryWriter writer{file};
    Operation first;
    first.client = 3;
    first.function = "put";
    first.key = "reg-1";
    first.in = value("a");
    Operation second = first;
    writer.begin(first);
    writer.begin(second);
    first.known = Known::ok;
    first.out = wrote(5);
    writer.end(first);
  }
  const auto read = read_history(file);
  ASSERT_TRUE(read) << read.error().detail;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].known, Known::ok);
  EXPECT_EQ((*read)[0].out, wrote(5));
  EXPECT_GT((*read)[0].return_ns, (*read)[0].call_ns);
  EXPECT_EQ((*read)[1].known, Known::unknown);
  std::ofstream{file, std::ios::app} << "{\"c\":1}\n";
  EXPECT_EQ(read_history(file).error().code, Errc::corrupt);
  std::filesystem::remove(file);
}

// --- against trying every order ------------------------------------------------------------------

using Steps = std::vector<Timed<RegisterModel::Step>>;

/// Tries all orders of all subsets of the unknown operations, without memo or cleverness.
bool some_order_fits(const Steps& steps,
                     std::vector<bool>& done,
                     const RegisterModel::State& state) {
  std::uint64_t first_return = Timed<RegisterModel::Step>::kNever;
  bool is_all_done = true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (done[i]) continue;
    first_return = std::min(first_return, steps[i].return_ns);
    is_all_done = is_all_done && steps[i].return_ns == Timed<RegisterModel::Step>::kNever;
  }
  if (is_all_done) return true;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (done[i] || steps[i].call_ns > first_return) continue;
    const auto next = RegisterModel::take(state, steps[i].step);
    if (!next) continue;
    done[i] = true;
    if (some_order_fits(steps, done, *next)) return true;
    done[i] = false;
  }
  return false;
}

RegisterModel::Step random_step(Random& random) {
  using Kind = RegisterModel::Step::Kind;
  RegisterModel::Step step;
  step.kind = static_cast<Kind>(random.below(3));
  step.value = std::string(1, static_cast<char>('a' + random.below(2)));
  step.version = 1 + random.below(4);
  if (step.kind == Kind::cas) {
    step.expected = random.below(4);
    step.answer = random.chance(0.4) ? Answer::refused : Answer::done;
  }
  if (step.kind == Kind::read && random.chance(0.2)) step.version = 0;
  return step;
}

TEST(Checker, AgreesWithTryingEveryOrderOnSmallRandomHistories) {
  std::size_t legal = 0;
  constexpr std::size_t kHistories = 20'000;
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    Random random{seed};
    Steps steps;
    std::uint64_t now = 0;
    for (std::uint64_t i = 0; i < 2 + random.below(5); ++i) {
      now += random.below(3);
      Timed<RegisterModel::Step> one{.id = i + 1, .call_ns = now, .step = random_step(random)};
      one.return_ns = now + random.below(6);
      if (one.step.kind != RegisterModel::Step::Kind::read && random.chance(0.2)) {
        one.return_ns = one.kNever;
        one.step.answer = Answer::unknown;
        one.step.version = std::nullopt;
      }
      steps.push_back(one);
    }
    std::vector<bool> done(steps.size());
    const bool fits = some_order_fits(steps, done, {});
    const auto found = Search<RegisterModel>{steps, kStepsMax}.run();
    ASSERT_EQ(found.verdict, fits ? Verdict::linearizable : Verdict::illegal) << "seed " << seed;
    legal += fits ? 1 : 0;
  }
  EXPECT_GT(legal, kHistories / 50) << "both kinds must be there";
  EXPECT_LT(legal, kHistories / 2);
}

}  // namespace
}  // namespace starling::tests
