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
            if not self.is_v1:
                (self.folder / "cgroup.subtree_control").write_text("+memory")
        except OSError as error:
            self.remove()
            raise NoCgroup(error) from error

    def set_limit(self, megabytes):
        """Errors: OSError, v1: more is in use, and cannot be given up."""
        limit = "memory.limit_in_bytes" if self.is_v1 else "memory.max"
        (self.folder / limit).write_text(str(megabytes << 20))

    def enter(self):
        """This process, and what it starts from then on. In v2 only leaves hold processes, and a node
        makes groups of its own in the one that it finds itself in."""
        home = self.folder
        if not self.is_v1:
            home = self.folder / f"process-{os.getpid()}"
            home.mkdir()
        (home / "cgroup.procs").write_text(str(os.getpid()))

    def kills(self):
        """In v1 without those in groups below that are gone: a node that lives says those."""
        if not self.is_v1:
            return self.counted(self.folder / "memory.events")
        return sum(self.counted(pathlib.Path(folder) / "memory.oom_control")
                   for folder, _, _ in os.walk(self.folder))

    @staticmethod
    def counted(file):
        try:
            lines = file.read_text().splitlines()
        except OSError:
            return 0  # The group has just gone.
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def free_mb(self):
        """What is left below the limit; pages of files can be given up."""
        usage, limit = (("memory.usage_in_bytes", "memory.limit_in_bytes") if self.is_v1
                        else ("memory.current", "memory.max"))
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        prefix = "total_" if self.is_v1 else ""
        files = sum(int(stat[f"{prefix}{kind}_file"]) for kind in ("active", "inactive"))
        used = int((self.folder / usage).read_text()) - files
        return (int((self.folder / limit).read_text()) - used) >> 20

    def peak_mb(self):
        name = "memory.max_usage_in_bytes" if self.is_v1 else "memory.peak"
        path = self.folder / name
        return int(path.read_text()) >> 20 if path.exists() else None

    def remove(self):
        for _ in range(100):
            try:
                for folder, _, _ in os.walk(self.folder, topdown=False):
                    os.rmdir(folder)
                return
            except OSError:
                time.sleep(0.05)  # Its processes are just ending.
