#include "tools/bench_core/floor.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace starling::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kWriters = 3;
constexpr std::size_t kRecordBytes = 512;
constexpr std::size_t kMessageBytes = 256;

void stop_unless(bool is_good, const char* doing) {
  if (!is_good) throw std::system_error(errno, std::generic_category(), doing);
}

Samples sync_one_file(const std::filesystem::path& path, Clock::time_point until) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  stop_unless(file >= 0, "open the file of the floor");
  const std::string record(kRecordBytes, 'x');
  Samples samples;
  while (Clock::now() < until) {
    const auto started = Clock::now();
    stop_unless(write(file, record.data(), record.size()) == ssize_t{kRecordBytes}, "append");
    stop_unless(fdatasync(file) == 0, "fdatasync");
    samples.add(Clock::now() - started);
  }
  close(file);
  unlink(path.c_str());
  return samples;
}

Samples measure_sync(const std::filesystem::path& dir, std::chrono::milliseconds time) {
  const auto until = Clock::now() + time;
  std::vector<std::future<Samples>> writers;
  for (std::size_t i = 0; i < kWriters; ++i) {
    const auto path = dir / fmt::format("floor-{}", i);
    writers.push_back(std::async(std::launch::async, sync_one_file, path, until));
  }
  Samples all;
  for (auto& writer : writers)
    all.add(writer.get());
  return all;
}

void echo_until_closed(tcp::socket& socket) {
  std::array<char, kMessageBytes> message{};
  boost::system::error_code gone;
  while (!gone) {
    asio::read(socket, asio::buffer(message), gone);
    if (!gone) asio::write(socket, asio::buffer(message), gone);
  }
}

Samples measure_round_trip(std::chrono::milliseconds time) {
  asio::io_context context;
  tcp::acceptor acceptor{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  tcp::socket near{context};
  near.connect(acceptor.local_endpoint());
  tcp::socket far = acceptor.accept();
  near.set_option(tcp::no_delay{true});
  far.set_option(tcp::no_delay{true});
  std::thread echo{[&far] { echo_until_closed(far); }};
  Samples samples;
  std::array<char, kMessageBytes> message{};
  for (const auto until = Clock::now() + time; Clock::now() < until;) {
    const auto started = Clock::now();
    asio::write(near, asio::buffer(message));
    asio::read(near, asio::buffer(message));
    samples.add(Clock::now() - started);
  }
  near.close();
  echo.join();
  return samples;
}

}  // namespace

Json Floor::to_json() const {
  return {{"sync", sync.to_json()},
          {"round_trip", round_trip.to_json()},
          {"commit_us", rounded(commit_us())}};
}

Floor measure_floor(const std::filesystem::path& dir, std::chrono::milliseconds time) {
  Floor floor;
  floor.sync = measure_sync(dir, time);
  floor.round_trip = measure_round_trip(time);
  return floor;
}

}  // namespace starling::bench
