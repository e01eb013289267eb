"""What is done to nodes, drawn from a seed: the same draws in the same order whatever becomes of the swarm.
Which node a draw hits depends on who works at that moment."""
import collections
import itertools
import os
import random
import re
import signal
import time

KINDS = {  # what --faults chooses -> what is drawn, how often
    "kill": {"node": 5, "worker": 2, "program": 1},
    "stop": {"stop": 1},
    "partition": {"cut": 1, "split": 1, "deaf": 1},
    "disk": {"disk": 2},
    "memory": {"limit": 2},
}
BUDGETS = ["192M", "512M", "1G"]
MEMORY_MB = 1024  # of a node's cgroup
LEAST_MB = (96, 256)  # what a limit is lowered to
NO_ROOM = re.compile("No space left on device.*; this node stops")
LEAVES_MB = [0, 0, 100]  # on a full disk; 100: the node may write, but takes nothing that grows

Draw = collections.namedtuple("Draw", "what order pause share budget limit_mb leaves_mb goes_on_filling")


def voters_of(nodes):
    return 5 if nodes >= 5 else 3


class Faults:
    """Takes nodes out and brings them back; of those that vote, a majority always works together."""

    def __init__(self, nodes, switch, kinds, seed):
        self.nodes = nodes
        self.switch = switch
        self.random = random.Random(seed)
        self.weights = {what: weight for kind in kinds for what, weight in KINDS[kind].items()}
        self.counts = dict.fromkeys([*self.weights, "shrink"], 0)
        self.ends = {"node_oom_kills": 0, "ended_by_full_disk": 0}
        self.due = []  # (when, what is done then)
        self.squeezed = set()
        self.greedy = set()  # disks that somebody goes on filling
        self.wrong = []

    @property
    def kills(self):
        return sum(self.counts.get(what, 0) for what in ("node", "worker", "program"))

    def draw(self):
        """Takes as much from the generator whatever the state of the swarm is."""
        chance = self.random
        return Draw(what=chance.choices(list(self.weights), list(self.weights.values()))[0],
                    order=chance.sample(self.nodes, len(self.nodes)), pause=chance.uniform(0.2, 3),
                    share=chance.random(), budget=chance.choice(BUDGETS), limit_mb=chance.randint(*LEAST_MB),
                    leaves_mb=chance.choice(LEAVES_MB), goes_on_filling=chance.random() < 0.5)

    def hurt(self):
        """Counted if it came about."""
        draw = self.draw()
        if getattr(self, f"do_{draw.what}")(draw):
            self.counts[draw.what] += 1

    def working(self, draw):
        return [node for node in draw.order if node.works]

    def may_take(self, draw):
        """As many as can be spared, even if all of them vote."""
        out = len(self.nodes) - len(self.working(draw))
        return self.working(draw)[:max(0, voters_of(len(self.nodes)) // 2 - out)]

    def later(self, seconds, what):
        self.due.append((time.monotonic() + seconds, what))

    def bring_back(self, all_of_them=False):
        for entry in sorted(self.due, key=lambda entry: entry[0]):
            if all_of_them or entry[0] <= time.monotonic():
                self.due.remove(entry)
                entry[1]()
        if all_of_them and self.due:
            self.bring_back(all_of_them)

    # --- processes -------------------------------------------------------------------------------

    def do_node(self, draw):
        for node in self.may_take(draw)[:1]:
            node.troubles.add("killed")
            node.kill()
            if draw.share < 0.3 and node is not self.nodes[0]:  # One keeps room for the largest network.
                node.memory = draw.budget
                self.counts["shrink"] += 1
            self.later(draw.pause, lambda: self.restart(node))
            return True

    def restart(self, node):
        if "full" in node.troubles:  # It ended for that, and would again.
            return self.later(0.2, lambda: self.restart(node))
        node.restart()
        node.troubles -= {"killed", "ended"}
        try:
            node.wait_until_listening()
        except RuntimeError:
            if not node.was_killed_by_kernel():
                raise
            self.note_end(node)

    def do_stop(self, draw):
        for node in self.may_take(draw)[:1]:
            node.signal(signal.SIGSTOP)
            node.troubles.add("stopped")
            self.later(4 * draw.pause, lambda: self.go_on(node))
            return True

    def go_on(self, node):
        node.signal(signal.SIGCONT)
        node.troubles.discard("stopped")

    def do_worker(self, draw):
        return self.kill_one_of(draw, 1)

    def do_program(self, draw):
        return self.kill_one_of(draw, 0)

    def kill_one_of(self, draw, generation):
        pids = self.working(draw)[0].descendants()[generation]
        if not pids:
            return False
        try:
            os.kill(pids[int(draw.share * len(pids))], signal.SIGKILL)
        except ProcessLookupError:
            return False  # It ended by itself.
        return True

    # --- the network -----------------------------------------------------------------------------

    def do_cut(self, draw):
        """One from all others."""
        return self.part(self.may_take(draw)[:1], draw.pause)

    def do_split(self, draw):
        """As many as can be spared from all others; they reach each other."""
        return self.part(self.may_take(draw), draw.pause)

    def part(self, few, pause):
        others = [node for node in self.nodes if node not in few]
        pairs = list(itertools.product(few, others))
        return self.lose(few, pairs + [(there, here) for here, there in pairs], pause)

    def do_deaf(self, draw):
        """One does not hear another one, which hears it."""
        deaf = self.may_take(draw)[:1]
        return self.lose(deaf, [(node, deaf[0]) for node in self.working(draw)[1:2] if deaf], draw.pause)

    def lose(self, few, pairs, pause):
        for node in few:
            node.troubles.add("cut")
        for sender, receiver in pairs if few else []:
            self.switch.lose(sender.machine, receiver.machine)
        if few:
            self.later(4 * pause, lambda: self.heal(few, pairs))
        return bool(few)

    def heal(self, few, pairs):
        for sender, receiver in pairs:
            self.switch.lose_no_more(sender.machine, receiver.machine)
        for node in few:
            node.troubles.discard("cut")

    # --- disk and memory -------------------------------------------------------------------------

    def do_disk(self, draw):
        for node in self.may_take(draw)[:1]:
            node.troubles.add("full")
            node.disk.fill(draw.leaves_mb)
            if draw.goes_on_filling and draw.leaves_mb == 0:
                self.greedy.add(node.disk)
            self.later(4 * draw.pause, lambda: self.give_room(node))
            return True

    def is_disk_full(self):
        return any("full" in node.troubles for node in self.nodes)

    def give_room(self, node):
        self.greedy.discard(node.disk)
        node.disk.empty()
        node.troubles.discard("full")

    def do_limit(self, draw):
        """Such a node goes on working. What lies on its disk is memory too, and comes on top."""
        for node in [node for node in self.working(draw) if node not in self.squeezed][:1]:
            try:
                node.cgroup.set_limit(draw.limit_mb + (int(node.disk.held_mb()) if node.disk else 0))
            except OSError:
                return False  # More is in use than that.
            self.squeezed.add(node)
            self.later(4 * draw.pause, lambda: self.give_memory(node))
            return True

    def give_memory(self, node):
        node.cgroup.set_limit(MEMORY_MB)
        self.squeezed.discard(node)

    # --- nodes that ended by themselves ----------------------------------------------------------

    def look_after_nodes(self):
        self.watch()
        self.bring_back()

    def watch(self):
        for disk in self.greedy:
            disk.fill(0)
        for node in self.nodes:
            if not node.is_up and not node.troubles & {"killed", "ended"}:
                self.note_end(node)

    def note_end(self, node):
        node.troubles.add("ended")
        if node.was_killed_by_kernel():
            self.ends["node_oom_kills"] += 1
        elif node.disk and NO_ROOM.search(node.last_words()):
            self.ends["ended_by_full_disk"] += 1
        else:
            self.wrong.append(f"{node.name} ended by itself ({node.process.returncode}); see {node.log}")
        self.later(1, lambda: self.restart(node))
