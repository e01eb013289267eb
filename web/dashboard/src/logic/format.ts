// Numbers and times as people read them. Pure: what the clock says comes as an argument.

const kNone = "–";

/** Five significant digits, thousands separated; tiny and huge values in powers of ten. */
export function formatNumber(value: number | null | undefined, digits = 5): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return kNone;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e9) return tidyExponent(value.toExponential(Math.min(2, digits - 1)));
  const whole = Math.floor(Math.log10(size)) + 1;
  // Whole digits are never rounded away: 123,456 stays so even with five digits asked for.
  return value.toLocaleString("en-US", { maximumSignificantDigits: Math.max(digits, whole) });
}

function tidyExponent(text: string): string {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

export function formatCount(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = -1;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function formatMegabytes(mb: number): string {
  return formatBytes(Math.round(mb * 1024 * 1024));
}

export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return kNone;
  if (seconds < 0.95) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** 12 µs, 0.35 ms, 8.2 ms: what one answer takes. */
export function formatMilliseconds(milliseconds: number | null | undefined): string {
  if (milliseconds == null || !Number.isFinite(milliseconds) || milliseconds < 0) return kNone;
  if (milliseconds < 0.001) return "< 1 µs";
  if (milliseconds < 0.095) return `${Math.round(milliseconds * 1000)} µs`;
  return `${Number(milliseconds.toPrecision(2))} ms`;
}

/** "just now", "5 min ago", "3 h ago", then the date: exact times are noise in a list. */
export function formatAgo(thenMs: number, nowMs: number): string {
  if (!thenMs) return kNone;
  const seconds = Math.max(0, (nowMs - thenMs) / 1000);
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(thenMs).toISOString().slice(0, 10);
}

export function formatPercent(share: number): string {
  if (!Number.isFinite(share)) return kNone;
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  return `${percent.toFixed(percent < 10 || percent > 99 ? 1 : 0)} %`;
}

export function formatParam(value: unknown): string {
  if (typeof value === "number") return formatNumber(value, 4);
  return String(value);
}

/** The family before the dot is the same in most studies; the name after it tells them apart. */
export function shortParam(name: string): string {
  const dot = name.indexOf(".");
  return dot > 0 ? name.slice(dot + 1) : name;
}

export function metricLabel(metric: string): string {
  const labels: Record<string, string> = {
    rmse: "RMSE",
    mae: "MAE",
    r2: "R²",
    rmsle: "RMSLE",
    mape: "MAPE",
    pinball: "Pinball loss",
    log_loss: "Log loss",
    accuracy: "Accuracy",
    f1: "F1",
    f1_macro: "F1 (macro)",
    balanced_accuracy: "Balanced accuracy",
    mcc: "MCC",
    roc_auc: "ROC AUC",
    pr_auc: "PR AUC",
    brier: "Brier score",
  };
  return labels[metric] ?? metric;
}

/** The API's sentences start in lower case; on a page they stand alone. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function shortId(id: string): string {
  return id.length > 12 ? id.slice(0, 8) : id;
}
