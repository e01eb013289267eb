// How what is read and what is streamed become one list of trials. Finished is final: a late read
// from a node that lags behind must not bring a finished trial back to life.
import { isBetter } from "./history";
import type { CurvePoint, Direction, SwarmEvent, Trial, TrialCounts, TrialState } from "./types";

export type Trials = ReadonlyMap<number, Trial>;

const kFinal: ReadonlySet<TrialState> = new Set([
  "completed",
  "pruned",
  "failed",
  "infeasible",
  "cancelled",
]);
const kCurveLimit = 512;

export function isFinal(state: TrialState): boolean {
  return kFinal.has(state);
}

export function emptyTrial(number: number): Trial {
  return {
    number,
    state: "queued",
    params: {},
    value: null,
    node: "",
    node_name: "",
    attempts: 0,
    best_epoch: 0,
    epochs: 0,
    seconds: 0,
    predicted_peak_mb: 0,
    peak_mb: 0,
    error: "",
    created_ms: 0,
    started_ms: 0,
    ended_ms: 0,
  };
}

/** A whole list was read: it replaces what is known, except what the stream knows better. */
export function mergeRead(known: Trials, read: Trial[]): Trials {
  const next = new Map(known);
  for (const trial of read) next.set(trial.number, mergeOne(known.get(trial.number), trial));
  return next;
}

function mergeOne(known: Trial | undefined, read: Trial): Trial {
  if (!known) return read;
  const curve = longer(known.curve, read.curve);
  const merged: Trial =
    isFinal(known.state) && !isFinal(read.state)
      ? { ...read, state: known.state, value: known.value, error: known.error }
      : { ...read };
  if (curve) merged.curve = curve;
  return merged;
}

function longer(
  a: CurvePoint[] | undefined,
  b: CurvePoint[] | undefined,
): CurvePoint[] | undefined {
  if (!a || !b) return a ?? b;
  return b.length >= a.length ? b : a;
}

/** Applies one event of this study. Returns the same map when the event changes nothing. */
export function applyEvent(
  known: Trials,
  event: SwarmEvent,
  nodeName: (id: string) => string,
): Trials {
  const number = event.data["number"];
  if (typeof number !== "number" || !event.kind.startsWith("trial_")) return known;
  const before = known.get(number) ?? emptyTrial(number);
  const after = changed(before, event, nodeName);
  if (after === before) return known;
  const next = new Map(known);
  next.set(number, after);
  return next;
}

function changed(trial: Trial, event: SwarmEvent, nodeName: (id: string) => string): Trial {
  const data = event.data;
  if (isFinal(trial.state)) return trial;
  switch (event.kind) {
    case "trial_queued":
      return {
        ...trial,
        state: "queued",
        params: (data["params"] ?? trial.params) as Trial["params"],
      };
    case "trial_started": {
      const node = String(data["node"] ?? "");
      return {
        ...trial,
        state: "running",
        node,
        node_name: nodeName(node),
        attempts: Number(data["attempt"] ?? trial.attempts),
      };
    }
    case "trial_progress": {
      const epoch = Number(data["epoch"]);
      const value = Number(data["value"]);
      const curve = appendPoint(trial.curve ?? [], { epoch, value });
      return { ...trial, state: "running", curve, epochs: Math.max(trial.epochs, epoch) };
    }
    case "trial_requeued":
      return { ...trial, state: "queued", node: "", node_name: "" };
    case "trial_finished": {
      const value = typeof data["value"] === "number" ? data["value"] : null;
      return {
        ...trial,
        state: String(data["state"]) as TrialState,
        value,
        error: String(data["error"] ?? ""),
      };
    }
    default:
      return trial;
  }
}

/** A retried trial starts again at an earlier epoch: what lay behind that epoch is replaced. */
export function appendPoint(curve: CurvePoint[], point: CurvePoint): CurvePoint[] {
  const last = curve[curve.length - 1];
  const kept =
    last && last.epoch >= point.epoch ? curve.filter((known) => known.epoch < point.epoch) : curve;
  return [...kept, point].slice(-kCurveLimit);
}

/** The counts as the list shows them, so that bar and table never contradict each other. */
export function countTrials(trials: Iterable<Trial>, requested: number): TrialCounts {
  const counts: TrialCounts = {
    requested,
    waiting: 0,
    queued: 0,
    running: 0,
    completed: 0,
    pruned: 0,
    failed: 0,
    infeasible: 0,
    cancelled: 0,
  };
  let drawn = 0;
  for (const trial of trials) {
    counts[trial.state] += 1;
    drawn += 1;
  }
  counts.waiting = Math.max(0, requested - drawn);
  return counts;
}

/** The first of equals, as the API says it too. */
export function bestTrial(trials: Trial[], direction: Direction): Trial | null {
  let best: Trial | null = null;
  for (const trial of sortTrials(trials, "number", false)) {
    if (trial.state !== "completed" || trial.value === null) continue;
    if (!best || isBetter(trial.value, best.value as number, direction)) best = trial;
  }
  return best;
}

export type SortKey = "number" | "value" | "seconds";

/** Trials without the sorted value come last in both orders: they say nothing about it. */
export function sortTrials(trials: Iterable<Trial>, key: SortKey, descending: boolean): Trial[] {
  const sign = descending ? -1 : 1;
  const measure = (trial: Trial) =>
    key === "number"
      ? trial.number
      : key === "value"
        ? trial.value
        : isFinal(trial.state)
          ? trial.seconds
          : null;
  return [...trials].sort((a, b) => {
    const left = measure(a);
    const right = measure(b);
    if (left === null || right === null) {
      return left === right ? a.number - b.number : left === null ? 1 : -1;
    }
    return left === right ? a.number - b.number : sign * (left - right);
  });
}
