import assert from "node:assert/strict";
import { test } from "node:test";
import {
  capital,
  formatAgo,
  formatBytes,
  formatMegabytes,
  formatMilliseconds,
  formatNumber,
  formatPercent,
  formatSeconds,
  metricLabel,
  shortParam,
} from "../src/logic/format";
import { kClassMetrics, kRegressionMetrics } from "../src/logic/forms";

test("numbers keep five significant digits and no more", () => {
  assert.equal(formatNumber(4523.4567), "4,523.5");
  assert.equal(formatNumber(0.861234), "0.86123");
  assert.equal(formatNumber(0), "0");
  assert.equal(formatNumber(-12.5), "-12.5");
  assert.equal(formatNumber(1234567), "1,234,567");
});

test("what an answer takes is said in its own unit", () => {
  assert.equal(formatMilliseconds(0.0123), "12 µs");
  assert.equal(formatMilliseconds(0.00014), "< 1 µs");
  assert.equal(formatMilliseconds(0.349), "0.35 ms");
  assert.equal(formatMilliseconds(8), "8 ms");
  assert.equal(formatMilliseconds(undefined), "–");
});

test("very small and very large numbers turn to powers of ten, never to 0", () => {
  assert.equal(formatNumber(0.000446), "4.46e-4");
  assert.equal(formatNumber(1e-6), "1e-6");
  assert.equal(formatNumber(2.5e12), "2.5e12");
});

test("each metric that is offered has a name for people", () => {
  for (const metric of [...kRegressionMetrics, ...kClassMetrics])
    assert.notEqual(metricLabel(metric), metric);
  assert.equal(metricLabel("mape"), "MAPE");
  assert.equal(metricLabel("pr_auc"), "PR AUC");
  assert.equal(metricLabel("cost"), "cost");
});

test("what is no number is a dash", () => {
  for (const value of [null, undefined, NaN, Infinity]) assert.equal(formatNumber(value), "–");
});

test("sizes and times read as people say them", () => {
  assert.equal(formatBytes(54288), "53 KB");
  assert.equal(formatBytes(999), "999 B");
  assert.equal(formatMegabytes(2048), "2.0 GB");
  assert.equal(formatSeconds(0.0831), "83 ms");
  assert.equal(formatSeconds(12.34), "12.3 s");
  assert.equal(formatSeconds(125), "2 min 05 s");
  assert.equal(formatSeconds(3725), "1 h 02 min");
  assert.equal(formatAgo(1000, 61_000), "1 min ago");
  assert.equal(formatAgo(0, 61_000), "–");
  assert.equal(formatAgo(70_000, 61_000), "just now");
});

test("a share that is not nothing never reads as 0 %", () => {
  assert.equal(formatPercent(0.0004), "< 0.1 %");
  assert.equal(formatPercent(0.7), "70 %");
  assert.equal(formatPercent(0.999), "99.9 %");
});

test("names lose their family, sentences gain a capital", () => {
  assert.equal(shortParam("mlp.learning_rate"), "learning_rate");
  assert.equal(shortParam("family"), "family");
  assert.equal(capital("no rows"), "No rows");
});
