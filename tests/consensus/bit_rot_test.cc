// Bytes of a closed store change by themselves. It then gives back exactly what it held, or says
// that it is damaged and where; never another state, and never a fresh one.
//
// Of the log one end cannot be told from a torn one: damage at or behind the last
// confirmed write, if nothing was written behind that. It is cut off, and Raft finds out (RS-8).
//
// STARLING_BIT_FLIPS: how many for each kind of file; 60 unless set.
#include "consensus/storage/log_frame.h"
#include "tests/consensus/store_machine.h"
#include "tests/consensus/store_workload.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <utility>

namespace starling::tests {
namespace {

std::uint64_t flips() {
  const char* text = std::getenv("STARLING_BIT_FLIPS");
  return text == nullptr ? 60 : std::strtoull(text, nullptr, 10);
}

/// A store that was closed, and what it held after each of its last writes, oldest first; damage
/// that takes the first of them can be proven.
struct ClosedStore {
  DiskImage image;
  std::vector<StoreContent> provable;

  const StoreContent& content() const { return provable.back(); }
};

/// Has tables of all kinds and a log with some hundred writes. `ends_synced`: nothing was written
/// behind the last confirmed write.
ClosedStore closed_store(bool ends_synced) {
  StoreWorkload workload{3};
  ClosedStore closed;
  std::vector<StoreContent> since_synced;
  for (int life = 0; life < 3; ++life) {
    StoreMachine machine{closed.image};
    EXPECT_TRUE(machine.open());
    since_synced = {workload.content()};
    closed.provable = since_synced;
    bool is_synced = true;
    for (int i = 0; i < 150 || is_synced != ends_synced; ++i) {
      const auto step = workload.step(*machine.store);
      EXPECT_TRUE(step.result);
      is_synced = step.is_synced;
      if (is_synced) {
        closed.provable = std::exchange(since_synced, {});
        closed.provable.push_back(workload.content());
      }
      since_synced.push_back(workload.content());
    }
    if (!is_synced) closed.provable = since_synced;
    machine.store.reset();
    closed.image = machine.disk.files();
    workload.restart(closed.content());
  }
  return closed;
}

enum class Outcome { right, corrupt, earlier, other };

/// Opens and reads the store in `image`, which is `closed` with damage.
Outcome judge(const ClosedStore& closed, const DiskImage& image, std::string& said) {
  StoreMachine machine{image};
  const auto opened = machine.open();
  const auto found = opened ? read_content(*machine.store) : Result<StoreContent>{opened.error()};
  if (!found) {
    said = found.error().detail;
    const bool names_a_place = said.find("state of this node is damaged: ") != std::string::npos;
    return found.error().code == Errc::corrupt && names_a_place ? Outcome::corrupt : Outcome::other;
  }
  said = to_string(*found);
  const auto is = [&](const StoreContent& known) {
    return brought_forward(*found, known) == known;
  };
  if (is(closed.content())) return Outcome::right;
  const auto& known = closed.provable;
  return std::any_of(known.begin(), known.end(), is) ? Outcome::earlier : Outcome::other;
}

struct Counts {
  std::uint64_t right = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t earlier = 0;
};

std::vector<std::string> paths_with(const DiskImage& image, std::string_view part) {
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : image) {
    if (path.find(part) != std::string::npos && !bytes.empty()) paths.push_back(path);
  }
  return paths;
}

/// How much of a file is in use: of a segment of the log, up to its last frame.
std::size_t used_bytes(const std::string& path, const std::string& bytes) {
  if (!path.ends_with(".log")) return bytes.size();
  const std::string name = path.substr(path.find_last_of('/') + 1);
  return consensus::scan_segment(bytes, std::strtoull(name.c_str(), nullptr, 10)).end;
}

/// Flips a bit of one byte in a file whose path has `part`, many times; `place` draws the byte.
Counts flip_bits(const ClosedStore& closed,
                 std::string_view part,
                 const std::function<std::size_t(Random&, std::size_t size)>& place) {
  const auto paths = paths_with(closed.image, part);
  EXPECT_FALSE(paths.empty()) << part;
  Random random{17};
  Counts counts;
  for (std::uint64_t i = 0; i < flips(); ++i) {
    const std::string& path = paths[random.below(paths.size())];
    DiskImage image = closed.image;
    const std::size_t at = place(random, used_bytes(path, image[path]));
    image[path][at] ^= static_cast<char>(1U << random.below(8));
    std::string said;
    const Outcome outcome = judge(closed, image, said);
    EXPECT_NE(outcome, Outcome::other) << path << " byte " << at << ": " << said;
    counts.right += outcome == Outcome::right ? 1 : 0;
    counts.corrupt += outcome == Outcome::corrupt ? 1 : 0;
    counts.earlier += outcome == Outcome::earlier ? 1 : 0;
  }
  fmt::print("{}: {} right, {} corrupt, {} taken for a torn end\n",
             part,
             counts.right,
             counts.corrupt,
             counts.earlier);
  return counts;
}

std::size_t anywhere(Random& random, std::size_t size) {
  return random.below(size);
}

std::size_t near_the_end(Random& random, std::size_t size) {
  return size - 1 - random.below(std::min<std::size_t>(size, 4096));
}

TEST(BitRot, InATableIsNamed) {
  const Counts counts = flip_bits(closed_store(true), ".sst", anywhere);
  EXPECT_EQ(counts.earlier, 0U);
  EXPECT_GT(counts.corrupt, flips() / 2);
}

TEST(BitRot, InTheListOfTablesIsNamed) {
  const ClosedStore closed = closed_store(true);
  for (const char* part : {"MANIFEST", "CURRENT"}) {
    const Counts counts = flip_bits(closed, part, anywhere);
    EXPECT_EQ(counts.earlier, 0U);
    EXPECT_GT(counts.corrupt, flips() / 2);
  }
}

TEST(BitRot, InTheLogIsNamedUnlessOnlyItsUnprovenEndIsHit) {
  for (const bool ends_synced : {true, false}) {
    const ClosedStore closed = closed_store(ends_synced);
    const Counts counts = flip_bits(closed, ".log", anywhere);
    EXPECT_GT(counts.corrupt, flips() / 2);
    const std::string newest = paths_with(closed.image, ".log").back();
    const Counts at_end = flip_bits(closed, newest, near_the_end);
    // Also the end is named if the state or what was cut off before rests on it.
    EXPECT_EQ(at_end.right, 0U);
  }
}

TEST(BitRot, AMissingFileIsNeverTakenForAFreshStore) {
  const ClosedStore closed = closed_store(true);
  const std::string oldest = paths_with(closed.image, ".log").front();
  for (const char* part : {".sst", "MANIFEST", "CURRENT", ".log"}) {
    for (const std::string& path : paths_with(closed.image, part)) {
      if (path == paths_with(closed.image, ".log").front())
        continue;  // perhaps not needed any more
      DiskImage image = closed.image;
      image.erase(path);
      std::string said;
      EXPECT_EQ(judge(closed, image, said), Outcome::corrupt) << path << ": " << said;
    }
  }
}

}  // namespace
}  // namespace starling::tests
