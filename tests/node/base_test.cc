#include "node/base/bytes.h"
#include "node/base/hash.h"
#include "node/base/ids.h"
#include "node/base/random.h"
#include "node/base/state_view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace starling {
namespace {

using Rows = std::vector<std::pair<std::string, std::string>>;

Rows rows_of(const StateView& view,
             std::string_view from,
             std::string_view until,
             std::size_t most) {
  Rows rows;
  if (most == 0) return rows;
  view.scan(from, until, [&](std::string_view key, std::string_view value) {
    rows.emplace_back(key, value);
    return rows.size() < most;
  });
  return rows;
}

std::string random_key(Random& random) {
  std::string key(random.below(3), ' ');
  for (char& c : key)
    c = static_cast<char>(random.below(4) == 0 ? 0xff : 'a' + static_cast<int>(random.below(3)));
  return key;
}

Changes random_changes(Random& random) {
  Changes changes;
  for (std::uint64_t i = random.below(12); i > 0; --i) {
    if (random.chance(0.1))
      changes.erase_range(random_key(random), random_key(random));
    else if (random.chance(0.4))
      changes.erase(random_key(random));
    else
      changes.put(random_key(random), std::to_string(random.below(100)));
  }
  return changes;
}

TEST(StateViewTest, an_overlay_reads_as_if_its_changes_were_committed) {
  Random random{1};
  for (int round = 0; round < 5000; ++round) {
    MapView base;
    base.commit(random_changes(random));
    const Changes changes = random_changes(random);
    const OverlayView overlay{base, changes};
    MapView committed = base;
    committed.commit(changes);

    const std::string from = random_key(random);
    const std::string until = random_key(random);
    const std::size_t most = 1 + random.below(6);
    EXPECT_EQ(rows_of(overlay, from, until, most), rows_of(committed, from, until, most));
    EXPECT_EQ(overlay.get(from), committed.get(from));
  }
}

TEST(StateViewTest, changes_made_one_after_the_other_are_as_if_made_at_once) {
  Random random{2};
  for (int round = 0; round < 5000; ++round) {
    MapView one_by_one;
    one_by_one.commit(random_changes(random));
    MapView at_once = one_by_one;
    Changes changes = random_changes(random);
    Changes later = random_changes(random);
    one_by_one.commit(changes);
    one_by_one.commit(later);
    changes.add(std::move(later));
    at_once.commit(changes);
    EXPECT_EQ(at_once.all(), one_by_one.all());
  }
}

TEST(StateViewTest, the_end_of_a_prefix_is_above_all_keys_with_it) {
  EXPECT_EQ(end_of_prefix("ab"), "ac");
  EXPECT_EQ(end_of_prefix("a\xff"), "b");
  EXPECT_EQ(end_of_prefix("\xff\xff"), "");
  EXPECT_EQ(end_of_prefix(""), "");
}

TEST(StrongIdTest, hex_is_exact) {
  const std::string text = "00112233445566778899aabbccddeeff";
  EXPECT_EQ(NodeId::from_hex(text)->hex(), text);
  EXPECT_TRUE(NodeId::from_hex(std::string(32, '0'))->is_none());
  for (const std::string& bad : {text.substr(1),
                                 text + "0",
                                 std::string{"00112233445566778899AABBCCDDEEFF"},
                                 std::string{"g0112233445566778899aabbccddeeff"},
                                 std::string{}})
    EXPECT_FALSE(NodeId::from_hex(bad)) << bad;
}

TEST(RandomTest, gives_the_published_numbers) {
  // The reference C code of xoshiro256** and splitmix64, seeded with 0.
  Random random{0};
  const std::vector<std::uint64_t> expected{
      0x99ec5f36cb75f2b4U, 0xbf6e1f784956452aU, 0x1a5f849d4933e6e0U, 0x6aa594f1262d2d2cU};
  for (const std::uint64_t number : expected)
    EXPECT_EQ(random.next(), number);
}

TEST(RandomTest, below_is_in_bounds_and_even) {
  Random random{7};
  for (const std::uint64_t bound : {1ULL, 2ULL, 10ULL, (1ULL << 63) + 1, ~0ULL}) {
    for (int i = 0; i < 1000; ++i)
      EXPECT_LT(random.below(bound), bound);
  }
  std::vector<int> counts(10);
  for (int i = 0; i < 100000; ++i)
    ++counts[random.below(10)];
  for (const int count : counts)
    EXPECT_NEAR(count, 10000, 400);
}

TEST(RandomTest, unit_and_normal_have_their_moments) {
  Random random{7};
  double sum = 0;
  double normal_sum = 0;
  double normal_squares = 0;
  for (int i = 0; i < 100000; ++i) {
    const double unit = random.unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
    sum += unit;
    const double normal = random.normal();
    normal_sum += normal;
    normal_squares += normal * normal;
  }
  EXPECT_NEAR(sum / 100000, 0.5, 0.01);
  EXPECT_NEAR(normal_sum / 100000, 0.0, 0.02);
  EXPECT_NEAR(normal_squares / 100000, 1.0, 0.03);
}

TEST(KeyTest, big_endian_keys_sort_as_their_numbers) {
  Random random{3};
  std::vector<std::uint64_t> numbers{0, 1, 255, 256, ~0ULL};
  for (int i = 0; i < 1000; ++i)
    numbers.push_back(random.next() >> random.below(64));
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(from_big_endian_key(big_endian_key(numbers[i])), numbers[i]);
    if (i > 0) {
      EXPECT_LE(big_endian_key(numbers[i - 1]), big_endian_key(numbers[i]));
    }
  }
}

TEST(HashTest, is_blake2b_and_pieces_do_not_matter) {
  ContentHasher hasher;
  hasher.update(to_bytes("a"));
  hasher.update(to_bytes("bc"));
  // b2sum -l 256
  const char* const abc = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
  EXPECT_EQ(hasher.finish().hex(), abc);
  EXPECT_EQ(hash_of(to_bytes("abc")).hex(), abc);
  EXPECT_EQ(ContentHash::from_hex(abc)->hex(), abc);
}

}  // namespace
}  // namespace starling
