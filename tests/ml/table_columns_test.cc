// A table's columns in a file that all trials of a node map.
#include "ml/table/column_store.h"
#include "ml/table/encoder.h"
#include "ml/table/table_file.h"
#include "node/base/random.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <unistd.h>

namespace starling::ml {
namespace {

Result<Table> load(const std::filesystem::path& csv,
                   const TableProfile& profile,
                   std::string_view target,
                   const std::filesystem::path& columns = {}) {
  const TableSource source{csv, profile};
  return load_table({&source, 1}, {target}, columns);
}

using testing::HasSubstr;

class Columns : public testing::Test {
 protected:
  Columns() {
    std::filesystem::create_directories(folder_);
    std::ofstream out(csv_);
    out << "n,whole,day,word,note,y\n";
    for (int i = 0; i < 500; ++i) {
      out << fmt::format("{},{},2024-01-{:02},{},a note of its own {},{}\n",
                         i % 7 == 0 ? std::string{} : fmt::format("{}.25", i),
                         i % 100,
                         1 + i % 28,
                         i % 3 == 0   ? ""
                         : i % 2 == 0 ? "even"
                                      : "odd",
                         i,
                         i * 2);
    }
    out.close();
    profile_ = profile_file(csv_).value();
  }

  ~Columns() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / fmt::format("starling_columns_{}", ::getpid());
  std::filesystem::path csv_ = folder_ / "table.csv";
  std::filesystem::path columns_ = folder_ / "d-1.columns";
  TableProfile profile_;
};

/// The inode of the file that is mapped at `place`; 0: none.
std::uint64_t file_behind(const void* place) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t from = 0, to = 0, offset = 0, inode = 0;
    char rights[8], device[16];
    if (std::sscanf(line.c_str(),
                    "%lx-%lx %7s %lx %15s %lu",
                    &from,
                    &to,
                    rights,
                    &offset,
                    device,
                    &inode) != 6)
      continue;
    const auto at = reinterpret_cast<std::uintptr_t>(place);
    if (at >= from && at < to) return inode;
  }
  return 0;
}

void expect_same(const TableColumn& a, const TableColumn& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.levels, b.levels);
  ASSERT_EQ(a.rows(), b.rows());
  for (std::size_t i = 0; i < a.rows(); ++i) {
    if (a.is_number())
      EXPECT_TRUE(a.numbers[i] == b.numbers[i] ||
                  (std::isnan(a.numbers[i]) && std::isnan(b.numbers[i])))
          << a.name << i;
    else
      EXPECT_EQ(a.codes[i], b.codes[i]) << a.name << i;
  }
}

void expect_same(const Table& a, const Table& b) {
  ASSERT_EQ(a.features.size(), b.features.size());
  for (std::size_t i = 0; i < a.features.size(); ++i)
    expect_same(a.features[i], b.features[i]);
  expect_same(a.target, b.target);
  EXPECT_TRUE(std::equal(
      a.row_hashes.begin(), a.row_hashes.end(), b.row_hashes.begin(), b.row_hashes.end()));
}

TEST_F(Columns, AreTheSameFromAFileAsFromMemory) {
  const auto memory = load(csv_, profile_, "y");
  ASSERT_TRUE(memory) << memory.error().detail;
  EXPECT_EQ(memory->features.size(), 4U);  // not the note, which is text
  EXPECT_TRUE(std::isnan(memory->features[0].numbers[0]));
  EXPECT_EQ(memory->features[0].numbers[1], 1.25);
  EXPECT_EQ(memory->features[3].codes[0], -1);
  const auto written = load(csv_, profile_, "y", columns_);
  ASSERT_TRUE(written) << written.error().detail;
  expect_same(*memory, *written);
  std::filesystem::remove(csv_);  // from now on only the columns are there
  const auto mapped = load(csv_, profile_, "y", columns_);
  ASSERT_TRUE(mapped) << mapped.error().detail;
  expect_same(*memory, *mapped);
  const auto other = load(csv_, profile_, "n", columns_);
  ASSERT_TRUE(other) << other.error().detail;
  EXPECT_EQ(other->target.name, "n");
  EXPECT_EQ(other->features.back().name, "y");
}

TEST_F(Columns, ADamagedFileIsWrittenAnew) {
  ASSERT_TRUE(load(csv_, profile_, "y", columns_));
  const auto size = std::filesystem::file_size(columns_);
  for (const std::uint64_t left : {std::uint64_t{0}, std::uint64_t{40}, size / 2, size - 1}) {
    std::filesystem::resize_file(columns_, left);
    const auto again = load(csv_, profile_, "y", columns_);
    ASSERT_TRUE(again) << left << again.error().detail;
    EXPECT_EQ(std::filesystem::file_size(columns_), size) << left;
  }
}

TEST_F(Columns, ManyAtOnceWriteThemOnce) {
  const auto expected = load(csv_, profile_, "y").value();
  std::vector<std::thread> readers;
  std::vector<Result<Table>> tables(8, Error{Errc::not_found, ""});
  for (auto& table : tables)
    readers.emplace_back([&] { table = load(csv_, profile_, "y", columns_); });
  for (auto& reader : readers)
    reader.join();
  for (const auto& table : tables) {
    ASSERT_TRUE(table) << table.error().detail;
    expect_same(expected, *table);
  }
  EXPECT_FALSE(std::filesystem::exists(columns_.string() + ".new"));
  // One file behind all of them: who wrote it again would have left another.
  std::set<std::uint64_t> files;
  for (const auto& table : tables)
    files.insert(file_behind(table->row_hashes.data()));
  EXPECT_EQ(files.size(), 1U);
  EXPECT_NE(*files.begin(), 0U);
}

TEST_F(Columns, LevelsBeyondTheLimitShareOne) {
  std::ofstream out(csv_);
  out << "word,y\n";
  const std::size_t many = kStoredLevelsMax + 500;
  for (std::size_t i = 0; i < 2 * many; ++i)
    out << "w" << i % many << "," << i << ".5\n";
  out.close();
  TableOptions options;
  options.columns["word"] = {ColumnType::category, ColumnRole::feature};
  const auto table = load(csv_, profile_file(csv_, options).value(), "y");
  ASSERT_TRUE(table) << table.error().detail;
  const TableColumn& word = table->features[0];
  EXPECT_EQ(word.levels.size(), kStoredLevelsMax);
  EXPECT_EQ(word.codes[many - 1], static_cast<std::int32_t>(kStoredLevelsMax - 1));
  EXPECT_EQ(word.codes[many], 0);
}

TEST_F(Columns, AFileThatIsNotTheProfilesIsRefused) {
  TableProfile other = profile_;
  other.columns[1].name = "hole";
  EXPECT_THAT(load(csv_, other, "y", columns_).error().detail,
              HasSubstr("the columns of its profile"));
  other = profile_;
  ++other.rows;
  EXPECT_THAT(load(csv_, other, "y").error().detail, HasSubstr("fewer rows than its profile"));
  other.rows -= 2;
  EXPECT_THAT(load(csv_, other, "y").error().detail, HasSubstr("more rows than its profile"));
  EXPECT_FALSE(std::filesystem::exists(columns_));
  EXPECT_FALSE(std::filesystem::exists(columns_.string() + ".new"));
}

TEST(EncodedRows, SpreadToWhatWasPut) {
  EncodedRows rows{2, {{0, 2, false}, {2, 3, true}, {5, 1, false}, {6, 1, false}, {7, 2, true}}};
  EXPECT_EQ(rows.columns(), 9U);
  rows.numbers(0, 0)[1] = 0.5F;
  rows.set_place(0, 1, 2);
  rows.numbers(1, 2)[0] = 4;
  rows.numbers(1, 3)[0] = -1;
  rows.set_place(1, 4, 0);
  EXPECT_THAT(rows.dense().values,
              testing::ElementsAre(0, 0.5F, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, -1, 1, 0));
  EXPECT_THAT(rows.dense(1, 1).values, testing::ElementsAre(0, 0, 0, 0, 0, 4, -1, 1, 0));
  const std::vector<EncodedRows::Feature> features{{0, 2, false}, {2, 50, true}};
  EXPECT_EQ(EncodedRows::row_bytes(features), 10U);
}

}  // namespace
}  // namespace starling::ml
