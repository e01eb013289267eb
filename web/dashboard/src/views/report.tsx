// What was tried, and what the model shows on rows that no trial saw: GET /studies/{id}/report.
import type { ComponentChildren } from "preact";
import { useResource } from "../hooks";
import {
  formatBytes,
  formatCount,
  formatMilliseconds,
  formatNumber,
  formatSeconds,
  metricLabel,
} from "../logic/format";
import type { Study } from "../logic/types";
import { Loading, Problem, TableBox } from "../parts/basics";

interface Report {
  families: {
    family: string;
    trials: number;
    completed: number;
    seconds: number;
    best: { number: number; value: number } | null;
  }[];
  evidence: Evidence | null;
  reproduce: string;
}

type Point = [number, number];

interface Evidence {
  metric: string;
  rows: number;
  scores: Record<string, { value: number; low?: number; high?: number }>;
  importance: {
    metric: string;
    rows: number;
    held_out?: boolean;
    repeats: number;
    columns: { name: string; mean: number; spread: number }[];
  };
  residuals?: { quantiles: number[]; from: number; to: number; counts: number[] };
  points?: Point[];
  calibration?: { error: number; bins: { rows: number; said: number; hits: number }[] };
  classes?: string[];
  confusion?: number[][];
  roc?: Point[];
  pr?: Point[];
  bag?: { folds: number; models: number; temperature: number };
  candidates?: Candidate[];
  coverage?: { level: number; rows: number; share: number; width: number };
}

/** Of a bag; the first one is the bag itself and has no trial. */
interface Candidate {
  trial: number | null;
  weight: number;
  validation: number;
  low: number;
  high: number;
  ties: boolean;
  smallest: boolean;
  test: number;
  bytes: number;
  /** Absent in reports from before it was measured. */
  predict_ms?: number;
}

const kColumnsShown = 12;
const kSide = 220;

export function ReportCards({ study }: { study: Study }) {
  const report = useResource<Report>(`/studies/${study.id}/report`);
  if (report.loading) return <Loading what="the report" />;
  if (!report.data) return <Problem error={report.error} retry={report.reload} />;
  const { families, evidence, reproduce } = report.data;
  return (
    <section aria-label="Report" data-testid="report">
      <div class="columns even">
        <section class="card">
          <h2>By kind of model</h2>
          <Families study={study} families={families} />
          <p class="hint">
            The same again: <code>{reproduce}</code>. To send or print:{" "}
            <code>starling study report {study.name}</code>
          </p>
        </section>
        {evidence && (
          <section class="card">
            <h2>On {formatCount(evidence.rows)} test rows</h2>
            <Scores evidence={evidence} />
          </section>
        )}
      </div>
      {evidence?.candidates && evidence.bag && (
        <section class="card">
          <h2>Which models count</h2>
          <Candidates study={study} candidates={evidence.candidates} folds={evidence.bag.folds} />
        </section>
      )}
      {evidence && <Shown evidence={evidence} />}
    </section>
  );
}

interface CandidatesProps {
  study: Study;
  candidates: Candidate[];
  folds: number;
}

function Candidates({ study, candidates, folds }: CandidatesProps) {
  const metric = metricLabel(study.metric);
  return (
    <>
      <TableBox label="Candidates">
        <table class="list" data-testid="candidates">
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col" class="num">
                Weight
              </th>
              <th scope="col" class="num">
                {metric} on held-out rows
              </th>
              <th scope="col" class="num">
                {metric} on test rows
              </th>
              <th scope="col" class="num">
                Size
              </th>
              <th scope="col" class="num">
                An answer
              </th>
            </tr>
          </thead>
          <tbody>
            {candidates.map((one) => (
              <tr key={one.trial ?? "all"}>
                <th scope="row">
                  {one.trial === null ? "All, blended" : `Trial ${one.trial}`}
                  {one.smallest && <span class="quiet"> smallest that is as good</span>}
                </th>
                <td class="num">{formatNumber(one.weight)}</td>
                <td class="num">
                  {formatNumber(one.validation)}{" "}
                  <span class="quiet">
                    {formatNumber(one.low)} to {formatNumber(one.high)}
                    {one.ties ? ", ties" : ""}
                  </span>
                </td>
                <td class="num">{formatNumber(one.test)}</td>
                <td class="num">{formatBytes(one.bytes)}</td>
                <td class="num">{formatMilliseconds(one.predict_ms)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
      <p class="hint">
        Each was trained {folds} times, without a part of the rows each time, and judged on that part.
        What ties differs from the best by no more than chance. The weights were chosen on the same
        rows, so that all blended look a little better there than they are; the test rows decided
        nothing.
      </p>
    </>
  );
}

function Families({ study, families }: { study: Study; families: Report["families"] }) {
  const sign = study.direction === "maximize" ? -1 : 1;
  const worst = Number.POSITIVE_INFINITY;
  const sorted = [...families].sort(
    (a, b) => sign * (a.best?.value ?? sign * worst) - sign * (b.best?.value ?? sign * worst),
  );
  return (
    <TableBox label="Families">
      <table class="list">
        <thead>
          <tr>
            <th scope="col">Family</th>
            <th scope="col" class="num">
              Best {metricLabel(study.metric)}
            </th>
            <th scope="col" class="num">
              Trials
            </th>
            <th scope="col" class="num">
              Training
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((one) => (
            <tr key={one.family}>
              <th scope="row">{one.family}</th>
              <td class="num">{formatNumber(one.best?.value)}</td>
              <td class="num">{one.trials}</td>
              <td class="num">{formatSeconds(one.seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

function Scores({ evidence }: { evidence: Evidence }) {
  return (
    <>
      <table class="scores">
        <tbody>
          {Object.entries(evidence.scores).map(([name, score]) => (
            <tr key={name}>
              <th scope="row">{metricLabel(name)}</th>
              <td class="num">{formatNumber(score.value)}</td>
              <td class="num quiet">
                {score.low !== undefined &&
                  `${formatNumber(score.low)} to ${formatNumber(score.high)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">
        Nine in ten samples of so many rows would score within the range, if rows are independent of
        each other. There is none for rows that were divided by group or time.
      </p>
    </>
  );
}

function Shown({ evidence }: { evidence: Evidence }) {
  return (
    <div class="columns even">
      <section class="card">
        <h2>What matters</h2>
        <Importance importance={evidence.importance} />
      </section>
      <section class="card">
        {evidence.points && evidence.residuals && (
          <Numbers
            points={evidence.points}
            residuals={evidence.residuals}
            coverage={evidence.coverage}
          />
        )}
        {evidence.calibration && <Classes evidence={evidence} />}
      </section>
    </div>
  );
}

function Importance({ importance }: { importance: Evidence["importance"] }) {
  const shown = importance.columns.slice(0, kColumnsShown);
  const most = Math.max(...shown.map((column) => column.mean), Number.MIN_VALUE);
  const left = importance.columns.length - shown.length;
  return (
    <>
      <table class="bars" data-testid="importance">
        <tbody>
          {shown.map((column) => (
            <tr key={column.name}>
              <th scope="row">{column.name}</th>
              <td class="bar-cell">
                <span
                  class="bar"
                  style={{ width: `${(100 * Math.max(0, column.mean)) / most}%` }}
                />
              </td>
              <td class="num">
                {formatNumber(column.mean)} <span class="quiet">± {formatNumber(column.spread)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="hint">
        What {metricLabel(importance.metric)} loses when a column's values are dealt out to other
        rows ({formatCount(importance.rows)} {importance.held_out ? "held-out" : "test"} rows,{" "}
        {importance.repeats} times).
        {left > 0 && ` ${left} more columns matter less.`} Columns that say the same share what they
        matter.
      </p>
    </>
  );
}

/** A square picture; `at` maps values from 0 to 1 to places in it. */
function Picture({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <svg class="picture" viewBox={`-6 -6 ${kSide + 12} ${kSide + 12}`} role="img" aria-label={label}>
      <rect width={kSide} height={kSide} class="picture-frame" />
      <line x1={0} y1={kSide} x2={kSide} y2={0} class="picture-diagonal" />
      {children}
    </svg>
  );
}

const across = (share: number) => share * kSide;
const upward = (share: number) => kSide - share * kSide;

function Line({ points }: { points: Point[] }) {
  const path = points.map(([x, y]) => `${across(x).toFixed(1)},${upward(y).toFixed(1)}`).join(" ");
  return <polyline points={path} class="picture-line" />;
}

interface NumbersProps {
  points: Point[];
  residuals: NonNullable<Evidence["residuals"]>;
  coverage: Evidence["coverage"];
}

function Numbers({ points, residuals, coverage }: NumbersProps) {
  const all = points.flat();
  const low = Math.min(...all);
  const span = Math.max(...all) - low || 1;
  const share = (value: number) => (value - low) / span;
  return (
    <>
      <h2>Said against true</h2>
      <Picture label="What was said of test rows against what was true">
        {points.map(([truth, said], i) => (
          <circle
            key={i}
            cx={across(share(truth))}
            cy={upward(share(said))}
            r={2.5}
            class="picture-dot"
          />
        ))}
      </Picture>
      <p class="hint">
        True from left to right, said upward, both from {formatNumber(low)} to{" "}
        {formatNumber(low + span)}. Half of all errors lie between{" "}
        {formatNumber(residuals.quantiles[1])} and {formatNumber(residuals.quantiles[3])}, nine in
        ten between {formatNumber(residuals.quantiles[0])} and{" "}
        {formatNumber(residuals.quantiles[4])}.
        {coverage &&
          ` Intervals that promise ${formatNumber(100 * coverage.level)} % held ` +
            `${formatNumber(100 * coverage.share)} % of them, ` +
            `${formatNumber(coverage.width)} wide on average.`}
      </p>
    </>
  );
}

function Classes({ evidence }: { evidence: Evidence }) {
  const { calibration, classes, confusion, roc } = evidence;
  return (
    <>
      {classes && confusion && <Confusion classes={classes} counts={confusion} />}
      <div class="pictures">
        {roc && (
          <figure>
            <figcaption>True against false positives</figcaption>
            <Picture label="ROC curve">
              <Line points={roc} />
            </Picture>
          </figure>
        )}
        {calibration && (
          <figure>
            <figcaption>How often what was said came true</figcaption>
            <Picture label="Calibration">
              {calibration.bins.map((bin) => (
                <circle
                  key={bin.said}
                  cx={across(bin.said)}
                  cy={upward(bin.hits)}
                  r={2 + 8 * Math.sqrt(bin.rows / evidence.rows)}
                  class="picture-dot"
                />
              ))}
            </Picture>
          </figure>
        )}
      </div>
      {calibration && (
        <p class="hint">
          Chances are off by {formatNumber(100 * calibration.error)} percent points on average; on
          the diagonal they are right. Larger dots stand for more rows.
        </p>
      )}
    </>
  );
}

function Confusion({ classes, counts }: { classes: string[]; counts: number[][] }) {
  return (
    <>
      <h2>Who was taken for what</h2>
      <TableBox label="Confusion">
        <table class="list confusion" data-testid="confusion">
          <thead>
            <tr>
              <th scope="col">true ↓ said →</th>
              {classes.map((name) => (
                <th key={name} scope="col" class="num">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((name, truth) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {counts[truth]?.map((count, said) => (
                  <td key={classes[said]} class={truth === said ? "num right" : "num"}>
                    {formatCount(count)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}
