// Plays a corpus and seeded changes of it through one fuzz target: `NAME CORPUS_DIR CHANGES`.
//
// So every build and sanitizer runs the fuzz targets, with no need of clang. All of the corpus
// must be accepted, but files named refused_*: a format that changed shows here first.
#include "node/base/random.h"
#include "tests/fuzz/fuzz_target.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace starling::fuzz {
namespace {

constexpr std::size_t kInputBytesMax = 16 << 10;

struct Seed {
  std::string name;
  std::string bytes;
};

std::vector<Seed> read_corpus(const std::filesystem::path& dir) {
  std::vector<Seed> seeds;
  for (const auto& file : std::filesystem::directory_iterator{dir}) {
    std::ifstream in{file.path(), std::ios::binary};
    seeds.push_back({file.path().filename().string(), {std::istreambuf_iterator<char>{in}, {}}});
  }
  std::sort(
      seeds.begin(), seeds.end(), [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return seeds;
}

void play(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

/// A piece of `from`, at most `size_max` bytes.
std::string piece_of(const std::string& from, std::size_t size_max, Random& random) {
  if (from.empty()) return {};
  const std::size_t begin = random.below(from.size());
  return from.substr(begin, 1 + random.below(size_max));
}

void flip(std::string& input, Random& random) {
  if (!input.empty()) input[random.below(input.size())] ^= static_cast<char>(1 + random.below(255));
}

void erase(std::string& input, Random& random) {
  const std::size_t begin = random.below(input.size() + 1);
  input.erase(begin, random.chance(0.3) ? std::string::npos : 1 + random.below(8));
}

/// Many equal small pieces: what makes a decoder hold far more than it was given.
void repeat(std::string& input, Random& random) {
  const std::string piece = piece_of(input, 8, random);
  const std::size_t at = random.below(input.size() + 1);
  const std::size_t times = random.chance(0.02) ? kInputBytesMax / 8 : 1 + random.below(20);
  std::string row;
  for (std::size_t i = 0; i < times; ++i)
    row += piece;
  input.insert(at, row);
}

void change(std::string& input, const std::vector<Seed>& seeds, Random& random) {
  switch (random.below(5)) {
    case 0:
    case 1: flip(input, random); break;
    case 2: erase(input, random); break;
    case 3: repeat(input, random); break;
    default:
      input.insert(random.below(input.size() + 1),
                   piece_of(seeds[random.below(seeds.size())].bytes, 64, random));
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
}

int play_corpus(const std::vector<Seed>& seeds) {
  for (const Seed& seed : seeds) {
    const std::size_t before = accepted();
    play(seed.bytes);
    const bool is_meant_to_pass = !seed.name.starts_with("refused_");
    if ((accepted() > before) != is_meant_to_pass) {
      std::fprintf(stderr,
                   "%s is %s\n",
                   seed.name.c_str(),
                   is_meant_to_pass ? "refused, but should be accepted" : "accepted");
      return 1;
    }
  }
  return 0;
}

std::string field(int number, std::string_view content) {
  std::string bytes;
  for (unsigned rest :
       {static_cast<unsigned>(number) << 3 | 2U, static_cast<unsigned>(content.size())}) {
    for (; rest >= 128; rest >>= 7)
      bytes.push_back(static_cast<char>(rest | 128));
    bytes.push_back(static_cast<char>(rest));
  }
  return bytes.append(content);
}

std::string repeated(std::string_view piece, std::size_t bytes_max) {
  std::string row;
  while (row.size() + piece.size() < bytes_max)
    row += piece;
  return row;
}

/// Rows of the smallest parts there are, since each costs a decoder far more than its bytes: empty
/// fields of Protocol Buffers, alone and in any other field, and JSON that opens and never closes.
void play_greedy(const std::vector<Seed>& seeds) {
  constexpr int kFieldsMax = 20;
  for (int inner = 1; inner <= kFieldsMax; ++inner) {
    const std::string row = repeated(field(inner, {}), 4 << 10);
    for (const Seed& seed : seeds) {
      play(seed.bytes + row);
      for (int outer = 1; outer <= kFieldsMax; ++outer)
        play(seed.bytes + field(outer, row));
    }
  }
  for (const std::string_view piece : {"[", "[],", "{\"\":", "{},", "1,", "\"\","}) {
    const std::string row = repeated(piece, kInputBytesMax);
    play(row);
    play("[" + row);
  }
}

int replay(const std::filesystem::path& dir, std::uint64_t changes) {
  const std::vector<Seed> seeds = read_corpus(dir);
  if (seeds.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", dir.c_str());
    return 1;
  }
  const int failed = play_corpus(seeds);
  if (failed != 0) return failed;
  play_greedy(seeds);
  Random random{1};
  for (std::uint64_t i = 0; i < changes; ++i) {
    std::string input = seeds[random.below(seeds.size())].bytes;
    for (std::uint64_t count = 1 + random.below(4); count > 0; --count)
      change(input, seeds, random);
    play(input);
  }
  std::printf("%zu seeds, %llu changes, %zu accepted, at most %zu bytes held for a byte\n",
              seeds.size(),
              static_cast<unsigned long long>(changes),
              accepted(),
              most_held_per_byte());
  return 0;
}

}  // namespace
}  // namespace starling::fuzz

int main(int argc, char** argv) {
  std::uint64_t changes = 0;
  const char* text = argc == 3 ? argv[2] : "";
  const auto read = std::from_chars(text, text + std::strlen(text), changes);
  if (argc != 3 || read.ec != std::errc{}) {
    std::fprintf(stderr, "usage: %s CORPUS_DIR CHANGES\n", argv[0]);
    return 2;
  }
  return starling::fuzz::replay(argv[1], changes);
}
