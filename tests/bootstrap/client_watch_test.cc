#include "bootstrap/client/study_session.h"
#include "tests/bootstrap/client_fake_server.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace starling::bootstrap {
namespace {

using tests::FakeAnswer;
using tests::FakeRequest;
using tests::FakeServer;

constexpr RetryPlan kQuick{.attempts = 2, .pause = std::chrono::milliseconds(1)};
constexpr WatchPlan kWatch{.interval = std::chrono::milliseconds(1),
                           .patience = std::chrono::milliseconds(300)};

std::string study_body(const std::string& status, int completed) {
  return Json({{"id", "s-1a2b3c4d"},
               {"name", "insurance"},
               {"status", status},
               {"metric", "rmse"},
               {"trials", {{"requested", 20}, {"completed", completed}, {"running", 3}}}})
      .dump();
}

/// A file that a screen writes to and a test reads.
class Output {
 public:
  Output() : file_(std::tmpfile()) {}

  ~Output() { std::fclose(file_); }

  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  std::FILE* file() const { return file_; }

  std::string text() const {
    std::rewind(file_);
    std::string all;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_))
      all += static_cast<char>(c);
    return all;
  }

 private:
  std::FILE* file_;
};

TEST(ClientWatch, it_ends_with_the_study_and_shows_the_last_state) {
  std::atomic<int> asked = 0;
  FakeServer server([&](const FakeRequest& request) {
    if (request.target == "/api/v1/swarm") return FakeAnswer{.body = R"({"members":[]})"};
    const int now = ++asked;
    return FakeAnswer{.body = study_body(now < 5 ? "running" : "completed", now < 5 ? now : 20)};
  });
  const Output output;
  {
    Screen screen(output.file());
    SwarmClient client(server.url(), "", kQuick);
    const auto study = watch_study(client, "s-1a2b3c4d", screen, kWatch);
    ASSERT_TRUE(study);
    EXPECT_EQ(text_field(*study, "status"), "completed");
  }
  const std::string text = output.text();
  EXPECT_NE(text.find("1/20 trials, 3 running"), std::string::npos) << text;
  EXPECT_NE(text.find("20/20 trials"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "no terminal, no escape codes";
}

TEST(ClientWatch, when_its_node_dies_it_goes_on_through_another_member_and_says_so) {
  FakeServer second(
      [](const FakeRequest&) { return FakeAnswer{.body = study_body("completed", 20)}; });
  const std::string swarm =
      Json({{"self", "aa"},
            {"members",
             {{{"id", "aa"}, {"state", "alive"}, {"http", "http://node-1"}},
              {{"id", "cc"}, {"state", "dead"}, {"http", "http://127.0.0.1:9"}},
              {{"id", "bb"}, {"state", "alive"}, {"http", second.url()}}}}})
          .dump();
  std::atomic<int> asked = 0;
  FakeServer first([&](const FakeRequest& request) {
    if (request.target == "/api/v1/swarm") return FakeAnswer{.body = swarm};
    if (++asked > 3) return FakeAnswer{.hangs_up = true};
    return FakeAnswer{.body = study_body("running", 4)};
  });
  const Output output;
  {
    Screen screen(output.file());
    SwarmClient client(first.url(), "", kQuick);
    const auto study = watch_study(client, "s-1a2b3c4d", screen, kWatch);
    ASSERT_TRUE(study);
    EXPECT_EQ(text_field(*study, "status"), "completed");
    EXPECT_EQ(client.url(), second.url());
  }
  EXPECT_NE(output.text().find("watching through " + second.url()), std::string::npos);
}

TEST(ClientWatch, when_nobody_answers_any_more_the_outcome_is_unknown) {
  FakeServer server([](const FakeRequest&) { return FakeAnswer{.hangs_up = true}; });
  const Output output;
  Screen screen(output.file());
  SwarmClient client(server.url(), "", kQuick);
  const auto study = watch_study(client, "s-1a2b3c4d", screen, kWatch);
  ASSERT_FALSE(study);
  EXPECT_EQ(study.error().code, Errc::timed_out);
}

TEST(ClientWatch, a_study_that_is_not_there_is_an_error_at_once) {
  FakeServer server([](const FakeRequest&) {
    return FakeAnswer{.status = 404, .body = R"({"code":"not_found","detail":"no study s-9"})"};
  });
  const Output output;
  Screen screen(output.file());
  SwarmClient client(server.url(), "", kQuick);
  const auto study = watch_study(client, "s-9", screen, kWatch);
  ASSERT_FALSE(study);
  EXPECT_EQ(study.error().detail, "no study s-9");
}

TEST(ClientWatch, names_come_from_files) {
  EXPECT_EQ(name_of_file("/a/My data (1).csv"), "My-data-1");
  EXPECT_EQ(name_of_file("insurance.csv"), "insurance");
  EXPECT_EQ(name_of_file("表.csv"), "data");
}

}  // namespace
}  // namespace starling::bootstrap
