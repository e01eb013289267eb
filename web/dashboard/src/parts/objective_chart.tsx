// Each trial's value as a point, the best so far as a line.
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { formatNumber, metricLabel } from "../logic/format";
import { clampTo, describeHistory, objectiveHistory, visibleRange } from "../logic/history";
import type { History } from "../logic/history";
import type { Direction, Trial } from "../logic/types";

const kLegendHeight = 30;

interface Props {
  trials: Trial[];
  direction: Direction;
  metric: string;
  ended: boolean;
}

export function ObjectiveChart({ trials, direction, metric, ended }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const raw = useRef<History | null>(null);
  const history = useMemo(() => objectiveHistory(trials, direction), [trials, direction]);
  const range = useMemo(
    () => visibleRange([...history.completed, ...history.pruned].filter((value) => value !== null)),
    [history],
  );
  raw.current = history;
  const empty = history.points === 0;

  useEffect(() => {
    if (empty || !box.current) return;
    const parent = box.current;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(parent, metric, raw), [[], [], [], []], parent);
    };
    draw();
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => {
      draw();
      fill();
    };
    dark.addEventListener("change", redraw);
    const resize = new ResizeObserver(() => plot.current?.setSize(sizeOf(parent)));
    resize.observe(parent);
    return () => {
      dark.removeEventListener("change", redraw);
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [empty, metric]);

  const fill = () => {
    if (!plot.current || !range) return;
    const inside = (values: (number | null)[]) => values.map((value) => clampTo(value, range));
    plot.current.batch(() => {
      plot.current?.setData(
        [history.numbers, inside(history.best), inside(history.completed), inside(history.pruned)],
        true,
      );
      plot.current?.setScale("y", { min: range.low, max: range.high });
    });
  };
  useEffect(fill, [history, range, empty, metric]);

  const description = describeHistory(history, direction);
  return (
    <figure class="chart" data-testid="objective-chart" data-points={history.points}>
      <figcaption class="chart-key">
        <span class="key key-point">completed</span>
        {history.pruned.some((value) => value !== null) && (
          <span class="key key-pruned">pruned</span>
        )}
        <span class="key key-best">best so far</span>
        <span class="quiet">
          {metricLabel(metric)}, {direction === "maximize" ? "higher" : "lower"} is better
        </span>
      </figcaption>
      {empty ? (
        <div class="chart-empty">
          {ended ? "No trial has a value." : "The first point appears when a trial is finished."}
        </div>
      ) : (
        <div ref={box} class="plot" role="img" aria-label={description} />
      )}
      {range && range.outside > 0 && (
        <p class="hint">
          {range.outside === 1 ? "1 trial lies" : `${range.outside} trials lie`} far outside and{" "}
          {range.outside === 1 ? "is" : "are"} drawn at the edge.
        </p>
      )}
    </figure>
  );
}

function sizeOf(parent: HTMLElement): { width: number; height: number } {
  return { width: parent.clientWidth, height: Math.max(160, parent.clientHeight - kLegendHeight) };
}

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options(
  parent: HTMLElement,
  metric: string,
  raw: { current: History | null },
): uPlot.Options {
  const ink = color("--ink-2");
  const grid = { stroke: color("--line"), width: 1 };
  const axis = {
    stroke: ink,
    grid,
    ticks: { ...grid, size: 4 },
    font: "12px system-ui, sans-serif",
  };
  const stepped = uPlot.paths.stepped;
  const shown =
    (pick: (history: History) => (number | null)[]) =>
    (_plot: uPlot, _value: number | null, _series: number, at: number | null) =>
      at === null || !raw.current ? "–" : formatNumber(pick(raw.current)[at]);
  return {
    ...sizeOf(parent),
    cursor: { y: false, points: { size: 9 } },
    legend: { live: true },
    scales: {
      x: { time: false, range: (_plot, low, high) => [low - 0.5, high + 0.5] },
      y: { auto: false },
    },
    axes: [
      { ...axis, size: 34, space: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000] },
      { ...axis, size: 62, values: (_plot, ticks) => ticks.map((tick) => formatNumber(tick, 4)) },
    ],
    series: [
      { label: "trial", value: (_plot, value) => (value === null ? "–" : `${value}`) },
      {
        label: `best ${metricLabel(metric)}`,
        stroke: color("--accent"),
        width: 2,
        ...(stepped ? { paths: stepped({ align: 1 }) } : {}),
        points: { show: false },
        value: shown((history) => history.best),
      },
      {
        label: "completed",
        stroke: color("--point"),
        paths: () => null,
        points: {
          show: true,
          size: 8,
          fill: color("--point"),
          stroke: color("--surface"),
          width: 1,
        },
        value: shown((history) => history.completed),
      },
      {
        label: "pruned",
        stroke: color("--warn"),
        paths: () => null,
        points: {
          show: true,
          size: 7,
          fill: color("--surface"),
          stroke: color("--warn"),
          width: 1.5,
        },
        value: shown((history) => history.pruned),
      },
    ],
  };
}
