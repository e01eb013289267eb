#!/usr/bin/env python3
"""How good the models are: the default plan against XGBoost's defaults and a baseline.

  scores.py [--data DIR] [--sets NAME,...] [--seeds 5] [--trials 40] [--limit SECONDS]
            [--published SECONDS] [--json FILE] [--out FILE]

Starts one node of its own on two slots, and runs on each set and seed three studies on the same
split: the default plan, XGBoost with its default parameters (learning rate 0.3, depth 6, no
sampling; as many of at most 1,000 trees as validate best), and the baseline. --published runs the
plan on the splits of published papers, in so many seconds each. Writes a page for people and all
figures as JSON. Needs the release build and the data sets.
"""
import argparse
import contextlib
import csv
import datetime
import io
import json
import math
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "python"))

import starling  # noqa: E402

XGBOOST = {"family": {"type": "fixed", "value": "xgboost"},
           "xgb.learning_rate": {"type": "fixed", "value": 0.3},
           "xgb.max_depth": {"type": "fixed", "value": 6},
           "xgb.min_child_weight": {"type": "fixed", "value": 1.0},
           "xgb.subsample": {"type": "fixed", "value": 1.0},
           "xgb.colsample_bylevel": {"type": "fixed", "value": 1.0},
           "xgb.reg_lambda": {"type": "fixed", "value": 1.0}}

#: name: file, target, columns to leave out, further fields of the study
SETS = {
    "insurance": ("insurance/insurance.csv", "charges", (), {}),
    "titanic": ("titanic/titanic.csv", "Survived", ("PassengerId",), {}),
    "wine-quality": ("wine-quality/winequality-white.csv", "quality", (), {"task": "regression"}),
    "bike-sharing": ("bike-sharing/hour.csv", "cnt", ("casual", "registered", "instant"),
                     {"split": {"method": "time", "column": "dteday"}}),
    "churn-telco": ("churn-telco/telco-churn.csv", "Churn", ("customerID",), {}),
    "diamonds": ("diamonds/diamonds.csv", "price", (), {}),
    "covertype-10k": ("covertype-10k/covtype_sample.csv", "Cover_Type", (), {"task": "multiclass"}),
    "penguins": ("penguins/penguins.csv", "species", (), {}),
    "diabetes-pima": ("diabetes-pima/pima.csv", "Outcome", (), {"task": "binary"}),
}
PIMA = ["Pregnancies", "Glucose", "BloodPressure", "SkinThickness", "Insulin", "BMI", "Pedigree",
        "Age", "Outcome"]
ADULT = ["age", "workclass", "fnlwgt", "education", "education_num", "marital", "occupation",
         "relationship", "race", "sex", "gain", "loss", "hours", "country", "income"]


def wait_until_admitted(swarm):
    """The token counts once the node has committed it."""
    for _ in range(600):
        try:
            swarm.studies()
            return
        except starling.StarlingError as error:
            if error.status != 401:
                raise
            time.sleep(0.05)
    sys.exit("the node does not take its own token")


@contextlib.contextmanager
def own_node():
    """A node with nothing in it, and a client that speaks to it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="starling-scores-"))
    program = ROOT / "build" / "release" / "bin" / "starling"
    with open(folder / "log", "wb") as log:
        node = subprocess.Popen([program, "node", "--data", folder / "node", "--found", "--slots",
                                 "2", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"],
                                stdout=log, stderr=log)
    try:
        addresses = folder / "node" / "addresses.json"
        for _ in range(600):
            if addresses.exists() or node.poll() is not None:
                break
            time.sleep(0.05)
        if not addresses.exists():
            sys.exit(f"the node does not start: {(folder / 'log').read_text()}")
        token = (folder / "node" / "admin-token").read_text().strip()
        swarm = starling.connect(
            "http://" + json.loads(addresses.read_text())["http"].split("//")[-1], token)
        wait_until_admitted(swarm)
        yield swarm
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(folder, ignore_errors=True)


def rows_of(path, without=(), names=None):
    """As dicts, without some columns; `names` where the file has no header."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, fieldnames=names, skipinitialspace=True)
        return [{name: value for name, value in row.items() if name not in without}
                for row in reader if any(row.values())]


def table_of(data, name):
    file, _, without, _ = SETS[name]
    return rows_of(data / file, without, PIMA if name == "diabetes-pima" else None)


def adult_of(data):
    """The published split as one table with a column that says the part."""
    parts = (data / "adult" / "split_rtdl.txt").read_text().split()
    train = rows_of(data / "adult" / "adult.data", names=ADULT)
    test = rows_of(data / "adult" / "adult.test.csv", names=ADULT)
    for row, part in zip(train, parts, strict=True):
        row["split"] = part
    for row in test:
        row["split"] = "test"
        row["income"] = row["income"].rstrip(".")
    return train + test


def run(swarm, dataset, target, seconds, **options):
    request = {"dataset": dataset, "target": target, "name": f"scores-{time.time_ns()}", **options}
    if seconds:
        request["time_limit_s"] = seconds
    began = time.monotonic()
    study = swarm.create_study(request)
    study.wait(quiet=True)
    info = study.info
    if info["status"] != "completed":
        sys.exit(f"{target}: {info['status']}: {info['final']['error'] or info['stop_reason']}")
    report = study.report()
    evidence = report["evidence"] or {}
    return {"metric": info["metric"],
            "direction": info["direction"],
            "test": info["result"]["test"],
            "family": info["best"]["params"].get("family"),
            "completed": info["trials"]["completed"],
            "seconds": round(time.monotonic() - began, 1),
            "megabytes": round(info["result"]["model"]["bytes"] / 1e6, 2),
            "coverage": evidence.get("coverage", {}).get("share"),
            "calibration_error": evidence.get("calibration", {}).get("error"),
            "rows": info["result"]["rows"],
            "decisions": info["decisions"]}


def upload(swarm, rows, name):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    path = pathlib.Path(tempfile.mkdtemp(prefix="starling-scores-")) / f"{name}.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    try:
        return swarm.upload(str(path), name)
    finally:
        shutil.rmtree(path.parent)


def compare(swarm, data, name, options):
    """Each seed's three studies."""
    _, target, _, further = SETS[name]
    dataset = upload(swarm, table_of(data, name), name)
    runs = []
    for seed in range(1, options.seeds + 1):
        one = {"seed": seed}
        one["plan"] = run(swarm, dataset, target, options.limit, trials=options.trials, seed=seed,
                          **further)
        given = {**further, "seed": seed, "trials": 1, "final": "refit"}
        if "split" not in given:  # the same folds, so that only the models differ
            folds = [d for d in one["plan"]["decisions"] if d["what"] == "split"]
            given["split"] = {"method": "kfold", "folds": 5} if folds else {"method": "holdout"}
        one["xgboost"] = run(swarm, dataset, target, 0, search_space=XGBOOST, **given)
        one["baseline"] = run(swarm, dataset, target, 0, families=["baseline"], **given)
        runs.append(one)
        metric = one["plan"]["metric"]
        print(f"{name} seed {seed}: " + ", ".join(
            f"{who} {one[who]['test'][metric]:.5g} ({one[who]['seconds']} s)"
            for who in ("plan", "xgboost", "baseline")), file=sys.stderr, flush=True)
    return runs


def published(swarm, data, seconds, seed=1):
    """Splits of Gorishniy et al. (2021, 2025): train and val rows teach, test rows judge."""
    split = {"method": "column", "column": "split", "train": ["train", "val"], "test": ["test"]}
    california = upload(swarm, rows_of(data / "california" / "california_rtdl.csv"), "california")
    adult = upload(swarm, adult_of(data), "adult")
    return {"California": run(swarm, california, "MedHouseVal", seconds, trials=10_000, seed=seed,
                              split=split),
            "Adult": run(swarm, adult, "income", seconds, trials=10_000, seed=seed, split=split,
                         metric="accuracy")}


def paired(runs, other):
    """Mean and standard error of how much better the plan is, in the metric."""
    metric = runs[0]["plan"]["metric"]
    sign = 1 if runs[0]["plan"]["direction"] == "minimize" else -1
    differences = [sign * (one[other]["test"][metric] - one["plan"]["test"][metric]) for one in runs]
    mean = statistics.mean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(runs) > 1 else None
    return mean, error


def mean_of(runs, who, field=None):
    metric = runs[0]["plan"]["metric"]
    values = [one[who][field] if field else one[who]["test"][metric] for one in runs]
    values = [value for value in values if value is not None]
    return statistics.mean(values) if values else None


def text_of(value, digits=4):
    return "–" if value is None else f"{value:.{digits}g}"


def page(found):
    about = found["about"]
    lines = ["# Scores", "",
             f"Made by `tools/scores/scores.py` on {about['date']}, commit {about['commit']}: one node, two "
             f"slots on {about['processor']}, {about['minutes']} minutes in all. On test rows; nothing was tuned on them.", ""]
    if found["sets"]:
        lines += [f"Default plan ({about['trials']} trials"
                  + (f", at most {about['limit']} s each" if about["limit"] else "")
                  + f") against XGBoost's defaults and the baseline, means of {about['seeds']} seeds. The test rows are the "
                  "data set's, so seeds differ in validation rows, search and training only; the difference is paired by seed, "
                  "above 0 where the plan is better, ± its standard error. Coverage is of 90 % intervals, ECE the expected "
                  "calibration error.", "",
                  "| set | metric | plan | XGBoost | baseline | better than XGBoost | by a standard error | coverage | ECE | s a study |",
                  "|---|---|---|---|---|---|---|---|---|---|"]
        for name, runs in found["sets"].items():
            mean, error = paired(runs, "xgboost")
            better = error is not None and mean > error
            lines.append(" | ".join([
                f"| {name}", runs[0]["plan"]["metric"], text_of(mean_of(runs, "plan")),
                text_of(mean_of(runs, "xgboost")), text_of(mean_of(runs, "baseline")),
                text_of(mean, 3) + (f" ± {text_of(error, 2)}" if error is not None else ""),
                "yes" if better else "no" if error is not None else "one seed",
                text_of(mean_of(runs, "plan", "coverage"), 3),
                text_of(mean_of(runs, "plan", "calibration_error"), 2),
                text_of(mean_of(runs, "plan", "seconds"), 3) + " |"]))
        lines.append("")
    if found["published"]:
        lines += [f"Published splits, the plan in {about['published']} s of two cores (search and fits of folds; only putting "
                  "the bag together comes besides):", "", "| set | metric | test | trials | best family | s in all |", "|---|---|---|---|---|---|"]
        for name, one in found["published"].items():
            lines.append(f"| {name} | {one['metric']} | {one['test'][one['metric']]:.4f} | "
                         f"{one['completed']} | {one['family']} | {one['seconds']} |")
        lines.append("")
    return "\n".join(lines)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--sets", default=",".join(SETS), help="some of: " + ", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--limit", type=int, default=0, help="seconds of a study; 0: none")
    parser.add_argument("--published", type=int, default=0, help="seconds; 0: leave them out")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args(arguments)
    options.sets = [name for name in options.sets.split(",") if name]
    for name in options.sets:
        if name not in SETS:
            parser.error(f"no set {name}; there are {', '.join(SETS)}")
    return options


def main():
    options = options_of(sys.argv[1:])
    began = time.monotonic()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.strip()
    found = {"sets": {}, "published": {}}
    with own_node() as swarm:
        for name in options.sets:
            found["sets"][name] = compare(swarm, options.data, name, options)
        if options.published:
            found["published"] = published(swarm, options.data, options.published)
    found["about"] = {"date": datetime.date.today().isoformat(), "commit": commit,
                      "processor": f"{os.cpu_count()} cores of {processor()}",
                      "minutes": round((time.monotonic() - began) / 60), "trials": options.trials,
                      "seeds": options.seeds, "limit": options.limit, "published": options.published}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    text = page(found)
    if options.out:
        options.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
