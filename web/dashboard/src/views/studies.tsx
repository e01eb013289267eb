import { useEvents, useResource, useTitle } from "../hooks";
import { formatAgo, formatNumber, metricLabel } from "../logic/format";
import { isOutside } from "../logic/types";
import type { Study } from "../logic/types";
import { Empty, Loading, Problem, State, TableBox } from "../parts/basics";
import { TrialProgress } from "../parts/trial_progress";
import { now } from "../session";

export function StudiesPage() {
  useTitle("Studies");
  const studies = useResource<{ studies: Study[] }>("/studies");
  useEvents((event) => event.kind !== "trial_progress", studies.reload, 1000);
  const list = studies.data?.studies ?? [];
  return (
    <>
      <div class="page-head">
        <h1>Studies</h1>
        <a class="button primary" href="#/new" data-testid="new-study">
          New study
        </a>
      </div>
      {studies.error !== null && <Problem error={studies.error} retry={studies.reload} />}
      {studies.loading && <Loading what="the studies" />}
      {studies.data && list.length === 0 && (
        <Empty title="No study yet">
          A study searches for the best model of one column of your table. Start with a CSV file:{" "}
          <a href="#/new">new study</a>.
        </Empty>
      )}
      {list.length > 0 && <StudyTable studies={list} />}
    </>
  );
}

function StudyTable({ studies }: { studies: Study[] }) {
  return (
    <TableBox label="Studies">
      <table class="list" data-testid="studies">
        <thead>
          <tr>
            <th scope="col">Study</th>
            <th scope="col">Status</th>
            <th scope="col">Trials</th>
            <th scope="col" class="num">
              Best
            </th>
            <th scope="col" class="wide-only">
              Data
            </th>
            <th scope="col" class="num wide-only">
              Started
            </th>
          </tr>
        </thead>
        <tbody>
          {studies.map((study) => (
            <tr key={study.id}>
              <th scope="row">
                <a href={`#/studies/${study.id}`}>{study.name}</a>
                <span class="sub mono">{study.id}</span>
              </th>
              <td>
                <State value={study.status} />
              </td>
              <td class="trials-cell">
                <TrialProgress counts={study.trials} slim />
                <span class="sub num">
                  {finished(study)} of {study.trials.requested}
                </span>
              </td>
              <td class="num">
                {formatNumber(study.best?.value)}
                <span class="sub">{metricLabel(study.metric)}</span>
              </td>
              <td class="wide-only">
                {isOutside(study) ? "an outside program" : study.dataset_name}
                <span class="sub">
                  {isOutside(study) ? `computes ${study.metric}` : `predicts ${study.target}`}
                </span>
              </td>
              <td class="num wide-only">{formatAgo(study.created_ms, now.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}

function finished(study: Study): number {
  const { requested, waiting, queued, running } = study.trials;
  return requested - waiting - queued - running;
}
