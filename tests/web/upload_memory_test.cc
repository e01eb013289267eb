// A process of its own: the peak of resident memory is the process's, not the upload's.
#include "tests/web/api_fixture.h"

#include <fstream>

namespace starling::tests {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

std::uint64_t peak_resident_kb() {
  std::ifstream status{"/proc/self/status"};
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  }
  return 0;
}

TEST_F(ApiTest, StreamsALargeUploadAndDownloadWithoutHoldingIt) {
  if (kIsSanitized) GTEST_SKIP() << "a sanitizer's shadow memory grows with everything touched";
  start();
  upload("warm-up");
  const std::uint64_t before = peak_resident_kb();
  ASSERT_GT(before, 0U);

  constexpr std::uint64_t kBytes = 200 << 20;
  const std::string row = "19,yes,100.5\n33,no,2.25\n";
  std::string block;
  while (block.size() + row.size() <= (1 << 20))
    block += row;
  const std::string head = "age,smoker,charges\n";
  const std::uint64_t blocks = kBytes / block.size();
  TestClient client{server->port()};
  client.send(
      fmt::format("POST /api/v1/datasets?name=large HTTP/1.1\r\nHost: {}\r\n{}"
                  "Content-Length: {}\r\n\r\n{}",
                  host,
                  auth(),
                  head.size() + blocks * block.size(),
                  head));
  for (std::uint64_t i = 0; i < blocks; ++i)
    ASSERT_TRUE(client.send(block));
  const Reply reply = client.read_reply();
  ASSERT_EQ(reply.status, 201U) << reply.body;

  const std::uint64_t grown_kb = peak_resident_kb() - before;
  RecordProperty("grown_kb", static_cast<int>(grown_kb));
  std::cout << "200 MB streamed in, peak memory grew by " << grown_kb << " kB\n";
  EXPECT_LT(grown_kb, 32U * 1024U);
}

}  // namespace
}  // namespace starling::tests
