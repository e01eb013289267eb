"""Starling from Python: tune a model on a table, ask it, or let the swarm tune a program of yours.

    import starling

    swarm = starling.connect("http://127.0.0.1:8400", token_file="DIR/admin-token")
    study = swarm.fit("insurance.csv", "charges", trials=20)    # or a pandas DataFrame
    study.leaderboard()
    study.predict([{"age": 19, "smoker": "yes", ...}])          # or a DataFrame

    best = swarm.minimize(lambda x, y: (x - 2) ** 2 + y,
                          {"x": {"type": "float", "low": -5, "high": 5},
                           "y": {"type": "int", "low": 0, "high": 3}}, trials=30)

One file, Python 3.9 or newer, nothing but the standard library; pandas frames are taken and given
back where pandas is there. Every node of the swarm serves this file at /client.py.

STARLING_URL, STARLING_TOKEN and STARLING_TOKEN_FILE in the environment say where the swarm is and
who asks, where `connect` is not told. A call that a node does not answer goes to another member,
with the same Idempotency-Key, so that it counts once.
"""
import csv
import hashlib
import http.client
import io
import json
import math
import os
import pathlib
import secrets
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

__all__ = ["connect", "Swarm", "Study", "Trial", "GiveUp", "StarlingError", "NoAnswer"]

ROWS_AT_ONCE = 5000  # of one prediction request; the API takes 10,000
ENDED = ("completed", "failed", "cancelled")


class StarlingError(Exception):
    """The swarm said no. `status` is that of HTTP, `field` what of the request is to blame, or ""."""

    def __init__(self, status, code, detail, field=""):
        super().__init__(f"{field}: {detail}" if field else detail)
        self.status, self.code, self.detail, self.field = status, code, detail, field


class NoAnswer(StarlingError):
    """No member answered in time. Whether a write counted is unknown."""

    def __init__(self, detail):
        super().__init__(0, "no_answer", detail)


def connect(url=None, token=None, token_file=None, patience=30.0):
    """The swarm that the node at `url` belongs to. Nothing is asked yet.

    token, token_file: one of them, or neither for nodes without authentication.
    patience: seconds that a call may take over all members; a node that takes a third of it without
    a word is left for the next one.
    """
    url = url or os.environ.get("STARLING_URL", "http://127.0.0.1:8400")
    if token is None and token_file is None:
        token = os.environ.get("STARLING_TOKEN")
        token_file = os.environ.get("STARLING_TOKEN_FILE") if token is None else None
    if token is not None and token_file is not None:
        raise ValueError("give token or token_file, not both")
    if token_file is not None:
        token = pathlib.Path(token_file).read_text(encoding="utf-8").strip()
    return Swarm(url, token, patience)


class Swarm:
    """Made by `connect`. May be used by several threads."""

    def __init__(self, url, token, patience):
        self._urls = [url.rstrip("/")]
        self._token = token
        self._patience = patience
        self._written = 0  # the index of the last write: what is read later has seen it
        self._lock = threading.Lock()

    # --- studies --------------------------------------------------------------------------------

    def fit(self, table, target, *, name=None, wait=True, quiet=False, **options):
        """Tunes a model that predicts the column `target`. Returns the Study.

        table: a CSV file's path, a pandas DataFrame, a list of dicts, or the id of a data set.
        options: any field of a study: trials=20, metric="rmse", families=["xgboost"], time_limit_s,
        seed, split, ... Wrong ones are refused by name.
        wait: until it has ended. quiet: without telling of its progress on stderr.
        """
        dataset = self.upload(table, name)
        request = {"dataset": dataset, "target": target, **options}
        if name:
            request["name"] = self._free_name(name)
        study = self.create_study(request)
        return study.wait(quiet=quiet) if wait else study

    def create_study(self, request):
        """`request`: as POST /api/v1/studies takes it."""
        return Study(self, self._call("POST", "/api/v1/studies", request)["id"])

    def study(self, name_or_id):
        """One that is there. Errors: StarlingError 404."""
        for study in self._call("GET", "/api/v1/studies")["studies"]:
            if name_or_id in (study["id"], study["name"]):
                return Study(self, study["id"])
        raise StarlingError(404, "not_found", f"there is no study {name_or_id!r}")

    def studies(self):
        """All, the newest first, as dicts."""
        return self._call("GET", "/api/v1/studies")["studies"]

    def members(self):
        """The nodes of the swarm, as dicts."""
        return self._call("GET", "/api/v1/swarm")["members"]

    def upload(self, table, name=None):
        """Stores a table. Returns the id of the data set.

        name: else that of the file, or "table". One of that name with the same content is the same;
        with another, a part of this content's hash is added to the name.
        """
        if isinstance(table, str) and table.startswith("d-") and not os.path.exists(table):
            return table
        is_file = isinstance(table, (str, os.PathLike))
        body = pathlib.Path(table) if is_file else _csv_of(table)
        name = name or (body.name.split(".")[0] if is_file else "table")
        try:
            return self._upload_as(name, body)
        except StarlingError as error:
            if error.status != 409:
                raise
        return self._upload_as(f"{name}-{_hash_of(body)[:8]}", body)

    def _upload_as(self, name, body):
        query = urllib.parse.urlencode({"name": name})
        return self._call("POST", f"/api/v1/datasets?{query}", body, "text/csv")["id"]

    # --- programs of your own -------------------------------------------------------------------

    def minimize(self, objective, space, *, trials=50, parallel=1, lease_s=600, **options):
        """Looks for the parameters for which `objective(**params)` is least. Returns the Study.

        space: as `search_space` of the API: {"x": {"type": "float", "low": 0, "high": 1}, ...}
        objective: returns a number; what it raises makes its trial a failed one. With `parallel`
        above 1 it is called by so many threads. It may take a parameter named `trial`, whose
        `report(step, value)` tells how far it has come, and whether it had better raise GiveUp.
        Any number of programs may join the same study: see `Study.work`.
        """
        request = {"task": "outside", "search_space": space, "trials": trials,
                   "parallelism": parallel, **options}
        study = self.create_study(request)
        study.work(objective, parallel, lease_s)
        return study

    def maximize(self, objective, space, **options):
        """As `minimize`, for the greatest."""
        return self.minimize(objective, space, direction="maximize", **options)

    # --- calls ----------------------------------------------------------------------------------

    def _free_name(self, name):
        taken = {study["name"] for study in self.studies()}
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        return free

    def _call(self, method, path, body=None, kind="application/json", patience=None, raw=False):
        """JSON, or with `raw` bytes. `body`: for JSON, bytes, or a file's path."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if method == "GET":
            headers["Starling-Min-Index"] = str(self._written)
        else:
            headers["Idempotency-Key"] = secrets.token_hex(16)
            headers["Content-Type"] = kind
        patience = patience or self._patience
        until = time.monotonic() + patience
        why = "it was not asked"
        while True:
            members = self._members()
            for url in members:
                left = min(until - time.monotonic(), patience / min(len(members), 3))
                if left <= 0:
                    break
                try:
                    answer = self._ask(url + path, method, headers, body, left, raw)
                    self._prefer(url)
                    return answer
                except StarlingError as error:
                    if error.status not in (429, 503):
                        raise
                    why = f"{url}: {error}"
                except (OSError, http.client.HTTPException) as error:
                    why = f"{url}: {error}"
            if time.monotonic() > until:
                raise NoAnswer(f"no member of the swarm answered within {patience:g} s; the last one was {why}")
            time.sleep(0.2)

    def _ask(self, url, method, headers, body, patience, raw):
        with _opened(body) as (data, size):
            request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
            if size is not None:
                request.add_header("Content-Length", str(size))
            try:
                with urllib.request.urlopen(request, timeout=patience) as answer:
                    content = answer.read()
                    self._note(answer.headers.get("Starling-Index"))
            except urllib.error.HTTPError as error:
                raise _error_of(error) from None
        return content if raw else json.loads(content)

    def _note(self, index):
        with self._lock:
            self._written = max(self._written, int(index or 0))

    def _members(self):
        """Those that are known, the one that answered last before the others."""
        with self._lock:
            return list(self._urls)

    def _prefer(self, url):
        with self._lock:
            self._urls.sort(key=lambda other: other != url)

    def learn_members(self):
        """Remembers where the others answer, for when this one does not."""
        own = self._urls[0]
        others = [member["http"].rstrip("/") for member in self.members()
                  if member["state"] == "alive" and member["http"].startswith("http")]
        with self._lock:
            self._urls = [own, *(url for url in others if url != own)]


class Study:
    """One search. `info` is what the swarm knows of it, read anew each time."""

    def __init__(self, swarm, study_id):
        self._swarm, self.id = swarm, study_id

    def __repr__(self):
        return f"<starling.Study {self.id}>"

    @property
    def _path(self):
        return f"/api/v1/studies/{self.id}"

    @property
    def info(self):
        return self._swarm._call("GET", self._path)

    @property
    def status(self):
        return self.info["status"]

    @property
    def best(self):
        """{"number", "value", "params"} of the best trial so far; None before there is one."""
        return self.info["best"]

    @property
    def result(self):
        """Scores on validation and test rows, rows, split and model; None before the end."""
        return self.info["result"]

    @property
    def model(self):
        """Its model's name and version, as predictions need them."""
        result = self.result
        if not result or not result["model"]:
            raise StarlingError(409, "conflict", f"study {self.id} has no model (it is {self.status})")
        return result["model"]["name"], result["model"]["version"]

    def wait(self, quiet=False, every=0.5):
        """Until it has ended. Raises StarlingError if it failed."""
        self._swarm.learn_members()
        shown = None
        while True:
            info = self.info
            line = _progress(info)
            if not quiet and line != shown:
                print(line, file=sys.stderr)
                shown = line
            if info["status"] in ENDED:
                break
            time.sleep(every)
        if info["status"] == "failed":
            why = info["final"]["error"] or info["stop_reason"]
            raise StarlingError(409, "failed", f"study {self.id} failed: {why}")
        return self

    def trials(self):
        """All, by number, as dicts."""
        return self._swarm._call("GET", self._path + "/trials")["trials"]

    def leaderboard(self):
        """Completed trials, the best first, those that break a limit of the study last: a
        DataFrame where pandas is there, else dicts."""
        info = self.info
        sign = -1 if info["direction"] == "maximize" else 1
        done = [trial for trial in self.trials() if trial["state"] == "completed"]
        done.sort(key=lambda trial: (trial.get("violation", 0), sign * trial["value"]))
        costs = [name for name in ("model_bytes", "predict_ms")
                 if any(trial.get(name) is not None for trial in done)]
        rows = [{"number": trial["number"], info["metric"]: trial["value"],
                 "seconds": trial["seconds"], **{name: trial[name] for name in costs},
                 **trial["params"]} for trial in done]
        pandas = _pandas()
        return pandas.DataFrame(rows) if pandas else rows

    def candidates(self):
        """What the final model was blended of, the blend first, with scores on rows held out and
        weights: a DataFrame where pandas is there, else dicts."""
        rows = self._swarm._call("GET", self._path + "/leaderboard")["candidates"]
        pandas = _pandas()
        return pandas.DataFrame(rows) if pandas else rows

    def report(self):
        """What was tried by family, and what the model shows on the test rows, as a dict."""
        return self._swarm._call("GET", self._path + "/report")

    def predict(self, rows, allow_missing=False):
        """What the model says of each row: a list, or of a DataFrame a Series with its index."""
        said = [answer for piece in self._answers(rows, allow_missing)
                for answer in piece["predictions"]]
        return _like(rows, said)

    def predict_proba(self, rows, allow_missing=False):
        """The chance of each class: dicts, or of a DataFrame a DataFrame."""
        said = []
        for piece in self._answers(rows, allow_missing):
            if piece["probabilities"] is None:
                raise StarlingError(409, "conflict", "the model says numbers, not classes")
            said += piece["probabilities"]
        return _like(rows, said)

    def predict_interval(self, rows, allow_missing=False):
        """From where to where the truth lies, nine times in ten: dicts with lo and hi, or of a
        DataFrame a DataFrame."""
        said = []
        for piece in self._answers(rows, allow_missing):
            if piece["intervals"] is None:
                raise StarlingError(409, "conflict", "the model has no intervals: it is no bag, "
                                    "or says classes")
            said += [{"lo": low, "hi": high} for low, high in piece["intervals"]]
        return _like(rows, said)

    def _answers(self, rows, allow_missing):
        name, version = self.model
        path = f"/api/v1/models/{urllib.parse.quote(name)}/predict?version={version}"
        rows = _records_of(rows)
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            body = {"rows": rows[begin:begin + ROWS_AT_ONCE], "allow_missing": allow_missing}
            yield self._swarm._call("POST", path, body)

    def download(self, path):
        """The model as a file, which `starling predict` and its own predict.py take."""
        name, version = self.model
        where = f"/api/v1/models/{urllib.parse.quote(name)}/versions/{version}/download"
        pathlib.Path(path).write_bytes(self._swarm._call("GET", where, raw=True))
        return path

    def cancel(self):
        return self._swarm._call("POST", self._path + "/cancel", {})

    def extend(self, trials):
        """So many trials more."""
        return self._swarm._call("POST", self._path + "/extend", {"trials": trials})

    # --- programs of your own -------------------------------------------------------------------

    def ask(self, lease_s=600, wait_s=5):
        """The next trial of a study whose task is "outside"; None where none waits."""
        try:
            given = self._swarm._call("POST", self._path + "/ask",
                                      {"lease_s": lease_s, "wait_s": wait_s},
                                      patience=self._swarm._patience + 3 * wait_s)
        except StarlingError as error:
            if error.status != 409:
                raise
            return None
        return Trial(self, given)

    def work(self, objective, parallel=1, lease_s=600):
        """Computes trials until the study has ended. Any number of programs may do so at once.

        lease_s: a trial of which nothing was told or reported for so long goes to somebody else.
        """
        wants_trial = "trial" in _parameters_of(objective)
        failures = []  # of the swarm, or an interrupt: all stop, and the caller hears of it

        def one():
            try:
                while not failures:
                    trial = self.ask(lease_s)
                    if trial is not None:
                        trial.compute(objective, wants_trial)
                    elif self.status in ENDED:
                        return
                    else:
                        time.sleep(0.5)  # it is paused, or others compute its last ones
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)

        threads = [threading.Thread(target=one, daemon=True) for _ in range(parallel - 1)]
        for thread in threads:
            thread.start()
        one()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


class Trial:
    """One that `Study.ask` gave out: `number`, `params`."""

    def __init__(self, study, given):
        self._study = study
        self._names = {"number": given["number"], "token": given["token"]}
        self.number, self.params = given["number"], given["params"]

    def tell(self, value):
        """The end of it."""
        return self._say({"value": float(value)})

    def fail(self, why):
        """It could not be computed."""
        return self._say({"state": "failed", "error": str(why)[:500]})

    def give_up(self, value=None):
        """As `report` advised."""
        known = value is not None and math.isfinite(value)
        return self._say({"state": "pruned", **({"value": float(value)} if known else {})})

    def report(self, step, value):
        """How far it has come. True: others were better by then, it had better give up.

        A value that is no number is not reported: there is nothing to be hoped for.
        """
        if not math.isfinite(value):
            return True
        return self._say({"step": int(step), "value": float(value)})["should_prune"]

    def compute(self, objective, wants_trial=False):
        more = {"trial": self} if wants_trial else {}
        try:
            return self._end(objective, more)
        except StarlingError as error:
            if error.status != 409:
                raise
            return None  # it is somebody else's by now, or the study was cancelled

    def _end(self, objective, more):
        try:
            value = float(objective(**self.params, **more))
        except GiveUp as pruned:
            return self.give_up(pruned.value)
        except StarlingError:
            raise  # of a report: not the objective's failure
        except Exception as error:  # pylint: disable=broad-except; the study says what it was
            return self.fail(f"{type(error).__name__}: {error}")
        return self.tell(value) if math.isfinite(value) else self.fail(f"it returned {value}")

    def _say(self, what):
        return self._study._swarm._call("POST", self._study._path + "/tell", {**self._names, **what})


class GiveUp(Exception):
    """For an objective to raise after `trial.report` advised it."""

    def __init__(self, value=None):
        super().__init__("given up")
        self.value = value


# --- tables ---------------------------------------------------------------------------------------


def _pandas():
    """The module if this program has it and uses it, or could."""
    try:
        import pandas  # pylint: disable=import-outside-toplevel
    except ImportError:
        return None
    return pandas


def _is_frame(table):
    return hasattr(table, "to_csv") and hasattr(table, "columns")


def _csv_of(table):
    """Bytes of a frame, or of dicts."""
    if _is_frame(table):
        return table.to_csv(index=False).encode()
    rows = list(table)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise TypeError("a table is a CSV file's path, a pandas DataFrame or a list of dicts")
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _records_of(rows):
    if _is_frame(rows):  # to_json would round
        rows = rows.to_dict("records")
    if isinstance(rows, dict):
        raise TypeError("rows is a list of dicts; for one row: [row]")
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value):
    """As JSON has it: NumPy's numbers too, and what is none as missing."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, (bool, int, str)) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return None if text in ("NaT", "<NA>") else text


def _like(rows, said):
    if not _is_frame(rows):
        return said
    pandas = _pandas()
    of_classes = bool(said) and isinstance(said[0], dict)
    make = pandas.DataFrame if of_classes else pandas.Series
    return make(said, index=rows.index)


def _hash_of(body):
    digest = hashlib.sha256()
    with _opened(body) as (data, _):
        for piece in iter(lambda: data.read(1 << 20), b"") if hasattr(data, "read") else [data]:
            digest.update(piece)
    return digest.hexdigest()


# --- the wire -------------------------------------------------------------------------------------


class _opened:
    """A request's body and its size: a file is streamed."""

    def __init__(self, body):
        self._body, self._file = body, None

    def __enter__(self):
        if self._body is None:
            return None, None
        if isinstance(self._body, pathlib.Path):
            self._file = self._body.open("rb")
            return self._file, os.fstat(self._file.fileno()).st_size
        data = self._body
        if not isinstance(data, bytes):
            data = json.dumps(data, allow_nan=False).encode()
        return data, None

    def __exit__(self, *_):
        if self._file:
            self._file.close()


def _error_of(error):
    content = error.read()
    try:
        problem = json.loads(content)
        return StarlingError(error.code, problem.get("code", ""),
                             problem.get("detail") or problem.get("title") or str(error),
                             problem.get("field", ""))
    except (ValueError, AttributeError):
        return StarlingError(error.code, "", f"{error} (is this a Starling node?)")


def _parameters_of(objective):
    code = getattr(objective, "__code__", None)
    return code.co_varnames[:code.co_argcount + code.co_kwonlyargcount] if code else ()


def _progress(info):
    counts = info["trials"]
    done = sum(counts[state] for state in ("completed", "pruned", "failed", "infeasible"))
    best = info["best"]
    said = f", best {info['metric']} {best['value']:.6g}" if best else ""
    return f"{info['name']}: {info['status']}, {done} of {counts['requested']} trials{said}"
