import { capital, formatBytes, formatCount, formatNumber, formatPercent } from "../logic/format";
import type { Column, Dataset } from "../logic/types";
import { TableBox } from "../parts/basics";

const kTypeWords: Record<string, string> = {
  text: "text, not used",
  id: "row id, not used",
};

export function ProfileTable({ dataset }: { dataset: Dataset }) {
  const columns = dataset.columns ?? [];
  return (
    <>
      <p class="pad quiet">
        <b>{dataset.name}</b>: <span class="num">{formatCount(dataset.rows)}</span> rows,{" "}
        <span class="num">{columns.length}</span> columns, {formatBytes(dataset.bytes)}.
      </p>
      {(dataset.warnings ?? []).map((warning) => (
        <p key={warning} class="notice warn">
          {capital(warning)}
        </p>
      ))}
      <TableBox label="Columns">
        <table class="list">
          <thead>
            <tr>
              <th scope="col">Column</th>
              <th scope="col">Type</th>
              <th scope="col" class="num">
                Missing
              </th>
              <th scope="col" class="num">
                Distinct
              </th>
              <th scope="col">Values</th>
            </tr>
          </thead>
          <tbody>
            {columns.map((column) => (
              <tr key={column.name} data-testid="profile-row">
                <th scope="row">{column.name}</th>
                <td>{kTypeWords[column.type] ?? column.type}</td>
                <td class="num">
                  {column.missing > 0 && dataset.rows > 0
                    ? `${formatCount(column.missing)} (${formatPercent(column.missing / dataset.rows)})`
                    : "0"}
                </td>
                <td class="num">{formatCount(column.distinct)}</td>
                <td class="values">{valuesOf(column)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </>
  );
}

function valuesOf(column: Column): string {
  if (column.type === "number") {
    return `${formatNumber(column.min)} to ${formatNumber(column.max)}, mean ${formatNumber(column.mean, 4)}`;
  }
  const top = (column.top ?? []).slice(0, 4);
  const words = top.map(({ value, count }) => `${value} (${formatCount(count)})`).join(", ");
  return column.distinct > top.length && top.length > 0 ? `${words}, …` : words;
}
