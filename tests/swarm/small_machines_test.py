#!/usr/bin/env python3
"""Nodes in real memory cgroups (v1 or v2): a machine of 512 MB runs a study whose networks do not all
fit, and beside one of 2 GB the large ones go there.

  small_machines_test.py BUILD_DIR [--trials N] [--json FILE]

Exits with 77, and says why, where no memory cgroup can be made.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))

from chaos_world.memory_cgroup import Cgroup, NoCgroup

ROWS = 200  # of insurance.csv: what is large here is the networks
LONG = {"mlp.width": {"type": "int", "low": 190, "high": 200},
        "mlp.n_layers": {"type": "int", "low": 3, "high": 4}}
LEFT_MB = 34  # below a tenth of 512, above a twentieth, where a trial is ended at once
STEP_MB = 4
TAKER = f"""
import sys
taken = []
while True:
    sys.stdout.write(".")
    sys.stdout.flush()
    if not sys.stdin.read(1): break
    taken.append(b"x" * ({STEP_MB} << 20))
"""
NOTHING = 4  # MB: less is no difference
SPACE = {"mlp.width": {"type": "int", "low": 32, "high": 4096, "log": True},
         "mlp.n_layers": {"type": "int", "low": 1, "high": 4},
         "mlp.batch_size": {"type": "categorical", "choices": [32, 64, 128]}}


def load_chaos():
    loader = importlib.machinery.SourceFileLoader("chaos", str(ROOT / "tools" / "chaos"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", loader))
    loader.exec_module(module)
    return module


class Machines:
    """One node in each cgroup."""

    def __init__(self, chaos, build, groups):
        self.chaos = chaos
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starling-small-"))
        self.nodes = []
        for number, group in enumerate(groups, 1):
            node = chaos.Node(number, self.folder, build / "bin" / "starling")
            node.memory = None
            node.cgroup = group
            self.nodes.append(node)
        self.client = chaos.Client(self.nodes)

    def start(self):
        self.found()
        self.join()

    def found(self):
        self.nodes[0].start(["--found"])
        self.nodes[0].wait_until_listening()

    def join(self):
        first = self.nodes[0]
        for node in self.nodes[1:]:
            node.start(["--join", first.addresses["listen"],
                        "--secret-file", first.data / "swarm-keys"])
            node.wait_until_listening()
        self.chaos.Chaos.wait("all members", lambda: self.alive() == len(self.nodes))

    def alive(self):
        return sum(one["state"] == "alive" for one in self.client("/api/v1/swarm")["members"])

    def study(self, trials):
        study = self.begin_study({"trials": trials, "epochs": 2, "parallelism": 4,
                                  "search_space": SPACE})
        return self.end_of(study), self.trials_of(study)

    def begin_study(self, request):
        table = "".join(open(ROOT / "data" / "insurance.csv").readlines()[:ROWS + 1]).encode()
        dataset = self.client("/api/v1/datasets?name=table", table, "text/csv")["id"]
        request = {"dataset": dataset, "target": "charges", **request}
        return self.client("/api/v1/studies", json.dumps(request).encode())["id"]

    def end_of(self, study):
        seen = {}

        def has_ended():  # the next answer may come from a node that is behind
            seen.update(self.client(f"/api/v1/studies/{study}"))
            return seen["status"] in self.chaos.ENDED

        self.chaos.Chaos.wait("the study to end", has_ended, 600)
        return seen

    def trials_of(self, study):
        return self.client(f"/api/v1/studies/{study}/trials")["trials"]

    def moves_of(self, study):
        return [past for trial in self.trials_of(study) for past in trial["past_attempts"]
                if past["cause"] == "moved"]

    def stop(self):
        for node in self.nodes:
            if node.is_up:
                node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_close(trial):
    predicted, peak = trial["predicted_peak_mb"], trial["peak_mb"]
    return abs(predicted - peak) <= NOTHING or peak / 1.25 <= predicted <= peak * 1.25


def ended_by_kernel(trials):
    return sum("the kernel ended" in past["reason"] for trial in trials
               for past in trial["past_attempts"])


def explained(trials):
    return all(trial["error"] for trial in trials if trial["state"] in ("infeasible", "failed"))


def check(findings, is_so, sentence):
    findings.append(("ok    " if is_so else "WRONG ") + sentence)
    return is_so


def one_small(chaos, build, trials, report):
    group = Cgroup(f"starling-small-{os.getpid()}", 512)
    machines = Machines(chaos, build, [group])
    findings = []
    try:
        machines.start()
        study, all_trials = machines.study(trials)
        node_died = not machines.nodes[0].is_up
        peak_mb = group.peak_mb()
        kills = group.kills() + ended_by_kernel(all_trials)
    finally:
        machines.stop()
        group.remove()
    completed = [trial for trial in all_trials if trial["state"] == "completed"]
    refused = [trial for trial in all_trials if trial["state"] == "infeasible"]
    # What it really would have used is not known of a refused one: its estimate stands for it.
    would_fit = [trial for trial in refused if trial["estimate_mb"] / 1.25 < 0.9 * (512 - 64)]
    admitted = len(completed) / max(len(completed) + len(would_fit), 1)
    close = sum(map(is_close, completed)) / max(len(completed), 1)
    report["one_512"] = {"trials": trials, "completed": len(completed), "infeasible": len(refused),
                         "oom_kills": kills, "peak_mb": peak_mb, "close": round(close, 3),
                         "admitted": round(admitted, 3),
                         "largest_mb": max((trial["peak_mb"] for trial in completed), default=0)}
    check(findings, study["status"] == "completed", f"the study is {study['status']}")
    check(findings, len(all_trials) == trials, f"{len(all_trials)} of {trials} trials are there")
    check(findings, not node_died, "the node lives")
    check(findings, kills == 0, f"the kernel ended {kills} processes, at most {peak_mb} MB in use")
    check(findings, refused, f"{len(refused)} networks are too large for it")
    check(findings, explained(all_trials), "each that did not run says why")
    check(findings, admitted >= 0.9, f"{admitted:.0%} of what would fit was admitted")
    check(findings, close >= 0.9, f"{close:.0%} of predictions are within 1.25 times or {NOTHING} MB")
    return findings


def small_and_large(chaos, build, trials, report):
    groups = [Cgroup(f"starling-{name}-{os.getpid()}", megabytes)
              for name, megabytes in (("small", 512), ("large", 2048))]
    machines = Machines(chaos, build, groups)
    findings = []
    try:
        machines.start()
        study, all_trials = machines.study(trials)
        kills = sum(group.kills() for group in groups) + ended_by_kernel(all_trials)
    finally:
        machines.stop()
        for group in groups:
            group.remove()
    large = [trial for trial in all_trials if trial["predicted_peak_mb"] > 0.9 * (512 - 64)]
    fitting = [trial for trial in large if trial["predicted_peak_mb"] <= 0.9 * (2048 - 64)]
    there = [trial for trial in fitting if trial["node_name"] == "node-2"]
    refused = [trial for trial in all_trials if trial["state"] == "infeasible"]
    report["512_and_2048"] = {"trials": trials, "large": len(fitting), "on_large": len(there),
                              "infeasible": len(refused), "oom_kills": kills}
    check(findings, study["status"] == "completed", f"the study is {study['status']}")
    check(findings, fitting and len(there) == len(fitting),
          f"{len(there)} of {len(fitting)} large trials ran on the large node")
    beyond = [trial for trial in large if trial not in fitting]
    why = "".join(f"; {trial['error']}" for trial in refused if trial not in beyond)
    check(findings, refused == beyond,
          f"{len(refused)} trials were refused, {len(beyond)} are too large for both{why}")
    check(findings, kills == 0, f"the kernel ended {kills} processes")
    small = sum(trial["node_name"] == "node-1" for trial in all_trials)
    check(findings, small > 0, f"the small node ran {small} trials")
    return findings


class Taker:
    """A process that takes memory until it is ended."""

    def __init__(self):
        self.process = None

    def take_all_but(self, left_mb, group):
        self.process = subprocess.Popen([sys.executable, "-c", TAKER], preexec_fn=group.enter,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.read(1)
        while group.free_mb() > left_mb + STEP_MB:
            self.process.stdin.write(b"!")
            self.process.stdin.flush()
            self.process.stdout.read(1)

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


def short_of_memory(chaos, build, _, report):
    """Something else takes the memory beside a node: it lets a trial go on at another one."""
    groups = [Cgroup(f"starling-{name}-{os.getpid()}", 512) for name in ("short", "roomy")]
    machines = Machines(chaos, build, groups)
    taker = Taker()
    findings = []
    try:
        machines.found()
        study = machines.begin_study({"trials": 2, "epochs": 3000, "patience": 3000,
                                      "parallelism": 2, "search_space": LONG})
        chaos.Chaos.wait("two trials to run", lambda: sum(
            trial["state"] == "running" for trial in machines.trials_of(study)) == 2)
        machines.join()
        own_groups = [len(list(group.folder.rglob("starling-trial-*"))) for group in groups]
        taker.take_all_but(LEFT_MB, groups[0])
        chaos.Chaos.wait("a trial to move", lambda: machines.moves_of(study))
        taker.end()
        ended = machines.end_of(study)
        trials = machines.trials_of(study)
        moved = machines.moves_of(study)
        kills = sum(group.kills() for group in groups) + ended_by_kernel(trials)
    finally:
        taker.end()
        machines.stop()
        for group in groups:
            group.remove()
    report["short_of_memory"] = {"moved": moved, "oom_kills": kills}
    check(findings, ended["status"] == "completed", f"the study is {ended['status']}")
    check(findings, own_groups[0] == 2, f"{own_groups[0]} trials have groups of their own")
    check(findings, "memory" in moved[0]["reason"], f"one moved: {moved[0]['reason']}")
    check(findings, kills == 0, f"the kernel ended {kills} processes")
    check(findings, all(trial["state"] == "completed" for trial in trials), "both completed")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    chaos = load_chaos()
    report = {}
    findings = []
    try:
        for part in (one_small, small_and_large, short_of_memory):
            findings += [f"{part.__name__}: {line}"
                         for line in part(chaos, options.build, options.trials, report)]
    except NoCgroup as error:
        print(f"skipped: no memory cgroup can be made here: {error}")
        return 77
    print("\n".join(findings))
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any("WRONG" in line for line in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
