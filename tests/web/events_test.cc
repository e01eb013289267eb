#include "tests/web/api_fixture.h"
#include "web/live/sse.h"

namespace starling::tests {
namespace {

using web::Cursor;

struct Seen {
  std::string cursor;
  std::string kind;

  friend bool operator==(const Seen&, const Seen&) = default;
};

class EventsTest : public ApiTest {
 protected:
  void happen(int number) {
    ml::Dataset dataset;
    dataset.id = fmt::format("d-{}", number);
    dataset.name = fmt::format("n{}", number);
    dataset.blob = hash_of(to_bytes(dataset.name));
    node.apply(ml::CommandBody{ml::AddDataset{dataset}});
  }

  TestClient listen(std::string_view query, std::string_view extra = {}) {
    TestClient client{server->port()};
    client.send(
        request_text("GET", fmt::format("/api/v1/events{}", query), host, auth().append(extra)));
    return client;
  }

  static Seen next(TestClient& client) {
    for (;;) {
      const std::string text = client.read_until("\n\n");
      if (text.starts_with(":")) continue;
      const std::size_t kind = text.find("event: ");
      if (kind == std::string::npos) return {};
      return {text.substr(4, text.find('\n') - 4),
              text.substr(kind + 7, text.find('\n', kind) - kind - 7)};
    }
  }
};

TEST(Cursor, IsTwoNumbersOrNothing) {
  EXPECT_EQ(web::parse_cursor("12.3"), (Cursor{12, 3}));
  for (const char* text :
       {"", "1", ".", "1.", ".1", "1.2.3", "-1.2", "a.b", "1.9999999999999999999"}) {
    EXPECT_EQ(web::parse_cursor(text), std::nullopt) << text;
  }
}

TEST_F(EventsTest, StartsFromTheOldestKeptAndGoesOnWithWhatHappens) {
  start();
  happen(1);
  TestClient client = listen("?after=0.0");
  EXPECT_EQ(client.read_head().headers.at("content-type"), "text/event-stream");
  EXPECT_EQ(next(client), (Seen{"2.1", "dataset_added"}));
  happen(2);
  EXPECT_EQ(next(client), (Seen{"3.1", "dataset_added"}));
}

TEST_F(EventsTest, StartsWithWhatHappensNextWithoutACursor) {
  options.keep_alive = std::chrono::milliseconds{20};
  start();
  happen(1);
  TestClient client = listen("");
  client.read_head();
  EXPECT_EQ(client.read_until("\n\n"), ": keep\n\n");  // It listens now.
  happen(2);
  EXPECT_EQ(next(client), (Seen{"3.1", "dataset_added"}));
}

TEST_F(EventsTest, ResumesWithNoGapAndNoDoubleWhileEventsKeepComing) {
  start();
  constexpr int kEvents = 300;
  std::thread writer{[this] {
    for (int i = 0; i < kEvents; ++i)
      happen(i);
  }};
  std::vector<std::string> cursors{"0.0"};
  while (cursors.size() <= kEvents) {
    TestClient client = listen("?after=0.0", fmt::format("Last-Event-ID: {}\r\n", cursors.back()));
    client.read_head();
    for (int i = 0; i < 37 && cursors.size() <= kEvents; ++i) {
      const Seen seen = next(client);
      ASSERT_EQ(seen.kind, "dataset_added");
      cursors.push_back(seen.cursor);
    }
  }
  writer.join();
  for (int i = 1; i <= kEvents; ++i)
    EXPECT_EQ(cursors[static_cast<std::size_t>(i)], fmt::format("{}.1", i + 1));
}

TEST_F(EventsTest, RefusesBrokenCursorsAndThoseOlderThanWhatIsKept) {
  start();
  for (const char* cursor : {"x", "1", "-1.0"}) {
    EXPECT_EQ(get(fmt::format("/api/v1/events?after={}", cursor)).status, 400U) << cursor;
  }
}

}  // namespace
}  // namespace starling::tests
