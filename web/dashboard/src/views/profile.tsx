import { capital, formatBytes, formatCount, formatNumber, formatPercent } from "../logic/format";
import { isNumeric } from "../logic/forms";
import type { Column, Dataset } from "../logic/types";
import { TableBox } from "../parts/basics";

const kTypeWords: Record<string, string> = {
  text: "text",
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
                <td>{typeOf(column)}</td>
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

function typeOf(column: Column): string {
  if (column.role === "weight") return "what rows count";
  const isSetAside = ["ignore", "id", "group"].includes(column.role ?? "");
  return isSetAside ? `${column.type}, set aside` : (kTypeWords[column.type] ?? column.type);
}

function valuesOf(column: Column): string {
  if (column.type === "date") return `${column.min ?? ""} to ${column.max ?? ""}`;
  if (isNumeric(column)) {
    return `${formatNumber(Number(column.min))} to ${formatNumber(Number(column.max))}, mean ${formatNumber(column.mean, 4)}`;
  }
  const top = (column.top ?? []).slice(0, 4);
  const words = top.map(({ value, count }) => `${value} (${formatCount(count)})`).join(", ");
  return column.distinct > top.length && top.length > 0 ? `${words}, …` : words;
}
