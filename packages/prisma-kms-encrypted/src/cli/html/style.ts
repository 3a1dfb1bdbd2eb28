/** The style of the report: light and dark, for screens and for paper. */
export const style = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --line: #e4e7ec; --text: #16202e; --soft: #667085; --track: #eceff3;
  --good: #12805c; --old: #e0a100; --bad: #d92d20; --none: #cdd3dc;
  --v0: #e0a100; --v1: #3b6fd8; --v2: #8b5cd6; --v3: #d0568a; --v4: #5c7080;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e131a; --card: #161d27; --line: #263040; --text: #e8ecf2; --soft: #93a0b4; --track: #222c3a;
    --good: #2fb88a; --old: #f0b83c; --bad: #f4695e; --none: #3a4658;
    --v0: #f0b83c; --v1: #6c98f0; --v2: #a98af0; --v3: #ec86b4; --v4: #8ea2b6;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 40px 24px 64px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums; -webkit-font-smoothing: antialiased;
}
main, header, footer { max-width: 1040px; margin: 0 auto; }
header { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 4px 24px; margin-bottom: 20px; }
h1 { margin: 0; font-size: 26px; font-weight: 650; letter-spacing: -0.015em; }
h2 { margin: 0; font-size: 19px; font-weight: 650; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 13px; font-weight: 600; }
h3 code { font-weight: 400; color: var(--soft); }
code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(180px, 45%), 1fr)); gap: 16px; margin-bottom: 16px; }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.tile { padding: 16px 20px; }
.tile b { display: block; margin-top: 2px; font-size: 28px; font-weight: 650; line-height: 1.25; letter-spacing: -0.02em; }
.tile.good b { color: var(--good); } .tile.old b { color: var(--old); } .tile.bad b { color: var(--bad); }
.card { padding: 22px 24px 24px; margin-bottom: 16px; break-inside: avoid; }
.card > .head { display: flex; align-items: baseline; justify-content: space-between; gap: 16px; margin-bottom: 14px; }
.key { display: grid; grid-template-columns: minmax(0, 1fr) 312px; gap: 10px 40px; padding: 18px 0; border-top: 1px solid var(--line); }
.key:last-child { padding-bottom: 0; }
.bar { display: block; width: 100%; height: 14px; border-radius: 7px; margin: 8px 0 10px; }
.ring { width: 112px; height: 112px; flex: none; }
.ring circle { fill: none; stroke-width: 14; }
.ring text { fill: var(--text); font-size: 17px; font-weight: 650; text-anchor: middle; }
.versions { display: flex; gap: 18px; align-items: center; }
.versions .legend { flex-direction: column; gap: 4px; min-width: 0; }
.versions .legend li { white-space: normal; flex-wrap: wrap; gap: 0 7px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 22px; margin: 0; padding: 0; list-style: none; font-size: 13.5px; }
.legend li { display: flex; align-items: center; gap: 7px; white-space: nowrap; }
.legend li.none { opacity: 0.55; }
.legend svg { width: 10px; height: 10px; flex: none; }
.legend b { font-weight: 600; } .legend span { color: var(--soft); }
table { width: 100%; table-layout: fixed; border-collapse: collapse; margin-top: 12px; font-size: 13.5px; }
th { padding: 4px 12px 4px 0; text-align: left; font-weight: 500; color: var(--soft); }
td { padding: 3px 12px 3px 0; overflow-wrap: anywhere; }
th:first-child { width: 24%; } th.name { width: 20%; } th.number { width: 96px; }
td .bar { height: 8px; margin: 0; border-radius: 4px; }
.number { text-align: right; } th:last-child, td:last-child { padding-right: 0; }
.todo { margin: 0; padding: 0; list-style: none; }
.todo li { padding: 8px 0 8px 26px; position: relative; border-top: 1px solid var(--line); }
.todo li::before { content: ""; position: absolute; left: 4px; top: 15px; width: 9px; height: 9px; border-radius: 50%; background: var(--old); }
.todo.done li::before { background: var(--good); }
.todo code { display: inline-block; }
.todo li:first-child { border-top: 0; }
rect.track { fill: var(--track); } circle.track { stroke: var(--track); }
rect.good { fill: var(--good); } rect.old { fill: var(--old); } rect.bad { fill: var(--bad); } rect.none { fill: var(--none); }
circle.good { stroke: var(--good); } circle.bad { stroke: var(--bad); } circle.none { stroke: var(--none); }
${[0, 1, 2, 3, 4].map((n) => `rect.v${n} { fill: var(--v${n}); } circle.v${n} { stroke: var(--v${n}); }`).join('\n')}
footer { margin-top: 24px; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) { body { padding: 24px 14px 40px; } .key { grid-template-columns: 1fr; } .card { padding: 18px 16px 20px; } }
@media print { body { background: none; padding: 0; } .tile, .card { border-color: #ccc; } }
`
