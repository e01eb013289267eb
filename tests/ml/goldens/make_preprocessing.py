#!/usr/bin/python3
"""Writes preprocessing.json: what NumPy and pandas make of some columns, to compare encoders with.

Needs python3-pandas. Run it in this folder; its output is the same every time.

Fitted on the first `fit_rows` rows only; `expected` has all rows. The quantile transformation is
scikit-learn's (QuantileTransformer, output_distribution="normal", without subsampling), written out
with numpy.interp and Python's NormalDist, with as many quantiles as Gorishniy et al. (2021) take;
but numbers that equal the least or the greatest have the middle of their places, as all others.
"""

import json
from statistics import NormalDist

import numpy as np
import pandas as pd

ROWS, FIT_ROWS = 450, 400


def columns():
    random = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "normal": random.normal(3, 2, ROWS),
            "skewed": np.exp(random.normal(0, 2, ROWS)),
            "tied": random.integers(0, 5, ROWS).astype(float),
            "tenths": np.round(random.normal(0, 1, ROWS), 1),
            "mostly_zero": np.where(random.random(ROWS) < 0.8, 0.0, random.normal(0, 1, ROWS)),
            "constant": np.full(ROWS, 4.25),
            "large": random.normal(1e12, 1e3, ROWS),
            "holes": np.where(random.random(ROWS) < 0.3, np.nan, random.normal(0, 1, ROWS)),
        }
    )
    table.loc[FIT_ROWS:, "normal"] *= 10  # what is encoded lies beyond what was fitted
    table["target"] = np.exp(random.normal(5, 1, ROWS))
    return table


def robust(fit, column):
    centre = np.percentile(fit, 50)
    spread = np.percentile(fit, 75) - np.percentile(fit, 25)
    if spread == 0:
        spread = 0.5 * (fit.max() - fit.min())
    scaled = (column - centre) * (0 if spread == 0 else 1 / spread)
    return scaled / np.sqrt(1 + (scaled / 3) ** 2)


def standard(fit, column):
    spread = fit.std(ddof=0)
    return (column - fit.mean()) * (0 if fit.nunique() == 1 else 1 / spread)


def quantile(fit, column):
    if fit.nunique() == 1:
        return column * 0
    count = min(max(len(fit) // 30, 10), 1000)
    references = np.linspace(0, 1, count)
    quantiles = np.percentile(fit, references * 100)
    place = 0.5 * (
        np.interp(column, quantiles, references)
        - np.interp(-column, -quantiles[::-1], -references[::-1])
    )
    place = np.where(column > quantiles[-1], 1.0, np.where(column < quantiles[0], 0.0, place))
    normal = NormalDist()
    return pd.Series([normal.inv_cdf(min(max(p, 1e-7), 1 - 1e-7)) if p == p else 0.0 for p in place])


def encoded(scale, table):
    out = {}
    for name in table.columns.drop("target"):
        fit = table[name][:FIT_ROWS].dropna()
        values = scale(fit, table[name])
        out[name] = values.where(table[name].notna(), 0.0).tolist()
        if table[name][:FIT_ROWS].isna().any():
            out[name + " missing"] = table[name].isna().astype(float).tolist()
    return out


def main():
    table = columns()
    log_target = np.log1p(table["target"][:FIT_ROWS])
    golden = {
        "made_by": f"numpy {np.__version__}, pandas {pd.__version__}",
        "fit_rows": FIT_ROWS,
        "target": {
            "mean": table["target"][:FIT_ROWS].mean(),
            "std": table["target"][:FIT_ROWS].std(ddof=0),
            "log1p_mean": log_target.mean(),
            "log1p_std": log_target.std(ddof=0),
        },
        "expected": {scale.__name__: encoded(scale, table) for scale in (robust, standard, quantile)},
    }
    golden["columns"] = {
        name: [None if v != v else v for v in table[name].tolist()] for name in table.columns
    }
    with open("preprocessing.json", "w") as out:
        json.dump(golden, out)
        out.write("\n")


if __name__ == "__main__":
    main()
