// One model: what it is, how good it is, and a form that asks it.
import { useState } from "preact/hooks";
import { download, sentence } from "../client";
import { useEvents, useResource, useTitle } from "../hooks";
import { formatAgo, formatBytes, shortId } from "../logic/format";
import type { Model, ModelVersion } from "../logic/types";
import { Empty, Loading, MetricTable, Problem, isMissing } from "../parts/basics";
import { go, now } from "../session";
import { PredictForm } from "./predict";
import { ParamList } from "./study";

export function ModelPage({ name, version }: { name: string; version: number }) {
  const model = useResource<Model>(`/models/${encodeURIComponent(name)}`);
  useEvents(
    (event) => event.kind === "model_registered" && event.data["model"] === name,
    model.reload,
    500,
  );
  useTitle(name);
  if (model.loading) return <Loading what="the model" />;
  if (isMissing(model.error)) {
    return (
      <Empty title="There is no such model">
        No model is called {name}. <a href="#/models">All models</a>
      </Empty>
    );
  }
  if (!model.data) return <Problem error={model.error} retry={model.reload} />;
  const wanted = version || model.data.latest;
  const shown = model.data.versions.find((candidate) => candidate.version === wanted);
  if (!shown) {
    return (
      <Empty title={`${name} has no version ${wanted}`}>
        <a href={`#/models/${encodeURIComponent(name)}`}>Open the newest</a>
      </Empty>
    );
  }
  return (
    <>
      <ModelHead model={model.data} shown={shown} />
      <div class="columns">
        <section class="card">
          <h2>Predict one row</h2>
          <PredictForm key={`${name}:${shown.version}`} name={name} version={shown} />
        </section>
        <div class="side">
          <section class="card">
            <h2>Scores</h2>
            <MetricTable validation={shown.validation} test={shown.test} metric={shown.metric} />
          </section>
          <section class="card">
            <h2>Trained with</h2>
            <ParamList params={shown.params} />
          </section>
          <FeatureCard version={shown} />
        </div>
      </div>
    </>
  );
}

function ModelHead({ model, shown }: { model: Model; shown: ModelVersion }) {
  const base = `/models/${encodeURIComponent(model.name)}`;
  return (
    <div class="page-head">
      <div>
        <p class="crumb">
          <a href="#/models">Models</a>
        </p>
        <h1>{model.name}</h1>
        <p class="quiet">
          Predicts <b>{shown.target}</b> ({shown.task}). Version{" "}
          {model.versions.length > 1 ? (
            <select
              aria-label="Version"
              value={String(shown.version)}
              onChange={(event) => go(`${base}?version=${event.currentTarget.value}`)}
            >
              {[...model.versions]
                .sort((a, b) => b.version - a.version)
                .map(({ version }) => (
                  <option key={version} value={String(version)}>
                    {version}
                    {version === model.latest ? " (newest)" : ""}
                  </option>
                ))}
            </select>
          ) : (
            <b class="num" data-testid="model-version">
              {shown.version}
            </b>
          )}
          , made {formatAgo(shown.created_ms, now.value)} by study{" "}
          <a class="mono" href={`#/studies/${shown.study}`}>
            {shown.study}
          </a>
          , {formatBytes(shown.bytes)}, artifact{" "}
          <span class="mono" title={shown.artifact}>
            {shortId(shown.artifact)}
          </span>
          .
        </p>
      </div>
      <DownloadButton
        path={`${base}/versions/${shown.version}/download`}
        name={`${model.name}-${shown.version}.starling.zip`}
      />
    </div>
  );
}

function DownloadButton({ path, name }: { path: string; name: string }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const fetchIt = async () => {
    setBusy(true);
    setFault("");
    try {
      await download(path, name);
    } catch (error) {
      setFault(sentence(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="actions">
      {fault && (
        <p class="fault" role="alert">
          {fault}
        </p>
      )}
      <button type="button" disabled={busy} onClick={() => void fetchIt()} data-testid="download">
        {busy ? "Downloading…" : "Download"}
      </button>
    </div>
  );
}

function FeatureCard({ version }: { version: ModelVersion }) {
  return (
    <section class="card">
      <h2>Features</h2>
      <dl class="params">
        {version.features.map((feature) => (
          <div key={feature.name}>
            <dt>{feature.name}</dt>
            <dd>{feature.type === "category" ? levels(feature.levels ?? []) : feature.type}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function levels(all: string[]): string {
  const few = all.slice(0, 6).join(", ");
  return all.length > 6 ? `${few} and ${all.length - 6} more` : few;
}
