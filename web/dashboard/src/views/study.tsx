// One study, live: its progress, its chart, its trials, its result.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useEvents, useResource, useTitle } from "../hooks";
import { nodeName, onEvent } from "../live";
import {
  formatAgo,
  formatCount,
  formatNumber,
  formatParam,
  formatSeconds,
  metricLabel,
  shortId,
  shortParam,
} from "../logic/format";
import { splitSentence } from "../logic/forms";
import { applyEvent, bestTrial, countTrials, mergeRead } from "../logic/trials";
import type { Trials } from "../logic/trials";
import { isOutside } from "../logic/types";
import type { Params, Study, Trial } from "../logic/types";
import { Empty, Loading, MetricTable, Problem, State, isMissing } from "../parts/basics";
import { ObjectiveChart } from "../parts/objective_chart";
import { TrialProgress } from "../parts/trial_progress";
import { now } from "../session";
import { ReportCards } from "./report";
import { StudyActions } from "./study_actions";
import { TrialTable } from "./trial_table";

const kOpen = new Set(["queued", "running", "paused", "finishing"]);

export function StudyPage({ id }: { id: string }) {
  const path = `/studies/${encodeURIComponent(id)}`;
  const study = useResource<Study>(path);
  const read = useResource<{ trials: Trial[] }>(`${path}/trials`);
  const [trials, setTrials] = useState<Trials>(new Map());
  useTitle(study.data?.name ?? "Study");

  useEffect(() => {
    if (read.data) setTrials((known) => mergeRead(known, read.data?.trials ?? []));
  }, [read.data]);
  useEffect(
    () =>
      onEvent((event) => {
        if (event.data["study"] === id) setTrials((known) => applyEvent(known, event, nodeName));
      }),
    [id],
  );
  const reload = () => {
    study.reload();
    read.reload();
  };
  useEvents((event) => event.data["study"] === id && event.kind !== "trial_progress", reload, 700);

  const open = study.data !== null && kOpen.has(study.data.status);
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(reload, 5000); // Should an event ever be missed, the page still ends right.
    return () => clearInterval(timer);
  }, [open]);

  const list = useMemo(() => [...trials.values()], [trials]);
  if (study.loading) return <Loading what="the study" />;
  if (isMissing(study.error)) {
    return (
      <Empty title="There is no such study">
        No study has the id {id}. <a href="#/">All studies</a>
      </Empty>
    );
  }
  if (!study.data) return <Problem error={study.error} retry={study.reload} />;
  const known = open && read.data ? upToDate(study.data, list) : study.data;
  return (
    <>
      <StudyHead study={known} reload={reload} />
      {study.error !== null && <Problem error={study.error} retry={reload} />}
      <section class="card" aria-label="Progress">
        <TrialProgress counts={known.trials} />
        <StatusLine study={known} />
      </section>
      <div class="columns even">
        <section class="card">
          <h2>Objective history</h2>
          <ObjectiveChart
            trials={list}
            direction={known.direction}
            metric={known.metric}
            ended={!open}
          />
        </section>
        <div class="side">
          {!isOutside(known) && <ResultCard study={known} />}
          <BestCard study={known} />
        </div>
      </div>
      <Decisions study={known} />
      {known.result?.model && (
        <ReportCards key={known.result.model.version} study={known} />
      )}
      <section class="card flush">
        <h2>Trials</h2>
        {read.error !== null && <Problem error={read.error} retry={read.reload} />}
        {read.loading ? (
          <Loading what="the trials" />
        ) : (
          <TrialTable
            study={known}
            trials={list}
            onCurve={(trial) => setTrials((all) => mergeRead(all, [trial]))}
          />
        )}
      </section>
    </>
  );
}

function Decisions({ study }: { study: Study }) {
  const decisions = study.decisions ?? [];
  if (decisions.length === 0) return null;
  return (
    <section class="card">
      <details>
        <summary>What was decided, and why</summary>
        <dl class="decisions">
          {decisions.map(({ what, choice, reason }) => (
            <div key={what + choice}>
              <dt>
                {what.replace(/_/g, " ")}: {choice}
              </dt>
              <dd class="quiet">{reason}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}

/** While it runs, events bring the trials further than the last read of the study. */
function upToDate(study: Study, trials: Trial[]): Study {
  // Events do not say what a model costs, which decides where there are limits.
  const { predict_ms, model_mb } = study.constraints ?? {};
  const best = predict_ms || model_mb ? null : bestTrial(trials, study.direction);
  return {
    ...study,
    trials: countTrials(trials, study.trials.requested),
    best: best
      ? { number: best.number, value: best.value as number, params: best.params }
      : study.best,
  };
}

function StudyHead({ study, reload }: { study: Study; reload: () => void }) {
  return (
    <div class="page-head">
      <div>
        <p class="crumb">
          <a href="#/">Studies</a>
        </p>
        <h1>
          {study.name}{" "}
          <span data-testid="study-status" data-status={study.status}>
            <State value={study.status} />
          </span>
        </h1>
        <p class="quiet">
          <Aim study={study} /> Seed <span class="num">{study.seed}</span>,{" "}
          {study.parallelism} in parallel, started {formatAgo(study.created_ms, now.value)},{" "}
          {formatSeconds(study.cost.trial_seconds)} of {isOutside(study) ? "computing" : "training"}
          {kOpen.has(study.status) ? " so far" : ""}.
        </p>
      </div>
      <StudyActions study={study} done={reload} />
    </div>
  );
}

function Aim({ study }: { study: Study }) {
  if (isOutside(study)) {
    return (
      <>
        A program outside the swarm computes <b>{study.metric}</b>, to{" "}
        {study.direction === "maximize" ? "be great" : "be small"}.
      </>
    );
  }
  return (
    <>
      Predicts <b>{study.target}</b> from {study.dataset_name} ({study.task},{" "}
      {metricLabel(study.metric)}).
    </>
  );
}

function StatusLine({ study }: { study: Study }) {
  const { final } = study;
  const words: string[] = [];
  if (study.waiting_reason) words.push(`Waiting: ${study.waiting_reason}.`);
  if (study.stop_reason && study.stop_reason !== study.status)
    words.push(`Stopped: ${study.stop_reason.replace(/_/g, " ")}.`);
  if (final.state === "none" && final.fits > 0)
    words.push(
      `The best trials are trained on folds: ${final.fits_done} of ${final.fits} are done.`,
    );
  if (final.state === "queued") words.push("The final model waits for a free node.");
  if (final.state === "running") words.push(`${nodeName(final.node)} trains the final model.`);
  if (final.state === "failed") words.push(`The final model failed: ${final.error}`);
  if (final.attempts > 1) words.push(`Attempt ${final.attempts} of the final model.`);
  if (words.length === 0) return null;
  return (
    <p class={study.status === "failed" ? "fault" : "quiet"} role="status">
      {words.join(" ")}
    </p>
  );
}

function ResultCard({ study }: { study: Study }) {
  const result = study.result;
  if (!result) {
    return (
      <section class="card">
        <h2>Result</h2>
        <p class="quiet">
          {study.status === "cancelled"
            ? "Cancelled before a final model was trained."
            : "When all trials are finished, the best one is trained again and measured once on rows that " +
              "no trial has seen."}
        </p>
      </section>
    );
  }
  const { rows, model } = result;
  return (
    <section class="card" data-testid="final-result">
      <h2>Result</h2>
      <MetricTable validation={result.validation} test={result.test} metric={study.metric} />
      <p class="quiet">
        Rows: <span class="num">{formatCount(rows.train)}</span> training,{" "}
        <span class="num">{formatCount(rows.validation)}</span> validation,{" "}
        <span class="num">{formatCount(rows.test)}</span> test
        {rows.dropped > 0 && (
          <>
            , <span class="num">{formatCount(rows.dropped)}</span> dropped
          </>
        )}
        . Divided {splitSentence(study.split)},{" "}
        <span class="mono" title={result.split_hash}>
          {shortId(result.split_hash)}
        </span>
        .
      </p>
      {model && (
        <a
          class="button primary"
          data-testid="model-link"
          href={`#/models/${encodeURIComponent(model.name)}?version=${model.version}`}
        >
          Open model {model.name}, version {model.version}
        </a>
      )}
    </section>
  );
}

function BestCard({ study }: { study: Study }) {
  const best = study.best;
  return (
    <section class="card">
      <h2>Best trial</h2>
      {!best && (
        <p class="quiet">
          {kOpen.has(study.status) ? "None is completed yet." : "None was completed."}
        </p>
      )}
      {best && (
        <>
          <p>
            <span class="figure num" data-testid="best-value">
              {formatNumber(best.value)}
            </span>{" "}
            <span class="quiet">
              {metricLabel(study.metric)}, trial {best.number}
            </span>
          </p>
          <ParamList params={best.params} />
        </>
      )}
    </section>
  );
}

export function ParamList({ params }: { params: Params }) {
  return (
    <dl class="params">
      {Object.entries(params).map(([name, value]) => (
        <div key={name}>
          <dt title={name}>{shortParam(name)}</dt>
          <dd class="num">{formatParam(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
