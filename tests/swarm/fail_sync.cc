// Preloaded into a node: while the file that FAIL_SYNC_IN names holds the node's process id, the
// disk confirms nothing any more.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>

namespace {

bool is_failing() {
  const char* path = std::getenv("FAIL_SYNC_IN");
  std::FILE* file = path == nullptr ? nullptr : std::fopen(path, "re");
  if (file == nullptr) return false;
  long pid = 0;
  const bool is_read = std::fscanf(file, "%ld", &pid) == 1;
  std::fclose(file);
  return is_read && pid == getpid();
}

int sync_with(const char* name, int file) {
  if (is_failing()) {
    errno = EIO;
    return -1;
  }
  using Sync = int (*)(int);
  const auto real = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  return real(file);
}

}  // namespace

extern "C" int fdatasync(int file) {
  return sync_with("fdatasync", file);
}

extern "C" int fsync(int file) {
  return sync_with("fsync", file);
}
