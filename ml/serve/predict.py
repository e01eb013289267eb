#!/usr/bin/env python3
"""Predicts the rows of a CSV file: python3 predict.py ROWS.csv > PREDICTIONS.csv
(`-` in place of a file: what comes in)

Needs Python 3.8 and PyTorch, or XGBoost for models of trees, and nothing of Starling. It reads
what lies beside it (unzip the model's file): one model, or a bag of them (bag.json), whose answers
are averaged. Columns are found by their names in the first line, fields lie between commas,
semicolons or tabs; the answer is the rows with `prediction` added and, for classes, `p_CLASS`, for
numbers by a bag `lo` and `hi`: the truth lies between them nine times in ten.
"""

import bisect
import csv
import io
import json
import math
import os
import re
import sys
from datetime import date
from statistics import NormalDist

MISSING = set(
    "NA N/A n/a na NaN nan NAN null NULL Null None none NONE <NA> #N/A #NA #NV \\N -- . ? - "
    "#REF! #DIV/0! #VALUE!".split()
) | {"", "#N/A N/A"}
YES, NO = {"true", "yes", "y", "t", "on"}, {"false", "no", "n", "f", "off"}
UNITS = ("$", "€", "£", "¥", "₹", "USD", "EUR", "GBP", "CHF")
SPACE = " \t"
ROWS_AT_ONCE = 4096
MONTHS = ("january february march april may june july august september october november "
          "december").split()
NUMBERS = re.compile(r"(\d{1,4})([-/.])(\d{1,2})(?:\2(\d{1,4}))?(?!\d)", re.A)
DAY_NAME_YEAR = re.compile(
    r"(\d{1,2})\.?-? *([A-Za-z]{3,9})\.?,?(?:-| +)(\d{4}|\d{2})(?!\d)", re.A
)
NAME_DAY_YEAR = re.compile(r"([A-Za-z]{3,9})\.? *(\d{1,2}),? +(\d{4}|\d{2})(?!\d)", re.A)
TIME = re.compile(
    r"[T ] *(\d{1,2}):([0-5]\d)(?::([0-5]\d|60)(\.\d*)?)? *([AaPp][Mm])? *"
    r"(?:Z|([+-])(0\d|1[0-4]):?([0-5]\d)?)?$",
    re.A,
)
EPOCH = date(1970, 1, 1).toordinal()


def without_sign(text):
    """Whether a minus stood before it, and what is behind."""
    return text[:1] == "-", text[1:] if text[:1] in ("+", "-") else text


def without_unit(text):
    for unit in UNITS:
        if text.startswith(unit):
            return text[len(unit) :].strip(SPACE)
    for unit in UNITS + ("%",):
        if text.endswith(unit):
            return text[: -len(unit)].strip(SPACE)
    return text


def plain_decimal(text, decimal):
    """With a point and without groups: 1-3 digits, then 2 or 3 each, the last one 3."""
    marks = ("," if decimal == "." else ".") + " '\u00a0\u202f"
    run = re.match(f"[0-9{re.escape(marks)}]*", text)[0]
    groups = re.split(f"[{re.escape(marks)}]", run)
    if len(groups) > 1:
        inner = all(len(group) in (2, 3) for group in groups[1:-1])
        if not (1 <= len(groups[0]) <= 3 and inner and len(groups[-1]) == 3):
            return ""
    return "".join(groups) + text[len(run) :].replace(decimal, ".")


def number_in(text, decimal):
    """None if it is none; infinite if it is beyond 1e300."""
    bracketed = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    if bracketed:
        text = text[1:-1].strip(SPACE)
        if text[:1] in ("+", "-"):
            return None
    negative, text = without_sign(text)
    text = without_unit(text)
    if not negative:
        negative, text = without_sign(text)
    digits = plain_decimal(text, decimal)
    if not re.fullmatch(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", digits):
        return None
    value = float(digits)
    value = math.inf if value > 1e300 else value
    return -value if negative != bracketed else value


def midnight(year, month, day):
    if len(year) not in (2, 4):
        return None
    full = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
    try:
        return (date(full, int(month), int(day)).toordinal() - EPOCH) * 86400.0
    except ValueError:
        return None


def month_named(word):
    found = [i for i, name in enumerate(MONTHS, 1) if name.startswith(word.lower())]
    return "9" if word.lower() == "sept" else str(found[0]) if found else "0"


def day_in(text, day_first):
    """Seconds since 1970, and what is left of the text."""
    found = NUMBERS.match(text)
    if found:
        first, mark, second, third = found.groups()
        rest = text[found.end():]
        if third is None:
            is_month = len(first) == 4 and len(second) == 2 and mark != "." and not rest
            return (midnight(first, second, "1") if is_month else None), rest
        if len(first) == 4:
            return midnight(first, second, third), rest
        orders = [(third, second, first), (third, first, second)]
        orders = orders if day_first else orders[::-1]
        wanted = midnight(*orders[0])
        return (midnight(*orders[1]) if wanted is None else wanted), rest
    found = DAY_NAME_YEAR.match(text)
    if found:
        return midnight(found[3], month_named(found[2]), found[1]), text[found.end():]
    found = NAME_DAY_YEAR.match(text)
    if found:
        return midnight(found[3], month_named(found[1]), found[2]), text[found.end():]
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", text, re.A)
    return (midnight(*found.groups()) if found else None), ""


def date_in(text, day_first):
    seconds, rest = day_in(text, day_first)
    if seconds is None or not rest:
        return seconds
    time = TIME.fullmatch(rest)
    if not time:
        return None
    hours, half = int(time[1]), (time[5] or "").lower()
    if half and not 1 <= hours <= 12 or hours > 24:
        return None
    if half:
        hours = hours % 12 + (12 if half == "pm" else 0)
    fraction = float("0" + time[4]) if time[4] else 0.0
    seconds += hours * 3600 + int(time[2]) * 60 + int(time[3] or 0) + fraction
    offset = int(time[7] or 0) * 3600 + int(time[8] or 0) * 60
    return seconds + offset if time[6] == "-" else seconds - offset


def date_parts(seconds):
    days = math.floor(seconds / 86400)
    day = date.fromordinal(days + EPOCH)
    return [seconds, day.month, day.day, day.isoweekday() % 7, seconds - days * 86400.0]


def place_among(quantiles, value):
    """From 0 to 1; the middle where several quantiles are the value."""
    last = len(quantiles) - 1
    first, after = bisect.bisect_left(quantiles, value), bisect.bisect_right(quantiles, value)
    if first != after:
        return (first + after - 1) / 2 / last
    below, above = quantiles[after - 1], quantiles[after]
    return (after - 1 + (value - below) / (above - below)) / last


def scaled(coding, value):
    if coding["factor"] == 0:
        return 0.0
    scaling = coding.get("scaling", "robust")
    if scaling == "quantile":
        quantiles = coding["quantiles"]
        end = 0.0 if value < quantiles[0] else 1.0 if value > quantiles[-1] else None
        place = place_among(quantiles, value) if end is None else end
        return NormalDist().inv_cdf(min(max(place, 1e-7), 1 - 1e-7))
    z = (value - coding["median"]) * coding["factor"]
    if scaling == "standard":
        return min(max(z, -1000.0), 1000.0)
    z = min(max(z, -1e9), 1e9)
    return z / math.sqrt(1 + (z / 3) ** 2)


def encode_number(feature, text, decimal):
    missing = text in MISSING
    if re.fullmatch(r"[-+]?(?:inf|infinity)", text, re.I):
        missing = True
    value = None if missing else number_in(text, decimal)
    if value is None and not missing:
        raise ValueError(f'"{text}" is not a number')
    value = None if value is not None and math.isinf(value) else value
    flag = [float(value is None)] if feature["missing_flag"] else []
    return [0.0 if value is None else scaled(feature, value)] + flag


def encode_date(feature, text):
    missing = text in MISSING
    seconds = None if missing else date_in(text, feature["day_first"])
    if seconds is None and not missing:
        raise ValueError(f'"{text}" is not a date')
    parts = date_parts(seconds or 0.0)
    used = [(c, p) for c, p in zip(feature["parts"], parts) if c["factor"] != 0]
    flag = [float(missing)] if feature["missing_flag"] else []
    return [0.0 if missing else scaled(c, p) for c, p in used] + flag


def meaning(word):
    return True if word.lower() in YES else False if word.lower() in NO else None


def encode_category(feature, text):
    levels, has_other = feature["levels"], feature["other"]
    out = [0.0] * (len(levels) + has_other)
    statistics = feature.get("statistics")
    width = statistics["targets"] + 1 if statistics else 0
    known = [0.0] * width
    if text in MISSING:
        return out + known
    if statistics and text in statistics["levels"]:
        at = statistics["levels"].index(text) * width
        known = statistics["values"][at : at + width]
    if text in levels:
        out[levels.index(text)] = 1.0
    elif has_other:
        out[-1] = 1.0
    elif feature.get("boolean") and meaning(text) is not None:
        same = [i for i, level in enumerate(levels) if meaning(level) == meaning(text)]
        for i in same[:1]:
            out[i] = 1.0
    return out + known


def encode_text(feature, text):
    buckets = feature["buckets"]
    counts = [0] * buckets
    mask = (1 << 64) - 1
    for word in re.findall(rb"[0-9A-Za-z\x80-\xff]+", b"" if text in MISSING else text.encode()):
        value = 0xCBF29CE484222325
        for byte in word.lower():
            value = (value ^ byte) * 0x100000001B3 & mask
        value = ((value ^ value >> 29) * 0xBF58476D1CE4E5B9 & mask) >> 20
        step = 1 if value // buckets % 2 == 0 else -1
        counts[value % buckets] = min(max(counts[value % buckets] + step, -127), 127)
    length = math.sqrt(sum(c * c for c in counts)) or 1.0
    return [c / length for c in counts]


def encode(feature, cell, decimal):
    text = cell.strip(SPACE)
    kind = feature["type"]
    if kind == "number":
        return encode_number(feature, text, decimal)
    if kind == "date":
        return encode_date(feature, text)
    return (encode_text if kind == "text" else encode_category)(feature, text)


def column_names(header):
    """As Starling names them: without runs of spaces, and no two alike."""
    cleaned = [re.sub(r"[\x00-\x20\x7f]+", " ", name).strip(" ") for name in header]
    names, numbers = [], {}
    for number, wanted in enumerate(cleaned, 1):
        base = name = wanted or f"column_{number}"
        while name in names or (name != wanted and name in cleaned):
            numbers[base] = numbers.get(base, 1) + 1
            name = f"{base}_{numbers[base]}"
        names.append(name)
    return names


def text_of(path):
    if path == "-":
        content = sys.stdin.buffer.read()
    else:
        with open(path, "rb") as file:
            content = file.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_table(path):
    """The names of the columns, and the rows as dictionaries."""
    text = text_of(path)
    first = text.split("\n", 1)[0]
    mark = max(",;\t|", key=first.count)
    records = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=mark,
                                     skipinitialspace=mark != "\t") if r]
    if not records:
        raise SystemExit(f"{path} has no line")
    names = column_names(records[0])
    for number, record in enumerate(records[1:], 1):
        if any(cell.strip(SPACE) for cell in record[len(names) :]):
            raise SystemExit(f"row {number} has {len(record)} fields, the first line {len(names)}")
    pad = [""] * len(names)
    return names, [dict(zip(names, record + pad[len(record) :])) for record in records[1:]]


def encode_row(known, row, number):
    values = []
    for feature in known["features"]:
        name = feature["name"]
        if name not in row:
            raise SystemExit(f'column "{name}" is missing')
        try:
            values += encode(feature, row[name], known.get("decimal", "."))
        except ValueError as problem:
            raise SystemExit(f'row {number}, column "{name}": {problem}') from None
    return values


def network_in(path):
    import torch

    model = torch.jit.load(path)

    def answer(encoded):
        with torch.no_grad():
            return model(torch.tensor(encoded, dtype=torch.float32)).tolist()

    return answer


def trees_in(path):
    import numpy
    import xgboost

    model = xgboost.Booster()
    model.load_model(path)
    head = json.loads(model.attr("starling"))

    def answer(encoded):
        rows = numpy.asarray(encoded, dtype=numpy.float32)
        said = model.predict(xgboost.DMatrix(rows)).tolist()
        if head["task"] == "regression":
            said = [value * head["scale"] + head["shift"] for value in said]
            return [math.expm1(value) for value in said] if head["log1p"] else said
        return [[1 - value, value] for value in said] if head["outputs"] == 2 else said

    return answer


def json_in(folder, name, default=None):
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return default
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def members_in(folder):
    """What answers, and by how much: (model, how its rows are encoded, weight)."""
    bag = json_in(folder, "bag.json")
    if bag is None:
        name = "model.json" if os.path.exists(os.path.join(folder, "model.json")) else "model.pt"
        bag = {"members": [{"model": name, "preprocessing": "preprocessing.json", "weight": 1}]}
    codings = {}
    for member in bag["members"]:
        name = member["preprocessing"]
        if name not in codings:
            codings[name] = json_in(folder, name)
        path = os.path.join(folder, member["model"])
        model = trees_in(path) if path.endswith(".json") else network_in(path)
        yield model, codings[name], member["weight"]


def predicted(members, rows):
    """The mean of what the members say, by weight: a number each, or a list."""
    answers = []
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[begin : begin + ROWS_AT_ONCE]
        encoded, sums = {}, None
        for model, known, weight in members:
            if id(known) not in encoded:
                encoded[id(known)] = [encode_row(known, r, begin + n) for n, r in enumerate(some, 1)]
            said = [v if isinstance(v, list) else [v] for v in model(encoded[id(known)])]
            sums = sums or [[0.0] * len(said[0]) for _ in said]
            for total, values in zip(sums, said):
                for k, value in enumerate(values):
                    total[k] += weight * value
        answers += sums or []
    return answers


def calibrated(chances, temperature):
    if temperature == 1:
        return chances
    logs = [math.log(min(max(chance, 1e-7), 1.0)) / temperature for chance in chances]
    powers = [math.exp(value - max(logs)) for value in logs]
    return [power / sum(powers) for power in powers]


def reach(conformal, said):
    """How far the truth may be off: sizes of residuals, straight between the knots."""
    at, size = conformal["at"], conformal["size"]
    k = bisect.bisect_right(at, said)
    if k in (0, len(at)):
        usual = size[0] if k == 0 else size[-1]
    else:
        part = (said - at[k - 1]) / (at[k] - at[k - 1])
        usual = size[k - 1] + part * (size[k] - size[k - 1])
    return conformal["quantile"] * usual


def class_of(chances, finish):
    threshold = finish.get("threshold", 0.5)
    if len(chances) == 2 and threshold != 0.5:
        return int(chances[1] >= threshold)
    factors = finish.get("class_factors", [1] * len(chances))
    return max(range(len(chances)), key=lambda i: chances[i] * factors[i])


def answer_cells(answer, classes, finish):
    if classes:
        chances = calibrated(answer, finish.get("temperature", 1))
        return [classes[class_of(chances, finish)], *chances]
    conformal = finish.get("conformal")
    if conformal is None:
        return answer
    off = reach(conformal, answer[0])
    return [answer[0], answer[0] - off, answer[0] + off]


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = os.path.dirname(os.path.abspath(__file__))
    members = list(members_in(folder))
    finish = json_in(folder, "finish.json", {})
    columns, rows = read_table(sys.argv[1])
    classes = members[0][1]["target"]["classes"]
    added = ["prediction"] + [f"p_{name}" for name in classes]
    if finish.get("conformal"):
        added += ["lo", "hi"]
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns + added)
    for row, answer in zip(rows, predicted(members, rows)):
        writer.writerow([*row.values(), *answer_cells(answer, classes, finish)])


if __name__ == "__main__":
    main()
