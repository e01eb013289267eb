// What the forms send: the study's request, the row to predict, a dataset's name.
import type { Column, Feature, Split } from "./types";

/** A dataset's name from its file's name: what the API allows, nothing else. */
export function nameFromFile(file: string): string {
  const stem = file.replace(/^.*[\\/]/, "").replace(/\.gz$/i, "").replace(/\.(csv|tsv|txt)$/i, "");
  const clean = stem
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 56);
  return clean || "dataset";
}

/** The first of name, name-2, name-3 ... that is not taken. */
export function freeName(base: string, taken: Iterable<string>): string {
  const names = new Set(taken);
  if (!names.has(base)) return base;
  for (let number = 2; ; number += 1) {
    if (!names.has(`${base}-${number}`)) return `${base}-${number}`;
  }
}

export interface StudyForm {
  target: string;
  trials: string;
  metric: string;
  seed: string;
  name: string;
  task: string;
  time_limit_s: string;
  parallelism: string;
  epochs: string;
  split: SplitMethod;
  split_column: string;
  folds: string;
  use_case: string;
  /** Chosen ones; none: the usual. */
  families: string[];
  final: string;
  pruner: string;
  class_weight: string;
  predict_ms: string;
  model_mb: string;
  interpretable: boolean;
}

/** Families of models, in words; the first four are what a study tries unless it says. */
export const kFamilies: [string, string][] = [
  ["baseline", "mean or majority"],
  ["linear", "ridge, logistic"],
  ["xgboost", "boosted trees"],
  ["mlp", "networks"],
  ["realmlp", "networks, RealMLP"],
  ["resnet", "networks that add, ResNet"],
  ["tabm", "ensembles in one network, TabM"],
];

export const kFinals: [string, string][] = [
  ["", "as needed (default)"],
  ["bag", "the best, blended"],
  ["refit", "the best one, trained once more"],
  ["refit_all", "the same on all rows, untested"],
];

export const kClassWeights: [string, string][] = [
  ["", "as they are (default)"],
  ["balanced", "rare ones as much"],
];

export type SplitMethod = "auto" | "holdout" | "kfold" | "group" | "time" | "column";

/** What the form offers; test rows in a file of their own are the command line's. */
export const kSplits: [SplitMethod, string][] = [
  ["auto", "as the columns say"],
  ["holdout", "by content"],
  ["kfold", "by content, in folds"],
  ["group", "groups stay together"],
  ["time", "newest rows test"],
  ["column", "a column says it"],
];

export function splitNeedsColumn(method: SplitMethod): boolean {
  return method === "group" || method === "time" || method === "column";
}

export const kStudyDefaults: Omit<StudyForm, "target"> = {
  trials: "20",
  metric: "",
  seed: "42",
  name: "",
  task: "auto",
  time_limit_s: "",
  parallelism: "",
  epochs: "",
  split: "auto",
  split_column: "",
  folds: "5",
  use_case: "",
  families: [],
  final: "",
  pruner: "none",
  class_weight: "",
  predict_ms: "",
  model_mb: "",
  interpretable: false,
};

/** Empty fields are left out: the API's own defaults are the truth about them. */
export function studyRequest(dataset: string, form: StudyForm): Record<string, unknown> {
  const request: Record<string, unknown> = { dataset, target: form.target };
  for (const field of ["trials", "seed", "time_limit_s", "parallelism", "epochs"] as const) {
    const text = form[field].trim();
    if (text === "") continue;
    request[field] = number(text);
  }
  if (form.metric) request["metric"] = form.metric;
  if (form.name.trim()) request["name"] = form.name.trim();
  if (form.task !== "auto") request["task"] = form.task;
  if (form.split !== "auto") request["split"] = splitOf(form);
  if (form.use_case.trim()) request["use_case"] = form.use_case.trim();
  if (form.families.length > 0) request["families"] = form.families;
  if (form.final) request["final"] = form.final;
  if (form.pruner !== "none") request["pruner"] = form.pruner;
  if (form.class_weight) request["class_weight"] = form.class_weight;
  const constraints = constraintsOf(form);
  if (Object.keys(constraints).length > 0) request["constraints"] = constraints;
  return request;
}

function constraintsOf(form: StudyForm): Record<string, unknown> {
  const constraints: Record<string, unknown> = {};
  for (const field of ["predict_ms", "model_mb"] as const) {
    if (form[field].trim() !== "") constraints[field] = number(form[field]);
  }
  if (form.interpretable) constraints["interpretable"] = true;
  return constraints;
}

/** Text where a number belongs goes as it is, so that the API can name it. */
function number(text: string): number | string {
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value : text;
}

function splitOf(form: StudyForm): Split {
  const split: Split = { method: form.split };
  if (splitNeedsColumn(form.split)) split.column = form.split_column;
  if (form.split === "kfold") split.folds = number(form.folds);
  return split;
}

/** How a study divides its rows, in words. */
export function splitSentence(split: Split | undefined): string {
  const folds = split?.folds ? `, ${split.folds} folds` : "";
  switch (split?.method) {
    case "group":
      return `equal ${split.column} together${folds}`;
    case "time":
      return `newest ${split.column} test${split.gap ? `, gap ${split.gap}` : ""}`;
    case "column":
      return `as ${split.column} says${folds}`;
    case "datasets":
      return `test rows from ${split.test?.join(", ") ?? "another data set"}${folds}`;
    default:
      return `by content${folds}`;
  }
}

export const kRegressionMetrics = ["rmse", "mae", "r2", "rmsle", "mape", "pinball"];
export const kClassMetrics = [
  "log_loss",
  "accuracy",
  "f1",
  "f1_macro",
  "balanced_accuracy",
  "mcc",
  "roc_auc",
  "pr_auc",
  "brier",
];

export function isNumeric(column: Column): boolean {
  return column.type === "number" || column.type === "integer";
}

/** Which metrics can fit. A number column with few values may be either: both groups then. */
export function metricsFor(
  task: string,
  target: Column | undefined,
): {
  regression: boolean;
  classes: boolean;
} {
  if (task === "regression") return { regression: true, classes: false };
  if (task === "binary" || task === "multiclass") return { regression: false, classes: true };
  if (!target) return { regression: true, classes: true };
  if (!isNumeric(target)) return { regression: false, classes: true };
  return { regression: true, classes: target.distinct <= 20 };
}

/** Typical values of the training data, so that the form can be sent at once. */
export function typicalValues(
  features: Feature[],
  columns: Column[] | undefined,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const feature of features) {
    const column = columns?.find((candidate) => candidate.name === feature.name);
    if (feature.type === "category") {
      values[feature.name] = column?.top?.[0]?.value ?? feature.levels?.[0] ?? "";
    } else if (feature.type === "text") {
      values[feature.name] = column?.top?.[0]?.value ?? "";
    } else if (feature.type === "date") {
      values[feature.name] = String(column?.max ?? "");
    } else {
      values[feature.name] = typicalNumber(column);
    }
  }
  return values;
}

function typicalNumber(column: Column | undefined): string {
  const mean = column?.mean;
  if (mean === null || mean === undefined || !Number.isFinite(mean)) return "";
  const top = column?.top?.[0]?.value;
  if (top !== undefined && (column?.distinct ?? 0) <= 12) return top;
  return String(Number(mean.toPrecision(3)));
}

export interface PredictRequest {
  rows: Record<string, string | number>[];
  allow_missing: boolean;
}

/** Fields left empty are missing values. Text in a number field goes as it is: the API names it. */
export function predictRequest(
  features: Feature[],
  values: Record<string, string>,
): PredictRequest {
  const row: Record<string, string | number> = {};
  for (const feature of features) {
    const text = (values[feature.name] ?? "").trim();
    if (text === "") continue;
    const number = Number(text);
    row[feature.name] = feature.type === "number" && Number.isFinite(number) ? number : text;
  }
  return { rows: [row], allow_missing: Object.keys(row).length < features.length };
}

const kWarningWords: Record<string, string> = {
  infinite: "is infinite and treated as a missing value",
  unknown_category: "has a value never seen in training; it is treated as unknown",
  missing: "is empty and treated as a missing value",
  missing_value: "is empty and treated as a missing value",
  missing_column: "is empty and treated as a missing value",
  unused_column: "is not used by this model",
  out_of_range: "is outside the range seen in training",
};

export function warningSentence(column: string, kind: string): string {
  return `${column} ${kWarningWords[kind] ?? kind.replace(/_/g, " ")}.`;
}
