import { useRef, useState } from "preact/hooks";
import { ApiError, call, randomKey, sentence } from "../client";
import { metricLabel } from "../logic/format";
import {
  kClassMetrics,
  kClassWeights,
  kFamilies,
  kFinals,
  kRegressionMetrics,
  kSplits,
  kStudyDefaults,
  metricsFor,
  splitNeedsColumn,
  studyRequest,
} from "../logic/forms";
import type { StudyForm } from "../logic/forms";
import type { Column, Dataset } from "../logic/types";
import { Field, Problem, fieldAria } from "../parts/basics";
import { go } from "../session";

const kShown = new Set<string>([...Object.keys(kStudyDefaults), "target", "constraints"]);
const kLimits = ["predict_ms", "model_mb"];
const kWords = new Set<string>(["name", "use_case"]);
const kFurther = [
  ...["task", "time_limit_s", "parallelism", "epochs", "split", "families", "final", "pruner"],
  ...["predict_ms", "model_mb", "constraints", "class_weight"],
];
const kTasks = ["auto", "regression", "binary", "multiclass"];

export function StudyFields({ dataset }: { dataset: Dataset }) {
  const columns = dataset.columns ?? [];
  const [form, setForm] = useState<StudyForm>({
    ...kStudyDefaults,
    target: columns[columns.length - 1]?.name ?? "",
  });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  // The same request sent twice (a second click after a time-out) must start one study, not two.
  const sent = useRef({ body: "", key: "" });

  const set = (field: keyof StudyForm) => (event: { currentTarget: { value: string } }) => {
    const value = event.currentTarget.value;
    setForm((old) => ({ ...old, [field]: value }));
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const body = studyRequest(dataset.id, form);
    const text = JSON.stringify(body);
    if (sent.current.body !== text) sent.current = { body: text, key: randomKey() };
    try {
      const made = await call<{ id: string }>("/studies", {
        method: "POST",
        body,
        key: sent.current.key,
      });
      go(`/studies/${made.id}`);
    } catch (problem) {
      setError(problem);
      setBusy(false);
      if (problem instanceof ApiError)
        document.getElementById(`study-${blamedField(problem)}`)?.focus();
    }
  };
  const blamed = error instanceof ApiError && kShown.has(error.field) ? blamedField(error) : "";
  const fault = (field: string) => (blamed === field ? sentence(error) : undefined);
  const text = (field: keyof StudyForm, label: string, hint?: string, placeholder?: string) => (
    <Field id={`study-${field}`} label={label} hint={hint} error={fault(field)}>
      <input
        {...fieldAria(`study-${field}`, fault(field), hint)}
        type="text"
        autocomplete="off"
        inputMode={kWords.has(field) ? "text" : kLimits.includes(field) ? "decimal" : "numeric"}
        value={form[field] as string}
        placeholder={placeholder}
        data-testid={`study-${field}`}
        onInput={set(field)}
      />
    </Field>
  );
  return (
    <form onSubmit={submit} noValidate data-testid="study-form">
      <div class="grid">
        <Field id="study-target" label="Column to predict" error={fault("target")}>
          <select
            {...fieldAria("study-target", fault("target"))}
            value={form.target}
            data-testid="study-target"
            onChange={set("target")}
          >
            <ColumnOptions columns={columns} />
          </select>
        </Field>
        {text("trials", "Trials", "1 to 10,000")}
        <MetricField form={form} dataset={dataset} error={fault("metric")} set={set("metric")} />
        {text("seed", "Seed", "The same seed gives the same result")}
        {text("name", "Name", "Optional; also the model's name", dataset.name)}
      </div>
      {text(
        "use_case",
        "What it is for",
        "Optional, in your words: limits for answers and file, and whether people have to be able to read the model, are taken from it, unless one is given below",
        "Answers within 5 ms at the counter; auditors ask why",
      )}
      <details open={kFurther.includes(blamed) || undefined}>
        <summary>More options</summary>
        <div class="grid">
          <Field id="study-task" label="Task" error={fault("task")}>
            <select
              {...fieldAria("study-task", fault("task"))}
              value={form.task}
              onChange={set("task")}
            >
              {kTasks.map((task) => (
                <option key={task} value={task}>
                  {task === "auto" ? "found from the column" : task}
                </option>
              ))}
            </select>
          </Field>
          {text("time_limit_s", "Time limit in seconds", "None when empty")}
          {text("parallelism", "Trials in parallel", "Chosen from the swarm's slots when empty")}
          {text("epochs", "Epochs", undefined, "100")}
          <SplitField form={form} dataset={dataset} error={fault("split")} set={set} />
          {form.split === "kfold" && text("folds", "Folds", "2 to 20")}
          {kChoices.map(({ field, label, choices }) => (
            <Choice
              key={field}
              field={field}
              label={label}
              choices={choices}
              value={form[field]}
              error={fault(field)}
              set={set(field)}
            />
          ))}
          {text("predict_ms", "An answer in at most", "Milliseconds for one row")}
          {text("model_mb", "A file of at most", "MB")}
        </div>
        <Ticks
          form={form}
          error={fault("families")}
          change={(part) => setForm((old) => ({ ...old, ...part }))}
        />
      </details>
      {error !== null && (!blamed || blamed === "constraints") && <Problem error={error} />}
      <button type="submit" class="primary" disabled={busy} data-testid="study-start">
        {busy ? "Starting…" : "Start"}
      </button>
    </form>
  );
}

/** Of the limits, which are one field of the request, the one that its words name. */
function blamedField(error: ApiError): string {
  if (error.field !== "constraints") return error.field;
  return kLimits.find((limit) => error.detail.includes(limit)) ?? error.field;
}

const kPruners: [string, string][] = [
  ["none", "go on to their end"],
  ["asha", "end early (successive halving)"],
];

interface Choices {
  field: "final" | "pruner" | "class_weight";
  label: string;
  choices: [string, string][];
}

const kChoices: Choices[] = [
  { field: "final", label: "Final model", choices: kFinals },
  { field: "pruner", label: "Trials that go badly", choices: kPruners },
  { field: "class_weight", label: "Classes count", choices: kClassWeights },
];

interface ChoiceProps extends Choices {
  value: string;
  error: string | undefined;
  set: (event: { currentTarget: { value: string } }) => void;
}

function Choice({ field, label, choices, value, error, set }: ChoiceProps) {
  return (
    <Field id={`study-${field}`} label={label} error={error}>
      <select
        {...fieldAria(`study-${field}`, error)}
        value={value}
        data-testid={`study-${field}`}
        onChange={set}
      >
        {choices.map(([name, words]) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </select>
    </Field>
  );
}

interface TicksProps {
  form: StudyForm;
  error: string | undefined;
  change: (part: Partial<StudyForm>) => void;
}

function Ticks({ form, error, change }: TicksProps) {
  const tick = (family: string) => (event: { currentTarget: { checked: boolean } }) => {
    const others = form.families.filter((name) => name !== family);
    change({ families: event.currentTarget.checked ? [...others, family] : others });
  };
  return (
    <>
      <label class="tick">
        <input
          type="checkbox"
          checked={form.interpretable}
          data-testid="study-interpretable"
          onChange={(event) => change({ interpretable: event.currentTarget.checked })}
        />{" "}
        People have to be able to read the model
      </label>
      <fieldset class="ticks">
        <legend>Models to try; when none is ticked the first four, or those that the limits allow</legend>
        {kFamilies.map(([family, words]) => (
          <label class="tick" key={family}>
            <input
              type="checkbox"
              checked={form.families.includes(family)}
              data-testid={`study-family-${family}`}
              onChange={tick(family)}
            />{" "}
            <b>{family}</b> <span class="quiet">{words}</span>
          </label>
        ))}
        {error && (
          <p class="fault" role="alert" data-testid="study-families-error">
            {error}
          </p>
        )}
      </fieldset>
    </>
  );
}

function ColumnOptions({ columns }: { columns: Column[] }) {
  return (
    <>
      {columns.map(({ name, type }) => (
        <option key={name} value={name}>
          {name} ({type})
        </option>
      ))}
    </>
  );
}

interface SplitProps {
  form: StudyForm;
  dataset: Dataset;
  error: string | undefined;
  set: (field: keyof StudyForm) => (event: { currentTarget: { value: string } }) => void;
}

function SplitField({ form, dataset, error, set }: SplitProps) {
  const columns = dataset.columns?.filter((column) => column.name !== form.target) ?? [];
  return (
    <>
      <Field id="study-split" label="Rows that train, validate and test" error={error}>
        <select
          {...fieldAria("study-split", error)}
          value={form.split}
          data-testid="study-split"
          onChange={set("split")}
        >
          {kSplits.map(([method, words]) => (
            <option key={method} value={method}>
              {words}
            </option>
          ))}
        </select>
      </Field>
      {splitNeedsColumn(form.split) && (
        <Field id="study-split_column" label="Column that divides them">
          <select
            {...fieldAria("study-split_column", undefined)}
            value={form.split_column}
            data-testid="study-split_column"
            onChange={set("split_column")}
          >
            <option value="">choose a column</option>
            <ColumnOptions columns={columns} />
          </select>
        </Field>
      )}
    </>
  );
}

interface MetricProps {
  form: StudyForm;
  dataset: Dataset;
  error: string | undefined;
  set: (event: { currentTarget: { value: string } }) => void;
}

function MetricField({ form, dataset, error, set }: MetricProps) {
  const target = dataset.columns?.find((column) => column.name === form.target);
  const fits = metricsFor(form.task, target);
  const group = (label: string, metrics: string[]) => (
    <optgroup label={label}>
      {metrics.map((metric) => (
        <option key={metric} value={metric}>
          {metricLabel(metric)}
        </option>
      ))}
    </optgroup>
  );
  return (
    <Field id="study-metric" label="Metric" error={error}>
      <select
        {...fieldAria("study-metric", error)}
        value={form.metric}
        data-testid="study-metric"
        onChange={set}
      >
        <option value="">
          {fits.regression && !fits.classes
            ? "RMSE (default)"
            : fits.classes && !fits.regression
              ? "Log loss (default)"
              : "the task's default"}
        </option>
        {fits.regression && group("Numbers", kRegressionMetrics)}
        {fits.classes && group("Classes", kClassMetrics)}
      </select>
    </Field>
  );
}
