// The store on a disk that loses, tears and fails: what was promised is there after every crash,
// nothing is half there, and a disk that failed once is never believed again. The applied state may
// be an older one, if the log has all that brings it to where it was.
//
// STARLING_STORAGE_SEEDS: how many random lives of a member; 40 unless set.
#include "consensus/storage/log_frame.h"
#include "consensus/storage/memory_log_store.h"
#include "tests/consensus/store_machine.h"
#include "tests/consensus/store_workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <unistd.h>

namespace starling::tests {
namespace {

using consensus::DiskLogStore;
using consensus::MemoryLogStore;

std::uint64_t seeds() {
  const char* text = std::getenv("STARLING_STORAGE_SEEDS");
  return text == nullptr ? 40 : std::strtoull(text, nullptr, 10);
}

/// RocksDB's own list of files is not ours to mend: with a hole in its last, unsynced record the
/// store says that it is damaged.
bool is_torn_manifest(TornEnd end, const Error& error) {
  return end == TornEnd::holes && error.code == Errc::corrupt &&
         error.detail.find("MANIFEST") != std::string::npos;
}

/// Lives and crashes of one member. After each crash the store must hold what it held after one of
/// the calls since the last one that was synced.
class CrashingMember {
 public:
  CrashingMember(std::uint64_t seed, TornEnd end)
      : random_(seed), end_(end), workload_(mix_seeds(seed, 1)) {
    history_.push_back(workload_.content());
  }

  /// Opens, checks, works and crashes once. False: the member has come to its end.
  bool live() {
    StoreMachine machine{image_};
    machine.disk.lose_power_at(1 + random_.below(400));
    const auto opened = machine.open();
    if (!opened) {
      EXPECT_TRUE(is_torn_manifest(end_, opened.error())) << "open: " << opened.error().detail;
      return false;
    }
    if (!check(*machine.store)) return false;
    for (int i = 0; i < 400 && !machine.disk.has_lost_power(); ++i) {
      const auto step = workload_.step(*machine.store);
      EXPECT_TRUE(step.result) << step.call << ": "
                               << (step.result ? "" : step.result.error().detail);
      if (step.is_synced && !machine.disk.has_lost_power()) history_.clear();
      history_.push_back(workload_.content());
    }
    machine.store.reset();
    image_ = machine.disk.crash(random_, end_);
    return true;
  }

  int lost() const { return lost_; }

  int kept() const { return kept_; }

 private:
  bool check(DiskLogStore& store) {
    const auto found = read_content(store);
    if (!found) {
      ADD_FAILURE() << "load: " << found.error().detail;
      return false;
    }
    const auto as_after_a_call =
        std::find_if(history_.begin(), history_.end(), [&](const StoreContent& content) {
          return brought_forward(*found, content) == content;
        });
    if (as_after_a_call == history_.end()) {
      ADD_FAILURE() << "found:    " << to_string(*found)
                    << "\npromised: " << to_string(history_.front())
                    << "\nlast:     " << to_string(history_.back());
      return false;
    }
    ++(found->applied == history_.back().applied && found->log == history_.back().log ? kept_
                                                                                      : lost_);
    workload_.restart(*found);
    history_ = {*found};
    return true;
  }

  Random random_;
  TornEnd end_;
  StoreWorkload workload_;
  DiskImage image_;
  std::vector<StoreContent> history_;
  int lost_ = 0;  ///< crashes that took what was not synced
  int kept_ = 0;
};

class CrashTest : public testing::TestWithParam<TornEnd> {};

TEST_P(CrashTest, LeavesTheStoreAsItWasAfterSomeCall) {
  int lost = 0;
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= seeds() && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    CrashingMember member{seed, GetParam()};
    for (int life = 0; life < 5 && member.live(); ++life) {
    }
    lost += member.lost();
    kept += member.kept();
  }
  EXPECT_GT(lost, 10) << "some crashes should take what was not synced";
  EXPECT_GT(kept, 10);
}

INSTANTIATE_TEST_SUITE_P(EveryTornEnd,
                         CrashTest,
                         testing::Values(TornEnd::cut, TornEnd::holes),
                         [](const auto& end) {
                           return end.param == TornEnd::cut ? "Cut" : "Holes";
                         });

/// As in a node: one thread persists, another applies and compacts behind it.
class TwoThreads {
 public:
  explicit TwoThreads(DiskLogStore& store, const FaultDisk& disk) : store_(store), disk_(disk) {}

  /// Until the power is lost.
  void run() {
    std::thread writer{[this] { persist_all(); }};
    apply_all();
    writer.join();
  }

  LogIndex promised() const { return {promised_.load()}; }

  static std::string value_at(LogIndex index) { return std::string(3000, 'v') + key_at(index); }

  static std::string key_at(LogIndex index) { return "key " + std::to_string(index.value); }

  static consensus::EntryRef entry_at(LogIndex index) {
    return std::make_shared<const consensus::Entry>(consensus::Entry{
        Term{1}, index, consensus::EntryKind::command, std::string(index.value % 5000, 'e'), {}});
  }

 private:
  void persist_all() {
    for (std::uint64_t index = 1; !disk_.has_lost_power(); index += 2) {
      consensus::PersistBatch batch;
      batch.hard = {Term{1}, StoreMachine::self(), {persisted_.load()}, 0};
      batch.append = {entry_at({index}), entry_at({index + 1})};
      EXPECT_TRUE(store_.persist(batch));
      persisted_ = index + 1;
      if (!disk_.has_lost_power()) promised_ = index + 1;
    }
  }

  void apply_all() {
    std::uint64_t applied = 0;
    while (!disk_.has_lost_power()) {
      if (applied == persisted_) {
        std::this_thread::yield();
        continue;
      }
      Changes changes;
      ++applied;
      changes.put(key_at({applied}), value_at({applied}));
      EXPECT_TRUE(store_.apply(changes, {applied}));
      if (applied % 50 != 0) continue;
      const consensus::SnapshotMeta base{{applied - 20}, Term{1}, {}, {}};
      EXPECT_TRUE(store_.compact(base));
    }
  }

  DiskLogStore& store_;
  const FaultDisk& disk_;
  std::atomic<std::uint64_t> persisted_{0};
  std::atomic<std::uint64_t> promised_{0};
};

void check_two_threads(const StoreContent& found, LogIndex promised) {
  EXPECT_GE(found.last(), promised);
  for (const auto& entry : found.log)
    ASSERT_EQ(*entry, *TwoThreads::entry_at(entry->index));
  ASSERT_EQ(found.state.size(), found.applied.value) << "the state is that of the applied index";
  for (LogIndex index{1}; index <= found.applied; index = index.next()) {
    const auto value = found.state.find(TwoThreads::key_at(index));
    ASSERT_TRUE(value != found.state.end() && *value->second.text == TwoThreads::value_at(index))
        << index.value;
  }
}

TEST(StorageFaults, AppliedStateNeverLeadsTheLogWhenTwoThreadsWrite) {
  for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
    SCOPED_TRACE(seed);
    Random random{seed};
    StoreMachine machine;
    ASSERT_TRUE(machine.open());
    machine.disk.lose_power_at(100 + random.below(3000));
    TwoThreads threads{*machine.store, machine.disk};
    threads.run();
    machine.store.reset();
    const TornEnd end = seed % 2 == 0 ? TornEnd::cut : TornEnd::holes;
    StoreMachine after{machine.disk.crash(random, end)};
    const auto opened = after.open();
    if (!opened && is_torn_manifest(end, opened.error())) continue;
    ASSERT_TRUE(opened) << opened.error().detail;
    const auto found = read_content(*after.store);
    ASSERT_TRUE(found) << found.error().detail;
    check_two_threads(*found, threads.promised());
    if (HasFatalFailure()) return;
  }
}

// A failed sync ends the process, so the rest happens in a child. At its end the child leaves what
// its disk holds in a folder, and how far its work was promised.

struct Child {
  StoreMachine machine;
  StoreWorkload workload{7};
  std::atomic<int> done{0};      ///< calls that returned
  std::atomic<int> promised{0};  ///< of them, up to the last synced one
  std::filesystem::path dir;
};

Child* g_child = nullptr;

/// Runs when the store calls abort, on that thread, with no lock of RocksDB held. Another thread
/// may still be at work.
void leave_what_the_disk_holds(int) {
  const int promised = g_child->promised;
  Random random{5};
  for (const auto& [path, bytes] : g_child->machine.disk.crash(random, TornEnd::cut)) {
    const std::filesystem::path copy{g_child->dir.string() + path};
    std::filesystem::create_directories(copy.parent_path());
    std::ofstream out{copy, std::ios::binary};
    out << bytes;
  }
  std::ofstream out{g_child->dir / "promise"};
  out << g_child->done << ' ' << promised << ' ' << g_child->machine.disk.repeated_syncs() << '\n';
}

struct Failing {
  DiskCall call;
  DiskFailure failure;
  const char* where;
  int nth;

  std::string name() const {
    const char* const calls[] = {"Append", "Sync", "Directory", "DirectorySync"};
    return std::string{calls[static_cast<int>(call)]} +
           (failure == DiskFailure::io ? "Io" : "NoSpace") +
           (*where == '\0'    ? "Any"
            : where[0] == '.' ? where + 1
                              : where) +
           std::to_string(nth);
  }
};

/// Works until the process dies. Exits with 4 if the failure goes unseen, 5 if there was none.
void work_until_it_dies(const std::filesystem::path& dir, const Failing& failing) {
  Child child;
  child.dir = dir;
  g_child = &child;
  std::signal(SIGABRT, leave_what_the_disk_holds);
  if (!child.machine.open()) std::_Exit(3);
  const auto nth = static_cast<std::uint64_t>(failing.nth);
  child.machine.disk.fail(failing.call, nth, failing.failure, failing.where);
  for (int i = 0; i < 10000; ++i) {
    const auto step = child.workload.step(*child.machine.store);
    if (!step.result) std::abort();  // as the engine does: RaftEngine::stop_for
    ++child.done;
    if (step.is_synced) child.promised = child.done.load();
  }
  if (child.machine.disk.failures() == 0) std::_Exit(5);
  // A thread of RocksDB saw it and is about to end the process.
  std::signal(SIGALRM, [](int) { std::_Exit(4); });
  ::alarm(20);
  for (;;)
    ::pause();
}

struct Promise {
  int done = 0;
  int promised = 0;
  std::uint64_t repeated_syncs = 0;
};

DiskImage image_in(const std::filesystem::path& dir) {
  DiskImage image;
  for (const auto& file : std::filesystem::recursive_directory_iterator{dir / "state"}) {
    if (!file.is_regular_file()) continue;
    std::ifstream in{file.path(), std::ios::binary};
    const std::string path = "/" + std::filesystem::relative(file.path(), dir).string();
    image[path] = {std::istreambuf_iterator<char>{in}, {}};
  }
  return image;
}

/// What the child's store may hold: as after its last promise, or any call since, or the one that
/// was under way.
std::vector<StoreContent> possible_contents(const Promise& promise) {
  MemoryLogStore nowhere;
  StoreWorkload workload{7};
  std::vector<StoreContent> contents;
  for (int i = 0; i <= promise.done; ++i) {
    if (i >= promise.promised) contents.push_back(workload.content());
    EXPECT_TRUE(workload.step(nowhere).result);
  }
  contents.push_back(workload.content());
  return contents;
}

void check_what_is_left(const std::filesystem::path& dir) {
  Promise promise;
  std::ifstream in{dir / "promise"};
  in >> promise.done >> promise.promised >> promise.repeated_syncs;
  ASSERT_TRUE(in) << "the child should leave its promise";
  EXPECT_EQ(promise.repeated_syncs, 0U) << "no sync is tried again after it failed";
  StoreMachine after{image_in(dir)};
  const auto opened = after.open();
  ASSERT_TRUE(opened) << opened.error().detail;
  const auto found = read_content(*after.store);
  ASSERT_TRUE(found) << found.error().detail;
  const auto possible = possible_contents(promise);
  const auto is_found = [&](const StoreContent& content) {
    return brought_forward(*found, content) == content;
  };
  EXPECT_TRUE(std::any_of(possible.begin(), possible.end(), is_found))
      << to_string(*found) << "\npromised: " << to_string(possible.front());
}

class FailingDiskDeathTest : public testing::TestWithParam<Failing> {};

TEST_P(FailingDiskDeathTest, EndsTheProcessAndNothingPromisedIsLost) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Failing failing = GetParam();
  const auto dir = std::filesystem::path{testing::TempDir()} / ("starling_" + failing.name());
  std::filesystem::create_directories(dir);
  EXPECT_EXIT(work_until_it_dies(dir, failing), testing::KilledBySignal(SIGABRT), "");
  check_what_is_left(dir);
  std::filesystem::remove_all(dir);
}

std::vector<Failing> failings() {
  std::vector<Failing> all;
  for (const int nth : {1, 2, 3, 10, 50}) {
    all.push_back({DiskCall::sync, DiskFailure::io, ".log", nth});
    all.push_back({DiskCall::append, DiskFailure::io, ".log", nth});
    all.push_back({DiskCall::append, DiskFailure::no_space, ".log", nth});
  }
  // In RocksDB's background work: a table of a flush or compaction, and the list of them.
  for (const int nth : {1, 2, 4}) {
    for (const char* where : {".sst", "MANIFEST"}) {
      all.push_back({DiskCall::sync, DiskFailure::io, where, nth});
      all.push_back({DiskCall::append, DiskFailure::io, where, nth});
      all.push_back({DiskCall::append, DiskFailure::no_space, where, nth});
    }
    all.push_back({DiskCall::directory, DiskFailure::io, "", nth});
    all.push_back({DiskCall::directory_sync, DiskFailure::io, "", nth});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryCall,
                         FailingDiskDeathTest,
                         testing::ValuesIn(failings()),
                         [](const auto& each) { return each.param.name(); });

/// Two entries, one applied, something staged.
void fill(DiskLogStore& store) {
  consensus::PersistBatch batch;
  batch.hard = {Term{1}, StoreMachine::self(), {2}, 0};
  batch.append = {TwoThreads::entry_at({1}), TwoThreads::entry_at({2})};
  ASSERT_TRUE(store.persist(batch));
  ASSERT_TRUE(store.apply({}, {1}));
  ASSERT_TRUE(store.stage(std::string{"\0\0\0\1\0\0\0\1kv", 10}));
}

class OpeningTest : public testing::TestWithParam<DiskCall> {};

TEST_P(OpeningTest, FailsWithAnErrorAndSucceedsLater) {
  StoreMachine first;
  ASSERT_TRUE(first.open());
  ASSERT_NO_FATAL_FAILURE(fill(*first.store));
  const auto content = read_content(*first.store).value();
  first.store.reset();
  const DiskImage whole = first.disk.files();
  DiskImage torn = whole;
  std::string& log = torn.at(std::string{StoreMachine::kDir} + "/log/000000000001.log");
  log.replace(consensus::scan_segment(log, 1).end, 7, "a write");
  for (const DiskImage& image : {DiskImage{}, whole, torn}) {
    const StoreContent expected = image.empty() ? StoreContent{} : content;
    for (std::uint64_t nth = 1;; ++nth) {
      SCOPED_TRACE(nth);
      StoreMachine machine{image};
      machine.disk.fail(GetParam(), nth, DiskFailure::io);
      const auto opened = machine.open();
      machine.disk.heal();
      if (machine.disk.failures() == 0) break;
      if (!opened) {
        EXPECT_EQ(opened.error().code, Errc::io) << opened.error().detail;
      }
      machine.store.reset();
      const auto again = machine.open();
      ASSERT_TRUE(again) << again.error().detail;
      EXPECT_EQ(read_content(*machine.store).value(), expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCall,
                         OpeningTest,
                         testing::Values(DiskCall::append,
                                         DiskCall::sync,
                                         DiskCall::directory,
                                         DiskCall::directory_sync));

}  // namespace
}  // namespace starling::tests
