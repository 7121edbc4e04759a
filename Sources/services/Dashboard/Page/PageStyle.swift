// Written by deploy/dev/dashboard-page from Source/page.css; change that file instead.
// swift-format-ignore-file
enum PageStyle {
static let hash = "sha256-zsweFgNLh7EpaMxHct63kwd+J1swDzg/UQ848qpYP/o="
static let text = #"""
:root {
  --ground: #ffffff; --panel: #f5f7f9; --line: #c4ccd4; --text: #16191d; --muted: #4d5761; --link: #0b4fb3; --focus: #0b4fb3;
  --good: #0f6a36; --bad: #a8171c; --warm: #7d4a00; --bar: #d5dde5;
  --series-1: #0b4fb3; --series-2: #a8410d; --series-3: #6a2aa8; --series-4: #0f6a36;
  --tokenize: #6b7682; --queue: #b45309; --route: #8250a8; --dispatch: #57606a; --wait: #8a5d00; --prefill: #0b5fc4;
  --transfer: #0b6a7d; --decode: #14713b; --write: #6b7682;
}
@media (prefers-color-scheme: dark) {
  :root:not([data-theme="light"]) {
    --ground: #0e1317; --panel: #182027; --line: #3c4852; --text: #e8edf2; --muted: #a8b4bf; --link: #86b6ff; --focus: #ffd166;
    --good: #6cd391; --bad: #ff9b95; --warm: #f2bd63; --bar: #2b3640;
    --series-1: #86b6ff; --series-2: #ffb385; --series-3: #d0a8ff; --series-4: #6cd391;
    --tokenize: #93a0ac; --queue: #f0a94b; --route: #c79bf0; --dispatch: #aab4be; --wait: #f3c47a; --prefill: #74a9ff;
    --transfer: #5ccfe6; --decode: #63cf8a; --write: #93a0ac;
  }
}
:root[data-theme="dark"] {
  --ground: #0e1317; --panel: #182027; --line: #3c4852; --text: #e8edf2; --muted: #a8b4bf; --link: #86b6ff; --focus: #ffd166;
  --good: #6cd391; --bad: #ff9b95; --warm: #f2bd63; --bar: #2b3640;
  --series-1: #86b6ff; --series-2: #ffb385; --series-3: #d0a8ff; --series-4: #6cd391;
  --tokenize: #93a0ac; --queue: #f0a94b; --route: #c79bf0; --dispatch: #aab4be; --wait: #f3c47a; --prefill: #74a9ff;
  --transfer: #5ccfe6; --decode: #63cf8a; --write: #93a0ac;
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { background: var(--ground); color: var(--text); font: 15px/1.45 system-ui, sans-serif; scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 100rem; padding: 0 1rem 2rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 1.6rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.1rem 0 .4rem; }
h4 { font-size: .95rem; margin: 1rem 0 .3rem; }
h5 { font-size: .85rem; margin: .8rem 0 .3rem; color: var(--muted); }
p { margin: .3rem 0; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: .5rem; background: var(--ground); padding: .4rem .8rem; z-index: 2; }
.muted { color: var(--muted); }
header { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; padding: 1rem 0 .5rem; border-bottom: 1px solid var(--line); }
.tools { margin-left: auto; display: flex; gap: .5rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: .5rem 0; }
nav a { padding: .2rem 0; }
button, input, select {
  font: inherit; color: var(--text); background: var(--panel); border: 1px solid var(--muted); border-radius: .3rem; padding: .3rem .7rem;
  min-height: 2rem;
}
button { cursor: pointer; }
button[aria-pressed="true"] { background: var(--text); color: var(--ground); }
.badge { border: 1px solid currentColor; border-radius: 1rem; padding: .05rem .7rem; font-weight: 600; }
.badge[data-state="live"] { color: var(--good); }
.badge[data-state="stale"], .badge[data-state="connecting"], .badge[data-state="paused"] { color: var(--warm); }
.badge[data-state="lost"] { color: var(--bad); }
.warnings { list-style: none; margin: 0; padding: 0; display: grid; gap: .3rem; }
.warnings li { border-left: .3rem solid var(--warm); background: var(--panel); padding: .3rem .7rem; overflow-wrap: anywhere; }
.warnings li[data-urgent="true"] { border-color: var(--bad); }
.warnings strong { margin-right: .6rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)); gap: .8rem; }
.chart { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .8rem; margin: 0; min-width: 0; }
.chart h3 { margin: 0; }
.chart > svg { display: block; width: 100%; height: 7rem; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .axis { display: flex; justify-content: space-between; color: var(--muted); font-size: .75rem; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .2rem 0 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.legend svg { width: 1.6rem; height: .6rem; display: inline-block; margin-right: .3rem; }
.series-1 { stroke: var(--series-1); } .series-2 { stroke: var(--series-2); stroke-dasharray: 6 3; }
.series-3 { stroke: var(--series-3); stroke-dasharray: 2 3; } .series-4 { stroke: var(--series-4); stroke-dasharray: 8 3 2 3; }
.series { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
details { margin-top: .3rem; }
summary { cursor: pointer; color: var(--link); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
td.wide { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { background: var(--panel); }
th.number, td.number { text-align: right; }
th button { border: 0; background: none; padding: .1rem .2rem; font-weight: 600; min-height: 1.6rem; }
tr[data-level="bad"] > :first-child { box-shadow: inset .3rem 0 var(--bad); }
tr[data-level="warm"] > :first-child { box-shadow: inset .3rem 0 var(--warm); }
tr[data-level="chosen"] > * { font-weight: 700; }
.good { color: var(--good); } .bad { color: var(--bad); } .warm { color: var(--warm); }
.controls, form { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: center; margin: .4rem 0; }
input[type="search"] { flex: 1 1 14rem; max-width: 26rem; min-width: 0; }
.request { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .4rem 1rem 1rem; margin-top: 1rem; }
.request .scroll { background: var(--ground); }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(13rem, 100%), 1fr)); gap: .2rem 1.2rem; margin: 0; }
.facts div { display: flex; justify-content: space-between; gap: .6rem; border-bottom: 1px solid var(--line); }
.facts dt { color: var(--muted); } .facts dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
.lanes { display: grid; gap: .5rem; }
.lane svg { width: 100%; height: 1.4rem; display: block; background: var(--bar); border-radius: .2rem; }
.swatch { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; border-radius: .15rem; vertical-align: -0.05rem; }
.stage-tokenize { fill: var(--tokenize); } .stage-queue { fill: var(--queue); } .stage-route { fill: var(--route); }
.stage-dispatch { fill: var(--dispatch); } .stage-wait { fill: var(--wait); } .stage-prefill { fill: var(--prefill); }
.stage-transfer { fill: var(--transfer); } .stage-decode { fill: var(--decode); } .stage-write { fill: var(--write); }
footer { margin-top: 2rem; border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  body { padding: 0 .7rem 2rem; }
  .tools { margin-left: 0; }
  th, td { padding: .25rem .4rem; }
}
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }

"""#
}
