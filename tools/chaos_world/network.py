"""Nodes on one switch, each on a machine of its own: network namespaces of the kernel."""
import collections
import os
import shutil
import subprocess

from chaos_world import namespaces

NOBODY = "02:00:00:00:00:fe"  # a link address that no machine has


class NoNetwork(Exception):
    """This user may not make namespaces, or there is no program that sets them up."""


class Machine:
    """One namespace, with an address on the switch."""

    def __init__(self, number):
        self.address = f"10.77.0.{number}"
        namespaces.leave_for_new(namespaces.NETWORK)
        self.namespace = namespaces.own_network()

    def enter(self):
        namespaces.enter(self.namespace)

    def addresses(self):
        return {"listen": f"{self.address}:7400", "http": f"http://{self.address}:8400"}

    def ip(self, words, is_needed=True):
        done = subprocess.run([Switch.program, *words.split()], preexec_fn=self.enter, text=True,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0 and is_needed:
            raise NoNetwork(f"ip {words}: {done.stderr.strip()}")


class Switch:
    """This process stands at the switch and reaches all machines, whatever is lost between them. Must be
    made before the first thread."""

    program = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    def __init__(self, count):
        if self.program is None:
            raise NoNetwork("there is no program named ip")
        outside = namespaces.own_network()
        try:
            self.machines = [Machine(number) for number in range(1, count + 1)]
            self.hub = Machine(254)
            self.connect()
        except (OSError, NoNetwork) as error:
            namespaces.go_back(outside)
            raise NoNetwork(error) from error
        finally:
            os.close(outside)
        self.losses = collections.Counter()  # (sender, receiver) -> faults that make it so

    def connect(self):
        self.hub.ip("link set lo up")
        self.hub.ip("link add br0 type bridge")
        self.hub.ip(f"addr add {self.hub.address}/24 dev br0")
        self.hub.ip("link set br0 up")
        for number, machine in enumerate(self.machines):
            there = f"/proc/{os.getpid()}/fd/{machine.namespace}"
            self.hub.ip(f"link add p{number} type veth peer name eth0 netns {there}")
            self.hub.ip(f"link set p{number} master br0 up")
            machine.ip("link set lo up")
            machine.ip(f"addr add {machine.address}/24 dev eth0")
            machine.ip("link set eth0 up")

    def lose(self, sender, receiver):
        """What the one sends to the other goes nowhere, without an error; what comes back arrives."""
        self.losses[sender, receiver] += 1
        sender.ip(f"neigh replace {receiver.address} lladdr {NOBODY} nud permanent dev eth0")

    def lose_no_more(self, sender, receiver):
        self.losses[sender, receiver] -= 1
        if self.losses[sender, receiver] == 0:
            sender.ip(f"neigh del {receiver.address} dev eth0")
