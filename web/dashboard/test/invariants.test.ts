import assert from "node:assert/strict";
import { test } from "node:test";
import { ResultWatch } from "../src/logic/invariants";
import { emptyTrial } from "../src/logic/trials";
import type { Trial } from "../src/logic/types";

const running = (number: number): Trial => ({ ...emptyTrial(number), state: "running", attempts: 1 });
const done = (number: number, value: number): Trial => ({
  ...emptyTrial(number),
  state: "completed",
  value,
  attempts: 2,
});

test("an undisturbed study loses and doubles nothing", () => {
  const watch = new ResultWatch();
  watch.look(3, [running(0), running(1)]);
  watch.look(3, [done(0, 1.5), running(1), running(2)]);
  const found = watch.look(3, [done(0, 1.5), done(1, 2), running(2)]);
  assert.deepEqual(found, { asked: 3, final: 2, running: 1, again: 2, lost: 0, doubled: 0 });
});

test("a result that is gone, unfinished or another is lost, and stays so", () => {
  for (const later of [[], [running(0)], [done(0, 1.6)]]) {
    const watch = new ResultWatch();
    watch.look(1, [done(0, 1.5)]);
    assert.equal(watch.look(1, later).lost, 1);
    assert.equal(watch.look(1, [done(0, 1.5)]).lost, 1);
  }
});

test("more trials than were asked for, or one twice, are doubled, and stay so", () => {
  for (const trials of [[done(0, 1), done(0, 1)], [done(0, 1), done(1, 1)]]) {
    const watch = new ResultWatch();
    assert.equal(watch.look(1, trials).doubled, 1);
    assert.equal(watch.look(1, [done(0, 1)]).doubled, 1);
  }
});

test("a trial that runs again is no loss", () => {
  const watch = new ResultWatch();
  watch.look(1, [running(0)]);
  const found = watch.look(1, [{ ...emptyTrial(0), attempts: 2 }]);
  assert.deepEqual(found, { asked: 1, final: 0, running: 0, again: 1, lost: 0, doubled: 0 });
});
