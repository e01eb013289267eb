#!/usr/bin/env python3
"""The Python client against a real swarm of three nodes, one of which dies.

  client_test.py PATH_OF_STARLING

Tests of frames are skipped, and say so, where pandas is not installed.
"""
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools" / "python"))

import starling  # noqa: E402

try:
    import pandas
except ImportError:
    pandas = None

TABLE = ROOT / "data" / "insurance.csv"
QUICK = {"trials": 4, "epochs": 6, "families": ["baseline", "linear"], "quiet": True}
PERSON = {"age": 19, "sex": "female", "bmi": 27.9, "children": 0, "smoker": "yes",
          "region": "southwest"}


class Nodes:
    def __init__(self, program):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="starling-python-"))
        self.program = program
        self.processes = []

    def start(self, number):
        data = self.folder / f"node-{number}"
        command = [self.program, "node", "--data", data, "--name", data.name, "--slots", "2",
                   "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        if number == 1:
            command += ["--found"]
        else:
            command += ["--join", self.addresses(1)["listen"],
                        "--secret-file", self.folder / "node-1" / "swarm-keys"]
        with open(self.folder / f"{data.name}.log", "wb") as log:
            self.processes.append(subprocess.Popen(list(map(str, command)), stdout=log, stderr=log))
        wait_for(f"{data.name} to listen", (data / "addresses.json").exists)

    def addresses(self, number):
        return json.loads((self.folder / f"node-{number}" / "addresses.json").read_text())

    @property
    def token_file(self):
        return self.folder / "node-1" / "admin-token"

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def wait_for(what, is_so, seconds=60):
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {seconds} s for {what}, in vain")
        time.sleep(0.05)


def rows_of_table():
    with open(TABLE, newline="") as file:
        return list(csv.DictReader(file))


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = Nodes(PROGRAM)
        cls.addClassCleanup(cls.nodes.stop)
        for number in (1, 2, 3):
            cls.nodes.start(number)
        cls.url = cls.nodes.addresses(1)["http"]
        cls.swarm = starling.connect(cls.url, token_file=cls.nodes.token_file)
        wait_for("three members", lambda: sum(
            member["state"] == "alive" for member in cls.swarm.members()) == 3)
        wait_for("a leader", lambda: any(member["is_leader"] for member in cls.swarm.members()))

    def test_a_file_becomes_a_model_that_is_asked(self):
        study = self.swarm.fit(TABLE, "charges", name="costs", **QUICK)
        self.assertEqual(study.status, "completed")
        self.assertEqual(study.info["name"], "costs")
        self.assertEqual(self.swarm.study("costs").id, study.id)
        self.assertEqual(len(study.trials()), 4)
        board = study.leaderboard()
        self.assertEqual(len(board), 4)
        first = board.iloc[0] if pandas else board[0]
        self.assertEqual(first["rmse"], study.best["value"])
        self.assertEqual(first["family"], "linear")
        said = study.predict([PERSON, {**PERSON, "smoker": "no"}])
        self.assertGreater(said[0], said[1] + 10_000)
        with self.assertRaises(starling.StarlingError):
            study.predict([{"age": 19}])
        study.predict([{"age": 19}], allow_missing=True)
        report = study.report()
        families = {one["family"]: one for one in report["families"]}
        self.assertLess(families["linear"]["best"]["value"], families["baseline"]["best"]["value"])
        evidence = report["evidence"]
        self.assertEqual(evidence["importance"]["columns"][0]["name"], "smoker")
        rmse = evidence["scores"]["rmse"]
        self.assertAlmostEqual(rmse["value"], study.result["test"]["rmse"], 6)
        self.assertLess(rmse["low"], rmse["value"])
        self.assertLess(rmse["value"], rmse["high"])
        page = self.swarm._call("GET", f"/api/v1/studies/{study.id}/report.html", raw=True)
        self.assertTrue(page.startswith(b"<!doctype html>"), page[:40])
        self.assertIn(b"smoker", page)
        bag = study.candidates()
        blend = bag.iloc[0] if pandas else bag[0]
        self.assertAlmostEqual(blend["test"], study.result["test"]["rmse"], 6)
        weights = list(bag["weight"])[1:] if pandas else [one["weight"] for one in bag[1:]]
        self.assertAlmostEqual(sum(weights), 1, 9)
        reach = study.predict_interval([PERSON])[0]
        self.assertLess(reach["lo"], said[0])
        self.assertLess(said[0], reach["hi"])
        with self.assertRaises(starling.StarlingError) as none:
            study.predict_proba([PERSON])
        self.assertEqual(none.exception.status, 409)
        path = study.download(self.nodes.folder / "model.zip")
        self.assertGreater(path.stat().st_size, 1000)
        self.assertEqual(self.swarm.fit(TABLE, "charges", name="costs", **QUICK).info["name"],
                         "costs-2")

    def test_rows_in_any_number_are_asked_in_pieces(self):
        rows = rows_of_table()[:300]
        study = self.swarm.fit(rows, "smoker", metric="log_loss", **QUICK)
        whole = study.predict_proba(rows)
        starling.ROWS_AT_ONCE, at_once = 70, starling.ROWS_AT_ONCE
        try:
            self.assertEqual(study.predict_proba(rows), whole)
        finally:
            starling.ROWS_AT_ONCE = at_once
        self.assertEqual(set(whole[0]), {"no", "yes"})
        with self.assertRaises(starling.StarlingError):
            study.predict_interval(rows)
        self.assertEqual(len(whole), 300)
        hits = sum(said == row["smoker"] for said, row in zip(study.predict(rows), rows))
        self.assertGreater(hits, 270)

    @unittest.skipIf(pandas is None, "pandas is not installed")
    def test_frames_come_and_go(self):
        frame = pandas.read_csv(TABLE).sample(400, random_state=1)
        study = self.swarm.fit(frame, "charges", **QUICK)
        frame.loc[frame.index[0], "bmi"] = float("nan")
        said = study.predict(frame.drop(columns="charges"))
        self.assertTrue(said.index.equals(frame.index))
        self.assertGreater(said.corr(frame["charges"]), 0.8)
        self.assertIsInstance(study.leaderboard(), pandas.DataFrame)
        frame["bmi"] *= 1e-13
        tiny = self.swarm.fit(frame, "charges", **QUICK)
        self.assertEqual(list(tiny.predict(frame)), tiny.predict(frame.to_dict("records")))
        self.assertGreater(tiny.predict(frame).nunique(), 300)
        chances = self.swarm.fit(frame, "smoker", **QUICK).predict_proba(frame)
        self.assertTrue(chances.index.equals(frame.index))
        self.assertAlmostEqual(float(chances.iloc[0].sum()), 1, 5)

    def test_what_is_wrong_is_said_by_name(self):
        with self.assertRaises(starling.StarlingError) as wrong:
            self.swarm.fit(TABLE, "chrages", **QUICK)
        self.assertEqual((wrong.exception.status, wrong.exception.field), (422, "target"))
        self.assertIn('did you mean "charges"', str(wrong.exception))
        with self.assertRaises(starling.StarlingError) as unknown:
            self.swarm.fit(TABLE, "charges", trails=3)
        self.assertIn("trails", str(unknown.exception))
        with self.assertRaises(TypeError):
            self.swarm.fit([1, 2], "x")
        with self.assertRaises(starling.StarlingError) as stranger:
            starling.connect(self.url, token="wrong").studies()
        self.assertEqual(stranger.exception.status, 401)
        with self.assertRaises(starling.StarlingError) as none:
            self.swarm.study("nobody")
        self.assertEqual(none.exception.status, 404)
        with self.assertRaises(starling.NoAnswer):
            starling.connect("http://127.0.0.1:1", token="x", patience=0.5).studies()

    def test_a_function_is_minimised_by_several_threads(self):
        calls = []

        def objective(x, kind, trial):
            calls.append(trial.number)
            if trial.number == 2:
                raise ValueError("no license")
            trial.report(1, x)
            return (x - 2) ** 2 + (1 if kind == "b" else 0)

        space = {"x": {"type": "float", "low": -5, "high": 5},
                 "kind": {"type": "categorical", "choices": ["a", "b"]}}
        study = self.swarm.minimize(objective, space, trials=24, parallel=3, seed=7)
        self.assertEqual(study.status, "completed")
        trials = study.trials()
        self.assertEqual(len(trials), 24)
        failed = [trial for trial in trials if trial["state"] == "failed"]
        self.assertEqual(len(failed), 1)
        self.assertIn("ValueError: no license", failed[0]["error"])
        self.assertLess(study.best["value"], 1)
        self.assertEqual(sorted(calls), list(range(24)), "none was computed twice")

    def test_the_greatest_and_giving_up_and_asking_by_hand(self):
        def objective(x):
            if x < 0.5:
                raise starling.GiveUp(x)
            return x

        space = {"x": {"type": "float", "low": 0, "high": 1}}
        study = self.swarm.maximize(objective, space, trials=12)
        states = {trial["state"] for trial in study.trials()}
        self.assertEqual(states, {"completed", "pruned"})
        self.assertGreater(study.best["value"], 0.7)

        study = self.swarm.create_study({"task": "outside", "search_space": space, "trials": 1})
        trial = study.ask()
        self.assertIsNone(study.ask(wait_s=0), "there is one only")
        self.assertFalse(trial.report(1, 0.3))
        trial.tell(trial.params["x"])
        self.assertEqual(study.wait(quiet=True).best["value"], trial.params["x"])
        self.assertIsNone(study.ask())

    def test_what_was_lost_or_cancelled_ends_nothing_else(self):
        space = {"x": {"type": "float", "low": 0, "high": 1}}
        slow = []

        def objective(x, trial):
            if trial.number == 0 and not slow:
                slow.append(trial.number)
                time.sleep(3)  # the lease ends, and somebody else gets it
            return x

        study = self.swarm.minimize(objective, space, trials=4, parallel=2, lease_s=1)
        self.assertEqual({trial["state"] for trial in study.trials()}, {"completed"})
        self.assertEqual(len(study.trials()), 4)

        def cancelling(x):
            study.cancel()
            return x

        study = self.swarm.create_study({"task": "outside", "search_space": space, "trials": 9})
        study.work(cancelling)
        self.assertEqual(study.status, "cancelled")

    def test_a_report_that_is_no_number_advises_to_give_up(self):
        def objective(x, trial):
            if trial.report(1, float("nan")):
                raise starling.GiveUp(float("nan"))
            return x

        study = self.swarm.minimize(objective, {"x": {"type": "float", "low": 0, "high": 1}},
                                    trials=2)
        self.assertEqual({trial["state"] for trial in study.trials()}, {"pruned"})

    def test_a_node_that_hangs_costs_a_third_of_the_patience(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            swarm = starling.connect(f"http://127.0.0.1:{silent.getsockname()[1]}",
                                     token_file=self.nodes.token_file, patience=3)
            swarm._urls.append(self.url)
            self.assertTrue(swarm.members())
            with self.assertRaises(starling.NoAnswer):
                swarm._urls = swarm._urls[-1:] * 2
                swarm.members()

    def test_a_value_that_is_none_fails_its_trial(self):
        study = self.swarm.minimize(lambda x: float("nan"),
                                    {"x": {"type": "float", "low": 0, "high": 1}}, trials=2)
        self.assertEqual({trial["error"] for trial in study.trials()}, {"it returned nan"})

    def test_each_node_serves_this_client(self):
        own = (ROOT / "tools" / "python" / "starling.py").read_bytes()
        for number in (2, 3):
            address = self.nodes.addresses(number)["http"] + "/client.py"
            with urllib.request.urlopen(address, timeout=30) as answer:
                self.assertEqual(answer.read(), own)

    def test_z_a_call_goes_to_another_member_when_a_node_is_gone(self):
        swarm = starling.connect(self.nodes.addresses(3)["http"],
                                 token_file=self.nodes.token_file)
        swarm.learn_members()
        before = len(swarm.studies())
        os.kill(self.nodes.addresses(3)["pid"], signal.SIGKILL)
        study = swarm.fit(TABLE, "charges", **QUICK)
        self.assertEqual(study.status, "completed")
        self.assertEqual(len(swarm.studies()), before + 1)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
