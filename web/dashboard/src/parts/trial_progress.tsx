import type { TrialCounts } from "../logic/types";

const kOrder = [
  "completed",
  "pruned",
  "failed",
  "infeasible",
  "cancelled",
  "running",
  "queued",
  "waiting",
] as const;

/** All trials of a study as one bar, in the order in which they end. */
export function TrialProgress({ counts, slim }: { counts: TrialCounts; slim?: boolean }) {
  const finished =
    counts.completed + counts.pruned + counts.failed + counts.infeasible + counts.cancelled;
  const parts = kOrder.filter((name) => counts[name] > 0);
  return (
    <div class="progress">
      <div
        class={slim ? "bar slim" : "bar"}
        role="progressbar"
        aria-label="finished trials"
        aria-valuemin={0}
        aria-valuemax={counts.requested}
        aria-valuenow={finished}
      >
        {parts.map((name) => (
          <span key={name} class={`part part-${name}`} style={{ flexGrow: counts[name] }} />
        ))}
      </div>
      {!slim && (
        <ul class="counts" data-testid="trial-counts">
          <li class="strong">
            {finished} of {counts.requested} finished
          </li>
          {parts.map((name) => (
            <li key={name}>
              <span class={`swatch part-${name}`} />
              {counts[name]} {name}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
