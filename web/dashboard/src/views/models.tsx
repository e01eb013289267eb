import { useEvents, useResource, useTitle } from "../hooks";
import { formatAgo, formatBytes, formatNumber, metricLabel } from "../logic/format";
import type { Model } from "../logic/types";
import { Empty, Loading, Problem, TableBox } from "../parts/basics";
import { now } from "../session";

export function ModelsPage() {
  useTitle("Models");
  const models = useResource<{ models: Model[] }>("/models");
  useEvents((event) => event.kind === "model_registered", models.reload, 500);
  const list = models.data?.models ?? [];
  return (
    <>
      <div class="page-head">
        <h1>Models</h1>
      </div>
      {models.error !== null && <Problem error={models.error} retry={models.reload} />}
      {models.loading && <Loading what="the models" />}
      {models.data && list.length === 0 && (
        <Empty title="No model yet">
          A finished study registers its best model here, ready to predict.{" "}
          <a href="#/new">Start a study</a>.
        </Empty>
      )}
      {list.length > 0 && (
        <TableBox label="Models">
          <table class="list" data-testid="models">
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col">Predicts</th>
                <th scope="col">Task</th>
                <th scope="col" class="num">
                  Test score
                </th>
                <th scope="col" class="num">
                  Version
                </th>
                <th scope="col" class="num wide-only">
                  Size
                </th>
                <th scope="col" class="num wide-only">
                  Made
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((model) => (
                <Row key={model.name} model={model} />
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
    </>
  );
}

function Row({ model }: { model: Model }) {
  const newest = model.versions.find((version) => version.version === model.latest);
  return (
    <tr>
      <th scope="row">
        <a href={`#/models/${encodeURIComponent(model.name)}`}>{model.name}</a>
      </th>
      <td>{newest?.target ?? "–"}</td>
      <td>{newest?.task ?? "–"}</td>
      <td class="num">
        {newest ? formatNumber(newest.test[newest.metric]) : "–"}
        <span class="sub">{newest ? metricLabel(newest.metric) : ""}</span>
      </td>
      <td class="num">{model.latest}</td>
      <td class="num wide-only">{newest ? formatBytes(newest.bytes) : "–"}</td>
      <td class="num wide-only">{newest ? formatAgo(newest.created_ms, now.value) : "–"}</td>
    </tr>
  );
}
