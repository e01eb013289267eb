// What the objective chart draws: one point a trial, and the best value known up to it.
import type { Direction, Trial } from "./types";

export interface History {
  numbers: number[];
  completed: (number | null)[];
  pruned: (number | null)[];
  best: (number | null)[];
  /** How many points there are: trials with a value. */
  points: number;
}

export function isBetter(value: number, than: number, direction: Direction): boolean {
  return direction === "maximize" ? value > than : value < than;
}

/** By trial number. Only completed trials can be the best: a pruned value is an unfinished one. */
export function objectiveHistory(trials: Trial[], direction: Direction): History {
  const ordered = trials
    .filter((trial) => trial.state === "completed" || trial.state === "pruned")
    .filter((trial) => trial.value !== null && Number.isFinite(trial.value))
    .sort((a, b) => a.number - b.number);
  const history: History = { numbers: [], completed: [], pruned: [], best: [], points: 0 };
  let best: number | null = null;
  for (const trial of ordered) {
    const value = trial.value as number;
    const counts = trial.state === "completed";
    if (counts && (best === null || isBetter(value, best, direction))) best = value;
    history.numbers.push(trial.number);
    history.completed.push(counts ? value : null);
    history.pruned.push(counts ? null : value);
    history.best.push(best);
    history.points += 1;
  }
  return history;
}

export interface VisibleRange {
  low: number;
  high: number;
  /** How many values lie outside; they are drawn at the edge. */
  outside: number;
}

/**
 * The range of values worth the chart's height. One diverged trial would flatten all the others,
 * so values far outside the middle half are left at the edge. The best value is always inside.
 */
export function visibleRange(values: number[]): VisibleRange | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const first = sorted[0];
  const last = sorted[sorted.length - 1];
  if (first === undefined || last === undefined) return null;
  const q1 = quantile(sorted, 0.25);
  const q3 = quantile(sorted, 0.75);
  const reach = 2.5 * (q3 - q1);
  const far = sorted.length >= 6 && reach > 0;
  let low = far ? Math.max(first, q1 - reach) : first;
  let high = far ? Math.min(last, q3 + reach) : last;
  const outside = sorted.filter((value) => value < low || value > high).length;
  const margin = high > low ? (high - low) * 0.08 : Math.abs(high) * 0.05 || 1;
  low -= margin;
  high += margin;
  return { low, high, outside };
}

export function clampTo(value: number | null, range: VisibleRange): number | null {
  return value === null ? null : Math.min(range.high, Math.max(range.low, value));
}

function quantile(sorted: number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below] ?? 0;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? low;
  return low + (high - low) * (position - below);
}

/** One sentence for those who cannot see the chart. */
export function describeHistory(history: History, direction: Direction): string {
  if (history.points === 0) return "No trial has a value yet.";
  const best = history.best[history.best.length - 1];
  const at = best === null || best === undefined ? -1 : history.completed.indexOf(best);
  const goal = direction === "maximize" ? "higher" : "lower";
  if (at < 0) return `${history.points} trials have a value, none is completed yet.`;
  return (
    `${history.points} trials have a value (${goal} is better); ` +
    `the best is ${best} at trial ${history.numbers[at]}.`
  );
}
