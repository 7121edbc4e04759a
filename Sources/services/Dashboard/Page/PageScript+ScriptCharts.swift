// Written by deploy/dev/dashboard-page from Source/3-charts.js; change that file instead.
// swift-format-ignore-file
extension PageScript {
static let scriptCharts = #"""
// Charts of the last minutes: lines for who sees them, the same numbers as text and as a table for who does not.

const chartSeconds = 300;
// A chart is as wide as what is known, in whole minutes: a page that was just opened is not an empty one.
const chartSpans = ["one minute", "two minutes", "three minutes", "four minutes", "five minutes"];
const chartWidth = 600, chartHeight = 160, chartMargin = 4;
// The places of values in a point, as the frontend writes them.
const pointColumns = {
  tokens: 0, requests: 1, running: 2, queued: 3, sheds: 4, failures: 5, ttft50: 6, ttft90: 7, ttft99: 8, itl50: 9, itl90: 10, itl99: 11,
  achieved: 12, reachable: 13,
};

const chartPlans = [
  { title: "Tokens a second", form: amount, series: [["tokens", "given out"]] },
  { title: "Requests a second", form: amount, series: [["requests", "begun"], ["sheds", "turned away"], ["failures", "failed"]] },
  { title: "Time to first token", form: milliseconds, series: [["ttft50", "p50"], ["ttft90", "p90"], ["ttft99", "p99"]] },
  { title: "Between tokens", form: milliseconds, series: [["itl50", "p50"], ["itl90", "p90"], ["itl99", "p99"]] },
  { title: "Requests that run and wait", form: count, series: [["running", "run"], ["queued", "wait in queues"]] },
  { title: "Cache hit rate", form: share, most: 1, series: [["achieved", "achieved"], ["reachable", "reachable"]] },
];

function makeChart(plan) {
  const id = "chart-" + plan.series[0][0];
  const drawing = element("svg:svg", { viewBox: `0 0 ${chartWidth} ${chartHeight}`, role: "img", preserveAspectRatio: "none" });
  const top = element("span");
  const lines = plan.series.map((_, index) => element("svg:path", { class: `series series-${index + 1}` }));
  drawing.append(
    element("svg:path", { class: "grid", d: `M0 ${chartMargin}H${chartWidth}M0 ${chartHeight - chartMargin}H${chartWidth}` }), ...lines);
  const above = element("div", { class: "axis", "aria-hidden": "true" }, top);
  const from = element("span");
  const below = element("div", { class: "axis", "aria-hidden": "true" }, from, element("span", null, "now"));
  const values = plan.series.map(() => element("span"));
  const legend = element("ul", { class: "legend" }, ...plan.series.map(([, name], index) => element("li", null,
    element("svg:svg", { viewBox: "0 0 26 8", "aria-hidden": "true" }, element("svg:path", { class: `series series-${index + 1}`, d: "M0 4H26" })),
    name + " ", values[index])));
  const body = element("tbody");
  const table = element("table", null,
    element("caption", { class: "skip" }, plan.title),
    element("thead", null, element("tr", null, element("th", { scope: "col" }, "ago"),
      ...plan.series.map(([, name]) => element("th", { scope: "col", class: "number" }, name)))), body);
  const details = element("details", null, element("summary", null, `${plan.title} as a table`),
    element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": `${plan.title}, the last seconds` }, table));
  const figure = element("div", { class: "chart", role: "group", "aria-labelledby": id }, element("h3", { id }, plan.title), above, drawing, below, legend, details);

  function draw(points) {
    const newest = points.length ? points[points.length - 1].second : 0;
    const minutes = Math.max(1, Math.ceil((points.length ? newest - points[0].second : 0) / 60)), span = 60 * minutes;
    say(from, `0, ${chartSpans[minutes - 1]} ago`);
    const columns = plan.series.map(([key]) => pointColumns[key]);
    let most = plan.most || 0;
    for (const point of points) for (const column of columns) if (!plan.most) most = Math.max(most, point.values[column] || 0);
    if (most <= 0) most = 1;
    const height = chartHeight - 2 * chartMargin;
    lines.forEach((line, index) => {
      let path = "", isOpen = false;
      for (const point of points) {
        const value = point.values[columns[index]];
        if (!isKnown(value)) { isOpen = false; continue; }
        const x = chartWidth * (1 - (newest - point.second) / span), y = chartMargin + height * (1 - Math.min(value / most, 1));
        path += `${isOpen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
        isOpen = true;
      }
      line.setAttribute("d", path);
    });
    const last = points.length ? points[points.length - 1].values : [];
    const told = plan.series.map(([, name], index) => `${name} ${plan.form(last[columns[index]])}`);
    plan.series.forEach((_, index) => say(values[index], plan.form(last[columns[index]])));
    say(top, plan.form(most));
    drawing.setAttribute("aria-label", `${plan.title}, now: ${told.join(", ")}`);
    if (!details.open) return;
    const shown = points.slice(-30).reverse();
    body.replaceChildren(...shown.map((point) => element("tr", null, element("th", { scope: "row" }, `${newest - point.second} s`),
      ...columns.map((column) => element("td", { class: "number" }, plan.form(point.values[column]))))));
  }
  return { figure, draw };
}

function makeCharts(place) {
  const charts = chartPlans.map(makeChart);
  place.append(...charts.map((chart) => chart.figure));
  return { draw(points) { for (const chart of charts) chart.draw(points); } };
}

"""#
}
