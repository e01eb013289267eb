import { useEffect, useRef, useState } from "preact/hooks";
import { call } from "../client";
import { formatNumber, formatParam, formatSeconds, metricLabel, shortParam } from "../logic/format";
import { isFinal, sortTrials } from "../logic/trials";
import type { SortKey } from "../logic/trials";
import type { Study, Trial } from "../logic/types";
import { State, TableBox } from "../parts/basics";
import { Sparkline } from "../parts/sparkline";

const kPerPage = 50;
const kCurvesAtOnce = 4;

interface Props {
  study: Study;
  trials: Trial[];
  onCurve: (trial: Trial) => void;
}

export function TrialTable({ study, trials, onCurve }: Props) {
  const [sort, setSort] = useState<{ key: SortKey; descending: boolean }>({
    key: "number",
    descending: false,
  });
  const [page, setPage] = useState(0);
  const ordered = sortTrials(trials, sort.key, sort.descending);
  const pages = Math.max(1, Math.ceil(ordered.length / kPerPage));
  const at = Math.min(page, pages - 1);
  const shown = ordered.slice(at * kPerPage, (at + 1) * kPerPage);
  useCurves(study.id, shown, onCurve);

  if (trials.length === 0) return <p class="quiet pad">No trial has been drawn yet.</p>;
  const head = (key: SortKey, label: string) => {
    const active = sort.key === key;
    const order = active ? (sort.descending ? "descending" : "ascending") : undefined;
    return (
      <th scope="col" class="num" aria-sort={order}>
        <button
          type="button"
          class="sorter"
          onClick={() =>
            setSort({
              key,
              descending: active
                ? !sort.descending
                : key === "value" && study.direction === "maximize",
            })
          }
        >
          {label}
          <span aria-hidden="true">{active ? (sort.descending ? " ↓" : " ↑") : ""}</span>
        </button>
      </th>
    );
  };
  return (
    <>
      <TableBox label="Trials">
        <table class="list trials" data-testid="trials">
          <thead>
            <tr>
              {head("number", "#")}
              <th scope="col">State</th>
              {head("value", metricLabel(study.metric))}
              <th scope="col">Curve</th>
              <th scope="col">Node</th>
              <th scope="col">Parameters</th>
              <th scope="col" class="num">
                Epochs
              </th>
              {head("seconds", "Time")}
              <th scope="col" class="num">
                Attempts
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((trial) => (
              <Row key={trial.number} trial={trial} best={study.best?.number === trial.number} />
            ))}
          </tbody>
        </table>
      </TableBox>
      {pages > 1 && (
        <nav class="pager" aria-label="Pages of trials">
          <button type="button" class="small" disabled={at === 0} onClick={() => setPage(at - 1)}>
            Back
          </button>
          <span class="num">
            {at * kPerPage + 1}–{at * kPerPage + shown.length} of {ordered.length}
          </span>
          <button
            type="button"
            class="small"
            disabled={at >= pages - 1}
            onClick={() => setPage(at + 1)}
          >
            Next
          </button>
        </nav>
      )}
    </>
  );
}

function Row({ trial, best }: { trial: Trial; best: boolean }) {
  const last = trial.curve?.[trial.curve.length - 1];
  const final = isFinal(trial.state);
  return (
    <tr class={best ? "best" : ""} data-testid="trial-row" data-state={trial.state}>
      <td class="num">{trial.number}</td>
      <td>
        <State value={trial.state} />
        {trial.error && <span class="sub fault">{trial.error}</span>}
      </td>
      <td class="num strong">
        {best && (
          <span class="star" title="best" role="img" aria-label="best">
            ★
          </span>
        )}
        {final ? (
          formatNumber(trial.value)
        ) : (
          <span class="quiet" title="so far">
            {last ? formatNumber(last.value) : ""}
          </span>
        )}
      </td>
      <td>
        <Sparkline curve={trial.curve} />
      </td>
      <td class="node">{trial.node_name || <span class="quiet">–</span>}</td>
      <td class="params-cell">
        {Object.entries(trial.params).map(([name, value]) => (
          <span key={name} class="param" title={name}>
            {shortParam(name)} <b class="num">{formatParam(value)}</b>
          </span>
        ))}
      </td>
      <td class="num">{trial.epochs || ""}</td>
      <td class="num">{final && trial.seconds > 0 ? formatSeconds(trial.seconds) : ""}</td>
      <td class="num" title={pastSentence(trial)}>
        {trial.attempts || ""}
      </td>
    </tr>
  );
}

/** Why it took more than one. */
function pastSentence(trial: Trial): string {
  return (trial.past_attempts ?? [])
    .map((past) => `${past.node_name || (past.cause === "not_told" ? "an outside program" : "a node that is gone")}: ${past.reason}`)
    .join("\n");
}

/** The list comes without curves. Those of the rows in view are read, a few at a time: once
 * when a trial is first seen running (the stream then adds to it), and once when it is final. */
function useCurves(study: string, shown: Trial[], onCurve: (trial: Trial) => void): void {
  const asked = useRef(new Set<string>());
  const [active, setActive] = useState(0);
  useEffect(() => {
    const wanted = shown
      .filter((trial) => hasCurve(trial) && !asked.current.has(readKey(trial)))
      .slice(0, Math.max(0, kCurvesAtOnce - active));
    for (const trial of wanted) {
      asked.current.add(readKey(trial));
      setActive((count) => count + 1);
      call<Trial>(`/studies/${encodeURIComponent(study)}/trials/${trial.number}`)
        .then(onCurve, () => undefined) // A missing curve costs a small picture, nothing more.
        .finally(() => setActive((count) => count - 1));
    }
  });
}

function hasCurve(trial: Trial): boolean {
  return trial.state === "running" || isFinal(trial.state);
}

function readKey(trial: Trial): string {
  return `${trial.number}:${isFinal(trial.state) ? "final" : trial.attempts}`;
}
