import assert from "node:assert/strict";
import { test } from "node:test";
import { SseParser, backoffMs, isAfter } from "../src/logic/sse";

const text =
  ': keep\n\nid: 12.0\nevent: trial_started\ndata: {"study":"s-1","number":3}\n\n' +
  'id: 12.1\r\nevent: study_status\r\ndata: {"status":\r\ndata: "running"}\r\n\r\n';

test("the stream gives the same events however it is cut", () => {
  for (let cut = 1; cut < text.length; cut += 1) {
    const parser = new SseParser();
    const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
    assert.deepEqual(
      events.map((event) => [event.cursor, event.kind]),
      [
        ["12.0", "trial_started"],
        ["12.1", "study_status"],
      ],
      `cut at ${cut}`,
    );
    assert.deepEqual(events[1]?.data, { status: "running" });
  }
});

test("comments and broken data give no event", () => {
  assert.deepEqual(new SseParser().push(": keep\n\nid: 1.0\ndata: {broken\n\n"), []);
});

test("cursors are ordered as numbers, not as text", () => {
  assert.ok(isAfter("10.0", "9.5"));
  assert.ok(isAfter("1.10", "1.9"));
  assert.ok(!isAfter("1.9", "1.9"));
  assert.ok(!isAfter("1.9", "2.0"));
  assert.ok(isAfter("0.0", ""));
});

test("waits grow, end at eight seconds, and differ between pages", () => {
  assert.equal(backoffMs(0, 0), 500);
  assert.equal(backoffMs(2, 0), 2000);
  assert.equal(backoffMs(50, 0), 8000);
  assert.ok(backoffMs(2, 0.9) < 2000 && backoffMs(2, 0.9) >= 1300);
});
