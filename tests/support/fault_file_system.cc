#include "tests/support/fault_file_system.h"

#include <rocksdb/file_system.h>

#include <algorithm>
#include <cstdarg>
#include <cstring>

namespace starling::tests {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus to_status(const std::optional<DiskFailure>& failure) {
  if (!failure) return IOStatus::OK();
  if (*failure == DiskFailure::no_space) return IOStatus::NoSpace("no space left on this disk");
  return IOStatus::IOError("this disk fails");
}

IOStatus missing(const std::string& path) {
  return IOStatus::PathNotFound(path);
}

std::string plain(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

IOStatus give(const std::string& bytes, Slice* result, char* scratch) {
  std::memcpy(scratch, bytes.data(), bytes.size());
  *result = Slice{scratch, bytes.size()};
  return IOStatus::OK();
}

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  SequentialFile(FaultDisk& disk, FaultDisk::FileRef file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Read(
      size_t size, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    const std::string bytes = disk_.read(file_, at_, size);
    at_ += bytes.size();
    return give(bytes, result, scratch);
  }

  IOStatus Skip(uint64_t size) override {
    at_ += size;
    return IOStatus::OK();
  }

 private:
  FaultDisk& disk_;
  FaultDisk::FileRef file_;
  std::size_t at_ = 0;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccessFile(FaultDisk& disk, FaultDisk::FileRef file)
      : disk_(disk), file_(std::move(file)) {}

  IOStatus Read(uint64_t offset,
                size_t size,
                const IOOptions&,
                Slice* result,
                char* scratch,
                IODebugContext*) const override {
    return give(disk_.read(file_, offset, size), result, scratch);
  }

 private:
  FaultDisk& disk_;
  FaultDisk::FileRef file_;
};

class WritableFile : public rocksdb::FSWritableFile {
 public:
  using FSWritableFile::Append;

  WritableFile(FaultDisk& disk, FaultDisk::FileRef file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    return to_status(disk_.append(file_, data.ToStringView()));
  }

  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    return size == disk_.size_of(file_) ? IOStatus::OK() : to_status(disk_.truncate(file_, size));
  }

  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  IOStatus Sync(const IOOptions&, IODebugContext*) override { return to_status(disk_.sync(file_)); }

  bool IsSyncThreadSafe() const override { return true; }

  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return disk_.size_of(file_); }

 private:
  FaultDisk& disk_;
  FaultDisk::FileRef file_;
};

class RandomRWFile : public rocksdb::FSRandomRWFile {
 public:
  RandomRWFile(FaultDisk& disk, FaultDisk::FileRef file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions&, IODebugContext*) override {
    return to_status(disk_.overwrite(file_, offset, data.ToStringView()));
  }

  IOStatus Read(uint64_t offset,
                size_t size,
                const IOOptions&,
                Slice* result,
                char* scratch,
                IODebugContext*) const override {
    return give(disk_.read(file_, offset, size), result, scratch);
  }

  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

  IOStatus Sync(const IOOptions&, IODebugContext*) override { return to_status(disk_.sync(file_)); }

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return to_status(disk_.sync(file_));
  }

  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  FaultDisk& disk_;
  FaultDisk::FileRef file_;
};

class Directory : public rocksdb::FSDirectory {
 public:
  Directory(FaultDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return to_status(disk_.sync_directory(path_));
  }

  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  FaultDisk& disk_;
  std::string path_;
};

class SilentLogger : public rocksdb::Logger {
 public:
  using Logger::Logv;

  void Logv(const char*, va_list) override {}

  size_t GetLogFileSize() const override { return 0; }
};

class FaultFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultFileSystem(FaultDisk& disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk) {}

  const char* Name() const override { return "FaultFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path,
                             const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext*) override {
    auto file = disk_.find(path);
    if (!file) return missing(path);
    *result = std::make_unique<SequentialFile>(disk_, std::move(file));
    return IOStatus::OK();
  }

  IOStatus NewRandomAccessFile(const std::string& path,
                               const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    auto file = disk_.find(path);
    if (!file) return missing(path);
    *result = std::make_unique<RandomAccessFile>(disk_, std::move(file));
    return IOStatus::OK();
  }

  IOStatus NewWritableFile(const std::string& path,
                           const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext*) override {
    const auto failure = disk_.create(path);
    if (failure) return to_status(failure);
    *result = std::make_unique<WritableFile>(disk_, disk_.find(path));
    return IOStatus::OK();
  }

  IOStatus ReopenWritableFile(const std::string& path,
                              const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result,
                              IODebugContext* debug) override {
    auto file = disk_.find(path);
    if (!file) return NewWritableFile(path, options, result, debug);
    *result = std::make_unique<WritableFile>(disk_, std::move(file));
    return IOStatus::OK();
  }

  IOStatus ReuseWritableFile(const std::string&,
                             const std::string&,
                             const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*,
                             IODebugContext*) override {
    return IOStatus::NotSupported("no log file is used twice here");
  }

  IOStatus NewRandomRWFile(const std::string& path,
                           const FileOptions&,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* result,
                           IODebugContext*) override {
    auto file = disk_.find(path);
    if (!file) return missing(path);
    *result = std::make_unique<RandomRWFile>(disk_, std::move(file));
    return IOStatus::OK();
  }

  IOStatus NewDirectory(const std::string& path,
                        const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext*) override {
    *result = std::make_unique<Directory>(disk_, plain(path));
    return IOStatus::OK();
  }

  IOStatus FileExists(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_.find(path) ? IOStatus::OK() : IOStatus::NotFound(path);
  }

  IOStatus GetChildren(const std::string& path,
                       const IOOptions&,
                       std::vector<std::string>* result,
                       IODebugContext*) override {
    *result = disk_.children(plain(path));
    return IOStatus::OK();
  }

  IOStatus DeleteFile(const std::string& path, const IOOptions&, IODebugContext*) override {
    return disk_.find(path) ? to_status(disk_.remove(path)) : missing(path);
  }

  // Directories are there as soon as a path names them.
  IOStatus CreateDir(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

  IOStatus CreateDirIfMissing(const std::string&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

  IOStatus GetFileSize(const std::string& path,
                       const IOOptions&,
                       uint64_t* size,
                       IODebugContext*) override {
    const auto file = disk_.find(path);
    if (!file) return missing(path);
    *size = disk_.size_of(file);
    return IOStatus::OK();
  }

  IOStatus GetFileModificationTime(const std::string&,
                                   const IOOptions&,
                                   uint64_t* time,
                                   IODebugContext*) override {
    *time = 0;
    return IOStatus::OK();
  }

  IOStatus RenameFile(const std::string& from,
                      const std::string& to,
                      const IOOptions&,
                      IODebugContext*) override {
    return disk_.find(from) ? to_status(disk_.rename(from, to)) : missing(from);
  }

  IOStatus LinkFile(const std::string&,
                    const std::string&,
                    const IOOptions&,
                    IODebugContext*) override {
    return IOStatus::NotSupported("no links here");
  }

  IOStatus LockFile(const std::string&,
                    const IOOptions&,
                    rocksdb::FileLock** lock,
                    IODebugContext*) override {
    *lock = new rocksdb::FileLock;
    return IOStatus::OK();
  }

  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }

  IOStatus NewLogger(const std::string&,
                     const IOOptions&,
                     std::shared_ptr<rocksdb::Logger>* result,
                     IODebugContext*) override {
    *result = std::make_shared<SilentLogger>();
    return IOStatus::OK();
  }

  IOStatus GetFreeSpace(const std::string&,
                        const IOOptions&,
                        uint64_t* free,
                        IODebugContext*) override {
    *free = std::uint64_t{1} << 40;
    return IOStatus::OK();
  }

 private:
  FaultDisk& disk_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> env_on(FaultDisk& disk) {
  return rocksdb::NewCompositeEnv(std::make_shared<FaultFileSystem>(disk));
}

}  // namespace starling::tests
