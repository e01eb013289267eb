"""One process of the swarm, and what is done to it."""
import json
import os
import pathlib
import signal
import subprocess
import time

from chaos_world import namespaces

LAST_WORDS = 4000  # bytes of its log


class Node:
    """On a data directory of its own; on request with a machine, a disk and a memory of its own."""

    def __init__(self, number, folder, program):
        self.name = f"node-{number}"
        self.data = folder / self.name
        self.log = folder / f"{self.name}.log"
        self.program = program
        self.process = None
        self.entry = []
        self.troubles = set()  # of "killed", "ended", "stopped", "cut", "full": why it does not work
        self.addresses = None  # as the node wrote them down; a restarted one listens there again
        self.memory = "512M"  # none: what the node finds
        self.slots = 2
        self.cgroup = None  # to live in
        self.machine = None  # to live on
        self.disk = None  # that `data` lies on

    @property
    def is_up(self):
        return self.process is not None and self.process.poll() is None

    @property
    def works(self):
        """Together with all others that work."""
        return self.is_up and not self.troubles

    @property
    def answers(self):
        """Those who ask from outside."""
        return self.is_up and "stopped" not in self.troubles and self.addresses is not None

    def start(self, entry):
        self.entry = entry
        command = [self.program, "node", "--data", self.data, "--name", self.name,
                   "--slots", self.slots, "--insecure-no-auth", *self.places(), *entry]
        if self.memory:
            command += ["--memory", self.memory]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log,
                                            preexec_fn=self.settle_in)

    def places(self):
        known = self.addresses or {"listen": "127.0.0.1:0", "http": "http://127.0.0.1:0"}
        options = []
        if self.machine:
            known = self.machine.addresses()
            options.append("--insecure-http")
        return [*options, "--listen", known["listen"], "--http", known["http"].split("//")[1]]

    def settle_in(self):
        namespaces.end_with_parent()
        if self.cgroup:
            self.cgroup.enter()
        if self.machine:
            self.machine.enter()

    def restart(self):
        self.start([word for word in self.entry if word != "--found"])

    def wait_until_listening(self, seconds=60):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                addresses = json.loads((self.data / "addresses.json").read_text())
                if addresses["pid"] == self.process.pid:
                    self.addresses = addresses
                    return
            except (OSError, ValueError, KeyError):
                pass
            if not self.is_up:
                raise RuntimeError(f"{self.name} ended at its start; see {self.log}")
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not listen after {seconds} s; see {self.log}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()

    def last_words(self):
        with open(self.log, "rb") as log:
            log.seek(max(0, os.path.getsize(self.log) - LAST_WORDS))
            return log.read().decode(errors="replace")

    def was_killed_by_kernel(self):
        """For lack of memory; asked of one that ended and was not killed by us."""
        return (self.process.returncode == -signal.SIGKILL and self.cgroup is not None
                and self.cgroup.kills() > 0)

    def descendants(self):
        """Worker programs, and the children that they have forked."""
        programs = children_of(self.process.pid)
        return programs, [child for program in programs for child in children_of(program)]


def children_of(pid):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue  # It ended meanwhile.
        if int(stat[stat.rindex(")") + 4:].split()[0]) == pid:
            found.append(int(entry.name))
    return found
