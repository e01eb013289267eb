"""Memory cgroups of the kernel, v1 or v2."""
import os
import pathlib
import time


class NoCgroup(Exception):
    """This user may not make one, or there are none."""


class Cgroup:
    """One with a limit, which can be changed while processes live in it."""

    def __init__(self, name, megabytes):
        v1 = pathlib.Path("/sys/fs/cgroup/memory")
        self.is_v1 = (v1 / "memory.limit_in_bytes").exists()
        self.folder = (v1 if self.is_v1 else pathlib.Path("/sys/fs/cgroup")) / name
        try:
            self.folder.mkdir()
        except OSError as error:
            raise NoCgroup(error) from error
        try:
            self.set_limit(megabytes)
        except OSError as error:
            self.remove()
            raise NoCgroup(error) from error

    def set_limit(self, megabytes):
        """Errors: OSError, v1: more is in use, and cannot be given up."""
        limit = "memory.limit_in_bytes" if self.is_v1 else "memory.max"
        (self.folder / limit).write_text(str(megabytes << 20))

    def enter(self):
        """This process, and what it starts from then on."""
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        text = (self.folder / ("memory.oom_control" if self.is_v1 else "memory.events")).read_text()
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))

    def peak_mb(self):
        name = "memory.max_usage_in_bytes" if self.is_v1 else "memory.peak"
        path = self.folder / name
        return int(path.read_text()) >> 20 if path.exists() else None

    def remove(self):
        for _ in range(100):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.05)  # Its processes are just ending.
