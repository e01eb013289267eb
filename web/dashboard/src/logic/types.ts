// The shapes of the HTTP API (docs/api.md) that the page reads.

export interface Member {
  id: string;
  name: string;
  address: string;
  http: string;
  state: "alive" | "suspect" | "dead" | "left";
  role: "voter" | "standby" | "leaf";
  is_leader: boolean;
  memory: { budget_mb: number; used_mb: number; free_mb: number };
  slots: number;
  trials_running: number;
  trials_queued: number;
  version: string;
  labels: Record<string, string>;
}

export interface Swarm {
  swarm_id: string;
  leader: string | null;
  term: number;
  commit_index: number;
  applied_index: number;
  upstream: string | null;
  depth: number;
  self: string;
  members: Member[];
  notes: string[];
}

export type ColumnType =
  | "number"
  | "integer"
  | "category"
  | "boolean"
  | "date"
  | "text"
  | "id";

export interface Column {
  name: string;
  type: ColumnType;
  role?: "feature" | "ignore" | "id" | "group" | "time" | "weight";
  missing: number;
  /** Of numbers and dates: cells that are none. */
  unreadable?: number;
  infinite?: number;
  distinct: number;
  /** Of dates: as text. */
  min?: number | string | null;
  max?: number | string | null;
  mean?: number | null;
  std?: number | null;
  top?: { value: string; count: number }[];
}

export interface Dataset {
  id: string;
  name: string;
  bytes: number;
  rows: number;
  sha: string;
  created_ms: number;
  columns?: Column[];
  warnings?: string[];
}

export type Params = Record<string, string | number | boolean>;
export type Metrics = Record<string, number | null>;

export interface TrialCounts {
  requested: number;
  waiting: number;
  queued: number;
  running: number;
  completed: number;
  pruned: number;
  failed: number;
  infeasible: number;
  cancelled: number;
}

export type Direction = "minimize" | "maximize";
export type StudyState =
  "queued" | "running" | "paused" | "finishing" | "completed" | "failed" | "cancelled";

export interface Split {
  method: string;
  column?: string;
  train?: string[];
  validation?: string[];
  test?: string[];
  folds?: number | string;
  gap?: number;
}

export interface Study {
  id: string;
  name: string;
  dataset: string;
  dataset_name: string;
  target: string;
  task: string;
  metric: string;
  direction: Direction;
  seed: number;
  parallelism: number;
  split?: Split;
  status: StudyState;
  stop_reason: string;
  waiting_reason: string;
  created_ms: number;
  started_ms: number;
  ended_ms: number;
  cost: { trial_seconds: number };
  trials: TrialCounts;
  best: { number: number; value: number; params: Params } | null;
  final: {
    state: "none" | "queued" | "running" | "completed" | "failed";
    node: string;
    attempts: number;
    fits: number;
    fits_done: number;
    error: string;
  };
  final_model: "bag" | "refit" | "refit_all";
  /** What nobody asked for in so many words; older nodes do not say. */
  constraints?: { predict_ms?: number; model_mb?: number; interpretable?: boolean };
  decisions?: { what: string; choice: string; reason: string }[];
  result: {
    validation: Metrics;
    test: Metrics;
    rows: { train: number; validation: number; test: number; dropped: number };
    split_hash: string;
    seed: number;
    model: { name: string; version: number } | null;
  } | null;
}

/** Its trials are computed by a program outside the swarm, which asks for them. */
export const isOutside = (study: Study) => study.task === "outside";

export type TrialState =
  "queued" | "running" | "completed" | "pruned" | "failed" | "infeasible" | "cancelled";

export interface CurvePoint {
  epoch: number;
  value: number;
}

export interface Trial {
  number: number;
  state: TrialState;
  params: Params;
  value: number | null;
  metrics?: Metrics;
  curve?: CurvePoint[];
  node: string;
  node_name: string;
  attempts: number;
  past_attempts?: { node: string; node_name: string; cause: string; reason: string }[];
  best_epoch: number;
  epochs: number;
  seconds: number;
  predicted_peak_mb: number;
  peak_mb: number;
  error: string;
  created_ms: number;
  started_ms: number;
  ended_ms: number;
}

export interface Feature {
  name: string;
  type: "number" | "category" | "date" | "text";
  levels?: string[];
}

export interface ModelVersion {
  version: number;
  study: string;
  artifact: string;
  bytes: number;
  created_ms: number;
  task: string;
  target: string;
  metric: string;
  test: Metrics;
  validation: Metrics;
  params: Params;
  features: Feature[];
  classes: string[];
}

export interface Model {
  name: string;
  latest: number;
  versions: ModelVersion[];
}

export interface Prediction {
  model: string;
  version: number;
  predictions: (number | string)[];
  probabilities: Record<string, number>[] | null;
  warnings: { row: number; column: string; kind: string }[];
}

export interface SwarmEvent {
  cursor: string;
  kind: string;
  data: Record<string, unknown>;
}
