import assert from "node:assert/strict";
import { test } from "node:test";
import {
  freeName,
  kStudyDefaults,
  metricsFor,
  nameFromFile,
  predictRequest,
  splitSentence,
  studyRequest,
  typicalValues,
  warningSentence,
} from "../src/logic/forms";
import type { Column, Feature } from "../src/logic/types";

const features: Feature[] = [
  { name: "age", type: "number" },
  { name: "region", type: "category", levels: ["east", "west"] },
];

test("a file's name becomes a name that the API takes", () => {
  assert.equal(nameFromFile("insurance.csv"), "insurance");
  assert.equal(nameFromFile("C:\\data\\My table (2).CSV"), "My-table-2");
  assert.equal(nameFromFile("数据.csv"), "dataset");
  assert.equal(nameFromFile(`${"a".repeat(99)}.csv`).length, 56);
});

test("a taken name gets the first free number", () => {
  assert.equal(freeName("a", []), "a");
  assert.equal(freeName("a", ["a", "a-2"]), "a-3");
});

test("empty fields are left to the API's defaults", () => {
  assert.deepEqual(studyRequest("d-1", { ...kStudyDefaults, target: "charges" }), {
    dataset: "d-1",
    target: "charges",
    trials: 20,
    seed: 42,
  });
});

test("models, limits and what they are for are sent where they are given", () => {
  const request = studyRequest("d-1", {
    ...kStudyDefaults,
    target: "y",
    use_case: " answers within 5 ms ",
    families: ["linear", "tabm"],
    final: "refit",
    pruner: "asha",
    class_weight: "balanced",
    predict_ms: "0.5",
    model_mb: "small",
    interpretable: true,
  });
  assert.equal(request["use_case"], "answers within 5 ms");
  assert.deepEqual(request["families"], ["linear", "tabm"]);
  assert.equal(request["final"], "refit");
  assert.equal(request["pruner"], "asha");
  assert.equal(request["class_weight"], "balanced");
  assert.deepEqual(request["constraints"], {
    predict_ms: 0.5,
    model_mb: "small",
    interpretable: true,
  });
});

test("a split is sent with what belongs to it", () => {
  const of = (form: Partial<typeof kStudyDefaults>) =>
    studyRequest("d-1", { ...kStudyDefaults, target: "y", ...form })["split"];
  assert.equal(of({ split: "auto", split_column: "who" }), undefined);
  assert.deepEqual(of({ split: "group", split_column: "who" }), { method: "group", column: "who" });
  assert.deepEqual(of({ split: "kfold", split_column: "who", folds: "4" }), {
    method: "kfold",
    folds: 4,
  });
  assert.equal(splitSentence({ method: "time", column: "day", gap: 7 }), "newest day test, gap 7");
  assert.equal(splitSentence({ method: "kfold", folds: 4 }), "by content, 4 folds");
});

test("text where a number belongs is sent as it is, so that the API can name it", () => {
  const request = studyRequest("d-1", {
    ...kStudyDefaults,
    target: "y",
    trials: "many",
    metric: "mae",
    name: " n ",
  });
  assert.equal(request["trials"], "many");
  assert.equal(request["metric"], "mae");
  assert.equal(request["name"], "n");
});

test("the metrics offered fit the column", () => {
  const column = (type: Column["type"], distinct: number): Column => ({
    name: "y",
    type,
    distinct,
    missing: 0,
  });
  assert.deepEqual(metricsFor("auto", column("category", 3)), { regression: false, classes: true });
  assert.deepEqual(metricsFor("auto", column("number", 900)), { regression: true, classes: false });
  assert.deepEqual(metricsFor("auto", column("integer", 2)), { regression: true, classes: true });
  assert.deepEqual(metricsFor("auto", column("boolean", 2)), { regression: false, classes: true });
  assert.deepEqual(metricsFor("binary", column("number", 900)), {
    regression: false,
    classes: true,
  });
});

test("a row sends numbers as numbers; an empty field is a missing value", () => {
  assert.deepEqual(predictRequest(features, { age: "19", region: "west" }), {
    rows: [{ age: 19, region: "west" }],
    allow_missing: false,
  });
  assert.deepEqual(predictRequest(features, { age: " ", region: "west" }), {
    rows: [{ region: "west" }],
    allow_missing: true,
  });
  assert.deepEqual(predictRequest(features, { age: "old", region: "7" }).rows, [
    { age: "old", region: "7" },
  ]);
});

test("the form starts with typical values, or with what the model alone tells", () => {
  const columns: Column[] = [
    { name: "age", type: "number", missing: 0, distinct: 47, mean: 39.207 },
    {
      name: "region",
      type: "category",
      missing: 0,
      distinct: 2,
      top: [{ value: "west", count: 9 }],
    },
  ];
  assert.deepEqual(typicalValues(features, columns), { age: "39.2", region: "west" });
  assert.deepEqual(typicalValues(features, undefined), { age: "", region: "east" });
  const day: Column = { name: "day", type: "date", missing: 0, distinct: 9, max: "2024-01-31" };
  assert.deepEqual(typicalValues([{ name: "day", type: "date" }], [day]), { day: "2024-01-31" });
});

test("a warning of a kind this page does not know is still a sentence", () => {
  assert.equal(warningSentence("age", "very_odd"), "age very odd.");
  assert.match(warningSentence("region", "unknown_category"), /never seen in training/);
});
