#include "web/report/page_style.h"

namespace starling::web {

namespace {

constexpr std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --ground: #f4f6f5; --surface: #ffffff; --raised: #f8faf9; --line: #dfe5e2; --line-2: #c3ccc8;
  --ink: #15201c; --ink-2: #55635d; --accent: #0b6b5c; --accent-soft: #dcefe9;
  --point: #3a63a8; --warn: #96600a; --warn-soft: #fbf0da; --bad: #b3261e; --bad-soft: #fbe6e4;
  --mute-soft: #e9eeeb; --right: 11 107 92; --wrong: 179 38 30; --violet: #7a4fa3;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1513; --surface: #171f1c; --raised: #1c2522; --line: #2a3531; --line-2: #42504a;
    --ink: #e6edea; --ink-2: #9caca5; --accent: #5fd3bd; --accent-soft: #163c35;
    --point: #8fb4f5; --warn: #e5b567; --warn-soft: #33290f; --bad: #ff9a92; --bad-soft: #3d1a18;
    --mute-soft: #25302c; --right: 95 211 189; --wrong: 255 154 146; --violet: #c39be8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
    sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 980px; margin: 0 auto; padding: 32px 20px 64px; }
h1, h2, h3, p, li, dt, dd { overflow-wrap: anywhere; }
h1 { font-size: 30px; line-height: 1.2; margin: 2px 0 0; font-weight: 660;
  letter-spacing: -.015em; }
h2 { font-size: 20px; line-height: 1.3; margin: 0 0 12px; font-weight: 640;
  letter-spacing: -.01em; }
h3 { font-size: 15px; margin: 22px 0 8px; font-weight: 640; }
p { margin: 0 0 10px; max-width: 74ch; }
ul { margin: 0 0 10px; padding-left: 1.2em; max-width: 74ch; }
li { margin-bottom: 4px; }
.origin, .hint, .sub { color: var(--ink-2); }
.origin { font-size: 13px; margin: 0; max-width: none; }
.lead { font-size: 17px; color: var(--ink-2); margin-bottom: 16px; }
.hint { font-size: 13px; line-height: 1.5; margin: 8px 0 0; }
.sub { display: block; font-size: 12px; line-height: 1.4; font-weight: 400; }
td .sub { white-space: nowrap; }
.absent { color: var(--ink-2); font-style: italic; }
.mono, code { font-family: var(--mono); font-size: .88em; overflow-wrap: anywhere; }

.verdict { font-size: 17px; padding: 12px 16px; border-radius: 8px; max-width: none;
  background: var(--mute-soft); border-left: 5px solid var(--line-2); margin-bottom: 16px; }
h1 + .verdict { margin-top: 14px; }
.verdict.good { background: var(--accent-soft); border-color: var(--accent); }
.verdict.careful { background: var(--warn-soft); border-color: var(--warn); }
.verdict.bad { background: var(--bad-soft); border-color: var(--bad); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 0 0 16px; }
.figures > div { background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 14px; }
.figures dt { font-size: 13px; color: var(--ink-2); }
.figures dd { margin: 0; }
.figures > div { max-width: 320px; }
.large { font-size: 26px; line-height: 1.25; font-weight: 640; letter-spacing: -.01em;
  font-variant-numeric: tabular-nums; }
nav { font-size: 13px; margin-bottom: 16px; line-height: 2; }
nav a { color: var(--accent); margin-right: 14px; text-underline-offset: 2px;
  text-decoration-thickness: 1px; white-space: nowrap; }

.card { background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
  padding: 22px 24px; margin-bottom: 16px; }
.card > :last-child { margin-bottom: 0; }
.answer { display: grid; grid-template-columns: 150px minmax(0, 1fr); gap: 4px 20px;
  padding: 12px 0; border-top: 1px solid var(--line); }
h2 + .answer { border-top: 0; padding-top: 0; }
.answer:last-child { padding-bottom: 0; }
.answer h3 { margin: 0; font-size: 14px; line-height: 1.65; }
.answer p, .answer ul { margin: 0; }
.cautions { list-style: none; padding: 0; }
.cautions li { position: relative; padding-left: 20px; margin-bottom: 6px; }
.cautions li::before { content: "!"; position: absolute; left: 0; top: .3em; width: 13px;
  height: 13px; border-radius: 3px; background: var(--warn); color: var(--surface);
  font-size: 10px; font-weight: 700; line-height: 13px; text-align: center; }

.table-box { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  margin: 10px 0 8px; }
.table-box:focus-visible, .scroll:focus-visible, a:focus-visible { outline: 2px solid var(--accent);
  outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 7px 12px; border-top: 1px solid var(--line);
  vertical-align: top; font-weight: inherit; }
thead th { border-top: 0; font-size: 12px; line-height: 1.35; color: var(--ink-2);
  font-weight: 560; background: var(--raised); vertical-align: bottom; }
tbody th { font-weight: 600; max-width: 24em; overflow-wrap: break-word; }
th.num, td.num { text-align: right; font-variant-numeric: tabular-nums; }
td.num { white-space: nowrap; }
.brief { white-space: nowrap; }
.faded { color: var(--ink-2); }
.faded th { font-weight: 400; }
.chosen th, .chosen td { background: var(--raised); }
tr.chosen td.num:first-of-type { font-weight: 640; }
.values { color: var(--ink-2); font-size: 13px; min-width: 220px; }
td.params { min-width: 300px; }
.param { display: inline-block; color: var(--ink-2); font-size: 12.5px; margin-right: 8px; }
.param b { font-weight: 560; color: var(--ink); }

figure { margin: 0; min-width: 0; }
figcaption { font-size: 14px; font-weight: 600; margin-bottom: 6px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr));
  gap: 24px 28px; margin-top: 22px; }
.tables { grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
.tables .bar-cell { width: 30%; min-width: 80px; }
.tables .whisker { width: 100%; max-width: 160px; }
.scroll { overflow-x: auto; }
.plot { display: block; width: 100%; max-width: 430px; height: auto; }
.plot.wide { max-width: none; min-width: 560px; }
.plot text { font-size: 12px; fill: var(--ink-2); }
.plot .axis { fill: var(--ink); }
.frame { fill: var(--raised); stroke: var(--line); }
.grid { stroke: var(--line); stroke-width: 1; }
.diagonal { stroke: var(--ink-2); stroke-width: 1.2; stroke-dasharray: 5 4; }
.curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
.single { fill: none; stroke: var(--ink-2); stroke-opacity: .22; }
.dot { fill: var(--point); fill-opacity: .5; }
.decided { fill: var(--accent); }
.bin { fill: var(--point); fill-opacity: .75; }
.mark { stroke: var(--surface); stroke-width: .7; fill-opacity: .9; }
.family-0 { fill: var(--ink-2); } .family-1 { fill: var(--warn); }
.family-2 { fill: var(--violet); } .family-3 { fill: var(--point); }
.family-4 { fill: var(--bad); } .family-5 { fill: var(--accent); }
.family-6 { fill: var(--ink); } .family-7 { fill: var(--line-2); }
.beyond { fill: none; stroke: var(--ink-2); stroke-width: 1.5; }
.beyond-1 { stroke: var(--warn); } .beyond-2 { stroke: var(--violet); }
.beyond-3 { stroke: var(--point); } .beyond-4 { stroke: var(--bad); }
.beyond-5 { stroke: var(--accent); } .beyond-6 { stroke: var(--ink); }
.beyond-7 { stroke: var(--line-2); }
.key { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; padding: 0;
  margin: 8px 0 0; font-size: 13px; }
.key li { display: inline-flex; align-items: center; gap: 6px; margin: 0; }
.sign { width: 13px; height: 13px; }
.whisker { display: block; width: 160px; height: 16px; margin-top: 3px; }
.whisker .range { stroke: var(--point); stroke-width: 2; }
.whisker .best { stroke: var(--line-2); stroke-width: 1.2; stroke-dasharray: 3 2; }
.whisker circle { fill: var(--point); }
.faded .whisker { opacity: .55; }
.bar-cell { width: 42%; min-width: 120px; }
.bar { display: block; width: 100%; height: 16px; margin-top: 3px; }
.length { fill: var(--accent); }
.length.weak { fill-opacity: .35; }
.length.lowers { fill: var(--warn); }
.spread { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.right { background: rgb(var(--right) / var(--heat)); }
.wrong { background: rgb(var(--wrong) / var(--heat)); }
.right .sub, .wrong .sub { color: var(--ink); }
.heat-1 { --heat: .06; } .heat-2 { --heat: .12; } .heat-3 { --heat: .18; }
.heat-4 { --heat: .24; } .heat-5 { --heat: .3; } .heat-6 { --heat: .36; }
.heat-7 { --heat: .42; } .heat-8 { --heat: .48; }

.facts { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 0; }
.facts dt, .origins dt { font-size: 12px; color: var(--ink-2); }
.facts dd { margin: 0; font-size: 18px; font-variant-numeric: tabular-nums; }
.origins { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr));
  gap: 10px 24px; margin: 14px 0 0; }
.origins dd { margin: 0; }
pre { margin: 0 0 10px; padding: 12px 14px; background: var(--raised);
  border: 1px solid var(--line); border-radius: 8px; overflow-x: auto; }
.terms { display: grid; grid-template-columns: 150px minmax(0, 1fr); gap: 8px 20px; margin: 0; }
.terms dt { font-weight: 600; font-size: 14px; }
.terms dd { margin: 0; color: var(--ink-2); font-size: 14px; max-width: 66ch; }

@media (max-width: 640px) {
  main { padding: 18px 12px 40px; }
  h1 { font-size: 25px; }
  .card { padding: 16px 14px; }
  .answer, .terms { grid-template-columns: minmax(0, 1fr); }
  .terms { gap: 2px; }
  .terms dd { margin-bottom: 10px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; }
  .figures > div { padding: 10px 12px; }
  .large { font-size: 22px; }
  th, td { padding: 7px 9px; }
}
@page { margin: 14mm; }
@media print {
  :root { --ground: #ffffff; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  .card { border: 0; padding: 0; margin-bottom: 26px; }
  h1 { font-size: 20pt; }
  h2 { font-size: 14pt; border-bottom: 1px solid var(--line-2); padding-bottom: 4px; }
  h2, h3, figcaption { break-after: avoid; }
  tr, figure, .answer, .figures > div, .terms dd { break-inside: avoid; }
  thead { display: table-header-group; }
  .table-box, .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  th, td { padding: 3px 6px; }
  td.params, .values { min-width: 0; }
  .plot.wide { min-width: 0; }
  .pictures { grid-template-columns: 1fr 1fr; }
  .figures { grid-template-columns: repeat(auto-fit, minmax(100px, 1fr)); }
  .figures > div { padding: 8px 10px; }
  .large { font-size: 15pt; }
}
)css";

}  // namespace

std::string_view page_style() {
  return kStyle;
}

}  // namespace starling::web
