#!/usr/bin/env python3
"""A table several times as large as the memory of each node: uploaded, profiled, encoded and trained on by
nodes in memory cgroups of 512 MB. JSON on stdout.

  tools/bench_trials/large_table.py SURVEY.csv.gz [--bin BUILD] [--megabytes 2000] [--nodes 2]

Each row is two rows of the survey (freeCodeCamp 2018) side by side, drawn by chance; numbers of the second get
noise, so that rows differ. Exits with 77 where no memory cgroup can be made.
"""
import argparse
import csv
import gzip
import importlib.util
import json
import os
import pathlib
import random
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_table(survey, path, megabytes):
    """Returns the number of rows."""
    with gzip.open(survey, "rt", newline="") as text:
        rows = list(csv.reader(text))
    names, rows = rows[0], rows[1:]
    number = [name for name in ("age", "income", "hours_learning", "months_programming") if name in names]
    places = [len(names) + names.index(name) for name in number]
    chance = random.Random(1)
    count = 0
    with open(path, "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(names + [f"{name}_of_friend" for name in names])
        while out.tell() < megabytes * 1_000_000:
            for _ in range(10_000):
                row = rows[chance.randrange(len(rows))] + rows[chance.randrange(len(rows))]
                for place in places:
                    row[place] = f"{chance.random() * 100:.4f}"
                writer.writerow(row)
            count += 10_000
    return count


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("survey", type=pathlib.Path)
    options.add_argument("--bin", type=pathlib.Path, default=ROOT / "build" / "release")
    options.add_argument("--megabytes", type=int, default=2000)
    options.add_argument("--nodes", type=int, default=2)
    options = options.parse_args()
    small = load("small", ROOT / "tests" / "swarm" / "small_machines_test.py")
    chaos = small.load_chaos()
    groups = []
    try:
        for i in range(options.nodes):
            groups.append(small.Cgroup(f"starling-large-{os.getpid()}-{i}", 512))
    except small.NoCgroup as error:
        print(f"skipped: no memory cgroup can be made: {error}", file=sys.stderr)
        return 77
    machines = small.Machines(chaos, options.bin, groups)
    report = {}
    try:
        table = machines.folder / "survey.csv"
        report["rows"] = write_table(options.survey, table, options.megabytes)
        report["megabytes"] = table.stat().st_size // 1_000_000
        machines.start()
        report.update(run(machines, chaos, table))
        report["oom_kills"] = sum(group.kills() for group in groups)
        report["nodes"] = [{"limit_mb": 512, "peak_mb": group.peak_mb()} for group in groups]
    finally:
        machines.stop()
        for group in groups:
            group.remove()
    print(json.dumps(report, indent=1))
    return 0 if report["study"] == "completed" and report["oom_kills"] == 0 else 1


def upload(machines, table):
    """From the file as it goes: nothing here may hold it."""
    node = machines.nodes[0]
    token = (node.data / "admin-token").read_text().strip()
    with open(table, "rb") as body:
        request = urllib.request.Request(f"{node.addresses['http']}/api/v1/datasets?name=survey", body, {
            "Authorization": f"Bearer {token}", "Content-Type": "text/csv",
            "Content-Length": str(table.stat().st_size)})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


def run(machines, chaos, table):
    report = {}
    began = time.monotonic()
    dataset = upload(machines, table)
    report["upload_and_profile_s"] = round(time.monotonic() - began, 1)
    report["columns"] = len(dataset["columns"])
    space = {"mlp.width": {"type": "fixed", "value": 64}, "mlp.n_layers": {"type": "fixed", "value": 2},
             "mlp.batch_size": {"type": "fixed", "value": 256}, "mlp.learning_rate": {
                 "type": "float", "low": 1e-4, "high": 1e-3, "log": True}}
    request = {"dataset": dataset["id"], "target": "is_software_dev", "trials": 2, "epochs": 2,
               "parallelism": 2, "search_space": space}
    began = time.monotonic()
    study = machines.client("/api/v1/studies", json.dumps(request).encode())["id"]
    chaos.Chaos.wait("the study to end", lambda: machines.client(
        f"/api/v1/studies/{study}")["status"] in chaos.ENDED, 3000)
    report["study_s"] = round(time.monotonic() - began, 1)
    ended = machines.client(f"/api/v1/studies/{study}")
    report["study"] = ended["status"]
    report["why"] = ended["stop_reason"]
    report["test"] = (ended["result"] or {}).get("test")
    report["trials"] = [{name: trial[name] for name in
                         ("state", "node_name", "seconds", "predicted_peak_mb", "peak_mb", "past_attempts", "error")}
                        for trial in machines.client(f"/api/v1/studies/{study}/trials")["trials"]]
    return report


if __name__ == "__main__":
    sys.exit(main())
