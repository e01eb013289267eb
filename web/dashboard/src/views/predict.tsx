import { useEffect, useState } from "preact/hooks";
import { ApiError, call, sentence } from "../client";
import { useResource } from "../hooks";
import { formatNumber, formatPercent } from "../logic/format";
import { predictRequest, typicalValues, warningSentence } from "../logic/forms";
import type { Dataset, Feature, ModelVersion, Prediction, Study } from "../logic/types";
import { Field, Problem, fieldAria } from "../parts/basics";

const kOther = "\u0000other";

export function PredictForm({ name, version }: { name: string; version: ModelVersion }) {
  const study = useResource<Study>(
    version.study ? `/studies/${encodeURIComponent(version.study)}` : null,
  );
  const profile = useResource<Dataset>(
    study.data ? `/datasets/${study.data.dataset}/profile` : null,
  );
  const [values, setValues] = useState(() => typicalValues(version.features, undefined));
  const [touched, setTouched] = useState(false);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Prediction | null>(null);
  const [error, setError] = useState<unknown>(null);

  useEffect(() => {
    const columns = profile.data?.columns;
    if (columns && !touched) setValues(typicalValues(version.features, columns));
  }, [profile.data]);

  const set = (feature: string, value: string) => {
    setTouched(true);
    setValues((old) => ({ ...old, [feature]: value }));
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const body = predictRequest(version.features, values);
      const path = `/models/${encodeURIComponent(name)}/predict?version=${version.version}`;
      setAnswer(await call<Prediction>(path, { method: "POST", body }));
    } catch (problem) {
      setAnswer(null);
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const blamed = error instanceof ApiError ? error.field : "";
  const atField = version.features.some((feature) => feature.name === blamed);
  return (
    <form onSubmit={submit} data-testid="predict-form" noValidate>
      {profile.data && !touched && (
        <p class="hint">Filled with typical values of the training data.</p>
      )}
      <div class="grid">
        {version.features.map((feature) => (
          <FeatureInput
            key={feature.name}
            feature={feature}
            value={values[feature.name] ?? ""}
            error={blamed === feature.name ? sentence(error) : undefined}
            set={(value) => set(feature.name, value)}
          />
        ))}
      </div>
      <button type="submit" class="primary" disabled={busy} data-testid="predict">
        {busy ? "Predicting…" : "Predict"}
      </button>
      {error !== null && !atField && <Problem error={error} />}
      <div aria-live="polite">{answer && <Answer answer={answer} target={version.target} />}</div>
    </form>
  );
}

interface InputProps {
  feature: Feature;
  value: string;
  error: string | undefined;
  set: (value: string) => void;
}

function FeatureInput({ feature, value, error, set }: InputProps) {
  const id = `feature-${feature.name}`;
  const known = feature.levels ?? [];
  const [other, setOther] = useState(false);
  if (feature.type !== "category") {
    return (
      <Field id={id} label={feature.name} error={error}>
        <input
          {...fieldAria(id, error)}
          type="text"
          inputMode={feature.type === "number" ? "decimal" : "text"}
          autocomplete="off"
          value={value}
          placeholder={feature.type === "date" ? "2024-01-31, or missing" : "missing"}
          data-testid={id}
          onInput={(event) => set(event.currentTarget.value)}
        />
      </Field>
    );
  }
  return (
    <Field id={id} label={feature.name} error={error}>
      <select
        {...fieldAria(id, error)}
        value={other ? kOther : value}
        data-testid={id}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          setOther(chosen === kOther);
          set(chosen === kOther ? "" : chosen);
        }}
      >
        {known.map((level) => (
          <option key={level} value={level}>
            {level}
          </option>
        ))}
        <option value="">(missing)</option>
        <option value={kOther}>other…</option>
      </select>
      {other && (
        <input
          type="text"
          aria-label={`${feature.name}, another value`}
          value={value}
          autofocus
          data-testid={`${id}-other`}
          onInput={(event) => set(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

function Answer({ answer, target }: { answer: Prediction; target: string }) {
  const prediction = answer.predictions[0];
  const shares = Object.entries(answer.probabilities?.[0] ?? {}).sort((a, b) => b[1] - a[1]);
  return (
    <div class="answer" data-testid="prediction">
      <p>
        <span class="quiet">{target}</span>{" "}
        <span class="figure num" data-testid="prediction-value">
          {typeof prediction === "number" ? formatNumber(prediction, 6) : prediction}
        </span>
      </p>
      {shares.length > 0 && (
        <ul class="shares" aria-label="Probability of each class">
          {shares.map(([name, share]) => (
            <li key={name}>
              <span class="share-name">{name}</span>
              <span class="share-bar" aria-hidden="true">
                <span style={{ width: `${share * 100}%` }} />
              </span>
              <span class="num">{formatPercent(share)}</span>
            </li>
          ))}
        </ul>
      )}
      {answer.warnings.map((warning) => (
        <p key={warning.column + warning.kind} class="notice warn">
          {warningSentence(warning.column, warning.kind)}
        </p>
      ))}
    </div>
  );
}
