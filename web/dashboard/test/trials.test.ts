import assert from "node:assert/strict";
import { test } from "node:test";
import {
  appendPoint,
  applyEvent,
  bestTrial,
  countTrials,
  emptyTrial,
  mergeRead,
  sortTrials,
} from "../src/logic/trials";
import type { Trials } from "../src/logic/trials";
import type { SwarmEvent, Trial } from "../src/logic/types";

const name = (id: string) => `name of ${id}`;

function event(kind: string, data: Record<string, unknown>): SwarmEvent {
  return { cursor: "1.0", kind, data: { study: "s-1", ...data } };
}

function told(...events: SwarmEvent[]): Trials {
  return events.reduce<Trials>((known, next) => applyEvent(known, next, name), new Map());
}

function one(trials: Trials): Trial {
  const trial = trials.get(1);
  assert.ok(trial);
  return trial;
}

const queued = event("trial_queued", { number: 1, params: { width: 64 } });
const started = event("trial_started", { number: 1, node: "n2", attempt: 1 });
const finished = event("trial_finished", { number: 1, state: "completed", value: 4.5, error: "" });

test("a trial's events tell its whole life", () => {
  const trial = one(
    told(queued, started, event("trial_progress", { number: 1, epoch: 3, value: 9 }), finished),
  );
  assert.equal(trial.state, "completed");
  assert.equal(trial.value, 4.5);
  assert.equal(trial.node_name, "name of n2");
  assert.deepEqual(trial.params, { width: 64 });
  assert.deepEqual(trial.curve, [{ epoch: 3, value: 9 }]);
});

test("finished is final: later events change nothing", () => {
  const before = told(queued, started, finished);
  const after = applyEvent(before, event("trial_requeued", { number: 1, reason: "late" }), name);
  assert.equal(after, before);
});

test("a trial of a dead node goes back to the queue", () => {
  const trial = one(
    told(queued, started, event("trial_requeued", { number: 1, reason: "node died" })),
  );
  assert.equal(trial.state, "queued");
  assert.equal(trial.node_name, "");
});

test("a read from a node that lags does not bring a finished trial back to life", () => {
  const late: Trial = { ...emptyTrial(1), state: "running", epochs: 7 };
  const trial = one(mergeRead(told(queued, started, finished), [late]));
  assert.equal(trial.state, "completed");
  assert.equal(trial.value, 4.5);
});

test("a read brings what events do not tell, and keeps the longer curve", () => {
  const known = told(queued, started, event("trial_progress", { number: 1, epoch: 1, value: 9 }));
  const read: Trial = { ...emptyTrial(1), state: "completed", value: 4, seconds: 2, epochs: 50 };
  const merged = mergeRead(known, [read]);
  assert.equal(one(merged).seconds, 2);
  assert.equal(one(merged).curve?.length, 1);
  const curve = [
    { epoch: 1, value: 9 },
    { epoch: 2, value: 8 },
  ];
  assert.equal(one(mergeRead(merged, [{ ...read, curve }])).curve?.length, 2);
});

test("events of no trial change nothing", () => {
  const known = told(queued);
  assert.equal(applyEvent(known, event("best_changed", { number: 1, value: 3 }), name), known);
});

test("a second attempt draws its curve anew from the epoch it starts at", () => {
  const curve = [1, 2, 3].map((epoch) => ({ epoch, value: epoch }));
  assert.deepEqual(appendPoint(curve, { epoch: 2, value: 20 }), [
    { epoch: 1, value: 1 },
    { epoch: 2, value: 20 },
  ]);
});

test("sorting by value leaves trials without one at the end, in both directions", () => {
  const values = [3, null, 1, 2];
  const trials = values.map((value, number) => ({ ...emptyTrial(number), value }));
  assert.deepEqual(
    sortTrials(trials, "value", false).map((trial) => trial.number),
    [2, 3, 0, 1],
  );
  assert.deepEqual(
    sortTrials(trials, "value", true).map((trial) => trial.number),
    [0, 3, 2, 1],
  );
});

test("the counts sum to the trials asked for: what is not drawn yet waits", () => {
  const trials = (["completed", "completed", "pruned", "running"] as const).map(
    (state, number) => ({ ...emptyTrial(number), state }),
  );
  const counts = countTrials(trials, 10);
  assert.deepEqual([counts.completed, counts.pruned, counts.running, counts.waiting], [2, 1, 1, 6]);
});

test("the best trial is completed, and the first of equals", () => {
  const trials = [
    [0, 5],
    [1, 3],
    [2, 3],
    [3, 1],
  ].map(([number = 0, value = 0]): Trial => ({
    ...emptyTrial(number),
    state: number === 3 ? "pruned" : "completed",
    value,
  }));
  assert.equal(bestTrial(trials, "minimize")?.number, 1);
  assert.equal(bestTrial(trials, "maximize")?.number, 0);
  assert.equal(bestTrial([], "minimize"), null);
});
