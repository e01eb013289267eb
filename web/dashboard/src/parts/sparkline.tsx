import { formatNumber } from "../logic/format";
import type { CurvePoint } from "../logic/types";

const kWidth = 84;
const kHeight = 22;
const kMargin = 2;

/** A trial's learning curve, small: its shape is the message, the title has the numbers. */
export function Sparkline({ curve }: { curve: CurvePoint[] | undefined }) {
  const points = (curve ?? []).filter((point) => Number.isFinite(point.value));
  const first = points[0];
  const last = points[points.length - 1];
  if (!first || !last || points.length < 2) return <span class="spark-none" aria-hidden="true" />;
  const values = points.map((point) => point.value);
  const low = Math.min(...values);
  const reach = Math.max(...values) - low || 1;
  const span = last.epoch - first.epoch || 1;
  const path = points
    .map((point, at) => {
      const x = kMargin + ((point.epoch - first.epoch) / span) * (kWidth - 2 * kMargin);
      const y = kMargin + (1 - (point.value - low) / reach) * (kHeight - 2 * kMargin);
      return `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
  const words =
    `${formatNumber(first.value)} at epoch ${first.epoch}, ` +
    `${formatNumber(last.value)} at epoch ${last.epoch}`;
  return (
    <svg
      class="spark"
      width={kWidth}
      height={kHeight}
      viewBox={`0 0 ${kWidth} ${kHeight}`}
      role="img"
    >
      <title>{words}</title>
      <path d={path} />
    </svg>
  );
}
