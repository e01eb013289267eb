#!/usr/bin/env python3
"""A study in NexusOps' search space on a node of its own: what a step and a worker cost, with the
same networks in PyTorch beside it. JSON on stdout.

    python3 tools/bench_ml/study.py DATA.csv --target COLUMN [--trials 20] [--build build/release]

A trial's seconds are all that it took: reading the table, encoding, training, judging each epoch.
PyTorch's are its training steps alone. Two trials run at a time here as there, one thread each.
Needs python3-torch and python3-pandas for the comparison; without them it is null.
"""
import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

SLOTS = 2


class Node:
    """A node that founds a swarm in a directory of its own, and goes with it."""

    def __init__(self, build, folder):
        self.data = pathlib.Path(folder) / "node"
        self.process = subprocess.Popen(
            [build / "bin/starling", "node", "--data", self.data, "--found", "--insecure-no-auth",
             "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--slots", str(SLOTS)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = self._wait("the node to listen", self._address)
        self._wait("the node to be ready", self._is_ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def call(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.url + path, data=body, method=method,
                                         headers={"Content-Type": kind})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def _address(self):
        file = self.data / "addresses.json"
        return json.loads(file.read_text())["http"] if file.exists() else None

    def _is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz") as answer:
                return answer.status == 200
        except OSError:
            return False

    def _wait(self, what, look):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if found := look():
                return found
            if self.process.poll() is not None:
                raise RuntimeError(f"the node ended while waiting for {what}")
            time.sleep(0.05)
        raise RuntimeError(f"waited 30 s for {what}")


def run_study(node, options):
    upload = "/api/v1/datasets?" + urllib.parse.urlencode({"name": "bench"})
    dataset = node.call("POST", upload, pathlib.Path(options.data).read_bytes(), "text/csv")
    begun = time.monotonic()
    study = node.call("POST", "/api/v1/studies", json.dumps(
        {"dataset": dataset["id"], "target": options.target, "trials": options.trials,
         "search_space": "nexusops", "parallelism": SLOTS}).encode())["id"]
    while True:
        state = node.call("GET", f"/api/v1/studies/{study}")
        if state["status"] in ("completed", "failed", "cancelled"):
            break
        time.sleep(0.2)
    if state["status"] != "completed":
        raise RuntimeError(f"the study ended as {state['status']}")
    return state, node.call("GET", f"/api/v1/studies/{study}/trials")["trials"], \
        time.monotonic() - begun


def steps_of(trial, rows):
    return trial["epochs"] * math.ceil(rows / trial["params"]["mlp.batch_size"])


def costs(step_us, steps):
    """Of each trial, and of all steps together."""
    whole = sum(us * count for us, count in zip(step_us, steps)) / sum(steps)
    return {"all": whole, "median": statistics.median(step_us), "least": min(step_us),
            "most": max(step_us)}


PEER = r'''
import json, resource, sys, time
import pandas, torch
torch.set_num_threads(1)
file, target, trials = sys.argv[1], sys.argv[2], json.load(sys.stdin)
table = pandas.read_csv(file)
y = torch.tensor(table.pop(target).to_numpy(), dtype=torch.float32)[:, None]
x = pandas.get_dummies(table, drop_first=True).astype("float32")
x = torch.tensor(x.fillna(x.median()).to_numpy())
x = (x - x.mean(0)) / (x.std(0) + 1e-9)
y = (y - y.mean()) / y.std()
ACTIVATIONS = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "tanh": torch.nn.Tanh,
               "sigmoid": torch.nn.Sigmoid, "identity": torch.nn.Identity,
               "softmax": lambda: torch.nn.Softmax(1)}
def network(p):
    layers, width = [], x.shape[1]
    for i in range(1, p["mlp.n_layers"] + 1):
        layers.append(torch.nn.Linear(width, p[f"mlp.width_{i}"]))
        width = p[f"mlp.width_{i}"]
        if p[f"mlp.norm_{i}"] == "batch":
            layers.append(torch.nn.BatchNorm1d(width))
        layers += [ACTIVATIONS[p[f"mlp.activation_{i}"]](), torch.nn.Dropout(p[f"mlp.dropout_{i}"])]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 1))
def optimizer(p, net):
    rate, decay, beta = p["mlp.learning_rate"], p["mlp.weight_decay"], p.get("mlp.beta1")
    if p["mlp.optimizer"] == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, weight_decay=decay)
    kind = torch.optim.AdamW if p["mlp.optimizer"] == "adamw" else torch.optim.Adam
    return kind(net.parameters(), lr=rate, betas=(beta, 0.999), weight_decay=decay)
out = []
for p in trials:
    net, batch = network(p), p["mlp.batch_size"]
    opt, loss = optimizer(p, net), torch.nn.MSELoss()
    def step():
        rows = torch.randint(len(x), (batch,))
        opt.zero_grad()
        loss(net(x[rows]), y[rows]).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), p["mlp.grad_clip"])
        opt.step()
    for _ in range(20):
        step()
    begun = time.perf_counter()
    for _ in range(200):
        step()
    out.append((time.perf_counter() - begun) / 200 * 1e6)
print(json.dumps({"step_us": out,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
'''


def run_peer(options, trials, steps):
    """Two processes side by side, each with every other network."""
    peers = []
    for first in range(SLOTS):
        peer = subprocess.Popen(["/usr/bin/python3", "-c", PEER, options.data, options.target],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        peer.stdin.write(json.dumps([trial["params"] for trial in trials[first::SLOTS]]))
        peer.stdin.close()
        peers.append(peer)
    reports = [peer.stdout.read() for peer in peers]
    if any(peer.wait() != 0 for peer in peers):
        print("PyTorch beside it did not run; see above", file=sys.stderr)
        return None
    reports = [json.loads(report) for report in reports]
    step_us = [0] * len(trials)
    for first, report in enumerate(reports):
        step_us[first::SLOTS] = report["step_us"]
    return {"step_us": costs(step_us, steps),
            "worker_mb": max(report["peak_mb"] for report in reports)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data")
    parser.add_argument("--target", required=True)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Node(options.build, folder) as node:
        state, trials, seconds = run_study(node, options)
    ended = [trial for trial in trials if trial["state"] in ("completed", "pruned")]
    rows = state["result"]["rows"]["train"]
    if not ended:
        sys.exit("no trial came to its end")
    steps = [steps_of(trial, rows) for trial in ended]
    own = [trial["seconds"] * 1e6 / count for trial, count in zip(ended, steps)]
    report = {
        "data": options.data, "trials": len(trials), "seconds": round(seconds, 1),
        "states": {name: sum(trial["state"] == name for trial in trials)
                   for name in sorted({trial["state"] for trial in trials})},
        "test": state["result"]["test"],
        "starling": {
            "step_us": costs(own, steps),
            "worker_mb": max(trial["peak_mb"] for trial in ended)},
        "pytorch": run_peer(options, ended, steps)}
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
