"""Where the nodes live: on a switch, on small disks, in memory cgroups, as far as this machine allows and the
chosen faults need it; else on 127.0.0.1, on its disk, in its memory."""
import os
import sys

from chaos_world import disks
from chaos_world.disks import NoDisk, SmallDisk
from chaos_world.faults import MEMORY_MB
from chaos_world.memory_cgroup import Cgroup, NoCgroup
from chaos_world.network import NoNetwork, Switch


class World:
    """Must be made before the first thread, and removed at the end."""

    def __init__(self, nodes, kinds):
        self.nodes = nodes
        self.switch = None
        self.kinds = list(kinds)
        self.left_out = {}  # what cannot be done here, and why
        builders = {"partition": self.connect, "disk": self.give_disks, "memory": self.give_memory}
        try:
            for kind in [kind for kind in kinds if kind in builders]:
                self.build(kind, builders[kind])
        except BaseException:
            self.remove(keeps=False)
            raise

    def build(self, kind, builder):
        try:
            builder()
        except (NoNetwork, NoDisk, NoCgroup) as error:
            self.left_out[kind] = str(error)
            self.kinds.remove(kind)
            print(f"faults of the kind {kind} are left out, since this machine does not allow them: {error}",
                  file=sys.stderr)

    def connect(self):
        self.switch = Switch(len(self.nodes))
        for node, machine in zip(self.nodes, self.switch.machines):
            node.machine = machine

    def give_disks(self):
        """Either all or none: who may mount one may mount all."""
        disks.hide_mounts()
        for node in self.nodes:
            node.disk = SmallDisk(node.data.with_name(f"disk-of-{node.name}"))
            node.data = node.disk.folder / node.name

    def give_memory(self):
        try:
            for node in self.nodes:
                node.cgroup = Cgroup(f"starling-chaos-{os.getpid()}-{node.name}", MEMORY_MB)
                node.memory = None
        except NoCgroup:
            self.remove_cgroups()
            raise

    def oom_kills(self):
        return sum(node.cgroup.kills() for node in self.nodes if node.cgroup)

    def remove(self, keeps):
        for node in self.nodes:
            if node.disk:
                node.disk.remove(keeps)
        self.remove_cgroups()

    def remove_cgroups(self):
        for node in self.nodes:
            if node.cgroup:
                node.cgroup.remove()
                node.cgroup = None
