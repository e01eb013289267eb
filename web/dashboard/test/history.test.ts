import assert from "node:assert/strict";
import { test } from "node:test";
import { clampTo, describeHistory, objectiveHistory, visibleRange } from "../src/logic/history";
import { emptyTrial } from "../src/logic/trials";
import type { Trial, TrialState } from "../src/logic/types";

function trial(number: number, state: TrialState, value: number | null): Trial {
  return { ...emptyTrial(number), state, value };
}

test("the best so far only falls when lower is better, in the order of the trials' numbers", () => {
  const history = objectiveHistory(
    [trial(2, "completed", 7), trial(0, "completed", 9), trial(1, "completed", 5)],
    "minimize",
  );
  assert.deepEqual(history.numbers, [0, 1, 2]);
  assert.deepEqual(history.best, [9, 5, 5]);
});

test("the best so far only rises when higher is better", () => {
  const history = objectiveHistory(
    [trial(0, "completed", 0.6), trial(1, "completed", 0.5), trial(2, "completed", 0.9)],
    "maximize",
  );
  assert.deepEqual(history.best, [0.6, 0.6, 0.9]);
});

test("a pruned trial is a point of its own and never the best", () => {
  const history = objectiveHistory([trial(0, "pruned", 1), trial(1, "completed", 4)], "minimize");
  assert.deepEqual(history.best, [null, 4]);
  assert.deepEqual(history.pruned, [1, null]);
  assert.deepEqual(history.completed, [null, 4]);
  assert.equal(history.points, 2);
});

test("trials without a value, running or failed, are no points", () => {
  const history = objectiveHistory(
    [trial(0, "failed", null), trial(1, "running", 3), trial(2, "completed", NaN)],
    "minimize",
  );
  assert.equal(history.points, 0);
  assert.match(describeHistory(history, "minimize"), /No trial/);
});

test("one diverged trial does not flatten the rest of the chart", () => {
  const values = [5, 5.2, 5.4, 5.1, 5.3, 5.5, 900];
  const range = visibleRange(values);
  assert.ok(range);
  assert.equal(range.outside, 1);
  assert.ok(range.high < 10, `high edge ${range.high}`);
  assert.ok(range.low < 5);
  assert.equal(clampTo(900, range), range.high);
  assert.equal(clampTo(null, range), null);
});

test("equal values and a single value still have a range with some height", () => {
  for (const values of [[3], [3, 3, 3], [0]]) {
    const range = visibleRange(values);
    assert.ok(range && range.high > range.low);
    assert.equal(range.outside, 0);
  }
  assert.equal(visibleRange([]), null);
});

test("the description names the best trial", () => {
  const history = objectiveHistory(
    [trial(0, "completed", 9), trial(4, "completed", 5)],
    "minimize",
  );
  assert.match(describeHistory(history, "minimize"), /best is 5 at trial 4/);
});
