// The small pieces every view is made of.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError, sentence } from "../client";
import { metricLabel, formatNumber } from "../logic/format";
import type { Metrics } from "../logic/types";

export function State({ value, label }: { value: string; label?: string }) {
  return <span class={`state state-${value}`}>{label ?? value}</span>;
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="quiet loading" role="status">
      Loading {what}…
    </p>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="empty">
      <h3>{title}</h3>
      <p>{children}</p>
    </div>
  );
}

export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div class="notice bad" role="alert" data-testid="problem">
      <p>{sentence(error)}</p>
      {retry && (
        <button type="button" class="small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

interface FieldProps {
  id: string;
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: ComponentChildren;
}

/** A labelled input; `fieldAria` ties its hint and error to it for screen readers. */
export function Field({ id, label, hint, error, children }: FieldProps) {
  return (
    <div class={error ? "field wrong" : "field"}>
      <label for={id}>{label}</label>
      {children}
      {error && (
        <p class="fault" id={`${id}-fault`} role="alert" data-testid={`${id}-error`}>
          {error}
        </p>
      )}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function fieldAria(id: string, error: string | undefined, hint?: string) {
  const described = [error && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
  return {
    id,
    "aria-invalid": error ? ("true" as const) : undefined,
    "aria-describedby": described || undefined,
  };
}

/** Wide tables scroll in their own box, which the keyboard can reach. */
export function TableBox({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="table-box" role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

export function MetricTable({
  validation,
  test,
  metric,
}: {
  validation: Metrics;
  test: Metrics;
  metric: string;
}) {
  const names = [...new Set([metric, ...Object.keys(test), ...Object.keys(validation)])].filter(
    (name) => name in test || name in validation,
  );
  return (
    <table class="metrics">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col" class="num">
            Test
          </th>
          <th scope="col" class="num">
            Validation
          </th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name} class={name === metric ? "chosen" : ""}>
            <th scope="row">{metricLabel(name)}</th>
            <td class="num strong">{formatNumber(test[name])}</td>
            <td class="num">{formatNumber(validation[name])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Copyable({ text, shown }: { text: string; shown: string }) {
  const [copied, setCopied] = useState(false);
  const copy = () => {
    // Only secure pages have a clipboard; elsewhere the title still shows the whole text.
    navigator.clipboard?.writeText(text).then(
      () => {
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      },
      () => undefined,
    );
  };
  return (
    <button type="button" class="copyable mono" title={`Copy ${text}`} onClick={copy}>
      {copied ? "copied" : shown}
    </button>
  );
}

export function Meter({ share, label }: { share: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    <span
      class={share > 0.9 ? "meter full" : "meter"}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <span style={{ width: `${percent}%` }} />
    </span>
  );
}
