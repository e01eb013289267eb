#!/usr/bin/env python3
"""What running trials costs beside training them, on real nodes; JSON on stdout.

  tools/bench_trials/swarm.py [--bin DIR] [--trials N]

- overhead: one slot, one trial at a time: from the end of one trial to the end of the next, less what
  the second trained; drawing, starting, its process, reporting and recording.
- idle: one node of two slots, trials of very uneven lengths, eight at a time: the share of slot time
  in which nothing ran.
- steal: two nodes of one slot each, one with a long trial and another one behind it: from the end of the
  other node's last trial until that runs there, as a follower of the events sees it.
- torch: the overhead where LibTorch's worker trains, so with its start (a fork of a process that has
  loaded it).
- speed-up: two slots against one, and three nodes of one slot against one node of three.
"""
import argparse
import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CALIFORNIA = ROOT.parent / "shared" / "data" / "california" / "california_rtdl.csv"


def load_chaos():
    loader = importlib.machinery.SourceFileLoader("chaos", str(ROOT / "tools" / "chaos"))
    sys.dont_write_bytecode = True
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("chaos", loader))
    loader.exec_module(module)
    return module


class Swarm:
    """Nodes with so many slots each."""

    def __init__(self, chaos, options, slots):
        self.chaos = chaos
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starling-bench-"))
        self.nodes = [chaos.Node(i + 1, self.folder, pathlib.Path(options.bin) / "starling")
                      for i in range(len(slots))]
        self.client = chaos.Client(self.nodes)
        entry = ["--found"]
        for node, count in zip(self.nodes, slots):
            node.slots = count
            node.start(entry)
            node.wait_until_listening()
            entry = ["--join", self.nodes[0].addresses["listen"],
                     "--secret-file", self.nodes[0].data / "swarm-keys"]
        chaos.Chaos.wait("all members", lambda: sum(
            one["state"] == "alive" for one in self.client("/api/v1/swarm")["members"]) == len(slots))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.is_up:
                node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def study(self, file, target, **fields):
        name = f"table-{pathlib.Path(file).stem}"
        known = {one["name"]: one["id"] for one in self.client("/api/v1/datasets")["datasets"]}
        dataset = known.get(name) or self.client(
            f"/api/v1/datasets?name={name}", pathlib.Path(file).read_bytes(), "text/csv")["id"]
        request = {"dataset": dataset, "target": target, **fields}
        if not fields.keys() & {"search_space", "engine"}:
            request["families"] = ["mlp"]  # trials of about one length
        study = self.client("/api/v1/studies", json.dumps(request).encode())["id"]
        path = f"/api/v1/studies/{study}"
        self.chaos.Chaos.wait(
            "the study to end", lambda: self.client(path)["status"] in self.chaos.ENDED, 600)
        return self.client(path), self.client(f"{path}/trials")["trials"]


def percentiles(milliseconds):
    return {"count": len(milliseconds), "p50_ms": round(statistics.median(milliseconds), 1),
            "p95_ms": round(sorted(milliseconds)[int(0.95 * len(milliseconds))], 1)}


def overhead(chaos, options, **fields):
    with Swarm(chaos, options, [1]) as swarm:
        for _ in range(2):  # the first study also writes the table's columns
            _, trials = swarm.study(options.data, options.target, trials=options.trials, epochs=3,
                                    parallelism=1, **fields)
    return percentiles([after["ended_ms"] - before["ended_ms"] - 1000 * after["seconds"]
                        for before, after in zip(trials, trials[1:])])


def torch(chaos, options):
    return overhead(chaos, options, engine="torch")


class Arrivals:
    """When each event came; a stream that the swarm's client follows."""

    def __init__(self, chaos, client):
        self.stream = chaos.Stream(client)
        self.seen = []
        take = self.stream.take
        self.stream.take = lambda cursor, kind, data: (
            take(cursor, kind, data), self.seen.append((time.monotonic(), kind, data)))
        self.stream.start()

    def steals(self):
        """From the end of what the thief ran before to the start of what it stole, in ms."""
        runs, idle_since, stolen, found = {}, {}, {}, []
        for when, kind, data in self.seen:
            trial = (data.get("study"), data.get("number"))
            if kind == "trial_started":
                runs[trial] = data["node"]
                if stolen.pop(trial, None) == data["node"] and data["node"] in idle_since:
                    found.append(1000 * (when - idle_since[data["node"]]))
            elif kind == "trial_finished":
                idle_since[runs.get(trial)] = when
            elif kind == "trial_moved" and "stolen" in data["reason"]:
                stolen[trial] = data["to"]
        return found


def steal(chaos, options):
    wide = {"mlp.width": 512, "mlp.batch_size": 16}
    narrow = {"mlp.width": 16, "mlp.batch_size": 256}
    space = {"mlp.width": {"type": "int", "low": 16, "high": 512, "log": True},
             "mlp.batch_size": {"type": "categorical", "choices": [16, 256]}}
    with Swarm(chaos, options, [1, 1]) as swarm:
        arrivals = Arrivals(chaos, swarm.client)
        for seed in range(options.steals):
            swarm.study(options.data, options.target, trials=4, epochs=20, patience=20, parallelism=4, seed=seed,
                        search_space=space, initial=[wide, narrow, narrow, narrow])
        found = arrivals.steals()
        arrivals.stream.is_over = True
    return percentiles(found)


def busy_share(study, trials, slots):
    begun = min(trial["started_ms"] for trial in trials)
    # The tail, where too few are left for all slots, is no matter of scheduling.
    last_start = max(trial["started_ms"] for trial in trials)
    span = last_start - begun
    used = sum(min(trial["ended_ms"], last_start) - trial["started_ms"] for trial in trials)
    return used / (slots * span)


def idle(chaos, options):
    space = {"mlp.width": {"type": "int", "low": 16, "high": 512, "log": True},
             "mlp.n_layers": {"type": "int", "low": 1, "high": 4},
             "mlp.batch_size": {"type": "categorical", "choices": [16, 256]}}
    with Swarm(chaos, options, [2]) as swarm:
        study, trials = swarm.study(options.data, options.target, trials=options.trials, epochs=30,
                                    patience=30, parallelism=8, search_space=space)
    seconds = sorted(trial["seconds"] for trial in trials)
    return {"idle_share": round(1 - busy_share(study, trials, 2), 4),
            "shortest_s": round(seconds[0], 3), "longest_s": round(seconds[-1], 3)}


def wall(chaos, options, slots, file, target, trials):
    with Swarm(chaos, options, slots) as swarm:
        study, _ = swarm.study(file, target, trials=trials, epochs=30, patience=30, parallelism=8)
    return (study["ended_ms"] - study["started_ms"]) / 1000


def speed_up(chaos, options):
    report = {}
    tables = [("insurance", options.data, options.target, options.trials)]
    if CALIFORNIA.exists():
        tables.append(("california", CALIFORNIA, "MedHouseVal", 12))
    for name, file, target, trials in tables:
        one = wall(chaos, options, [1], file, target, trials)
        two = wall(chaos, options, [2], file, target, trials)
        report[name] = {"one_slot_s": one, "two_slots_s": two, "times": round(one / two, 2)}
    three_nodes = wall(chaos, options, [1, 1, 1], options.data, options.target, options.trials)
    three_slots = wall(chaos, options, [3], options.data, options.target, options.trials)
    report["three_nodes_of_one_slot_s"] = three_nodes
    report["one_node_of_three_slots_s"] = three_slots
    return report


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build" / "release" / "bin"))
    parser.add_argument("--data", default=str(ROOT / "data" / "insurance.csv"))
    parser.add_argument("--target", default="charges")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--steals", type=int, default=25, help="studies in which one trial is stolen")
    options = parser.parse_args()
    chaos = load_chaos()
    report = {}
    for part in (overhead, torch, steal, idle, speed_up):
        print(f"{part.__name__} ...", file=sys.stderr)
        report[part.__name__] = part(chaos, options)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
