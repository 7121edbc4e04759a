// Requests: a list that is searched, and one request with its timeline and why it went where it went.

const stageNames = {
  tokenize: "tokenize", queue: "in a router's queue", route: "placing", dispatch: "on its way to the worker", wait: "waits in the worker",
  prefill: "prefill", transfer: "transfer", decode: "decode", write: "writing to the client",
};
const stageSwatches = Object.keys(stageNames);

function makeRequests() {
  const table = makeTable(byID("requests"), [
    text("id", "Request", { head: true, action: open }),
    text("state", "State"),
    numeric("status", "Status", (value) => (isKnown(value) ? String(value) : unknown)),
    text("model", "Model"),
    text("tenant", "Tenant", { text: (row) => (isKnown(row.tenant) ? row.tenant || "everybody" : unknown) }),
    numeric("prompt_tokens", "Prompt", count), numeric("cached_tokens", "Cached", count), numeric("output_tokens", "Output", count),
    numeric("queue_us", "Queue", microseconds), numeric("first_token_us", "First token", microseconds), numeric("total_us", "Total", microseconds),
    numeric("attempts", "Tries", count),
    text("received_unix_ms", "Received", { text: (row) => moment(row.received_unix_ms) }),
  ], {
    label: "Requests", sort: 12, descending: true, empty: "no request is kept that fits",
    level: (row) => (row.status >= 500 ? "bad" : row.status >= 400 || row.attempts > 1 ? "warm" : ""),
  });
  const form = byID("search"), result = byID("search-result");
  let asked = 0;

  async function refresh(isTold) {
    const mine = ++asked;
    const query = new URLSearchParams({ limit: "100", state: byID("search-state").value });
    const id = byID("search-id").value.trim();
    if (id) query.set("id", id);
    try {
      const answer = await fetch("dashboard/requests?" + query, { cache: "no-store" });
      const said = await answer.json();
      if (mine !== asked) return;
      if (!answer.ok) return say(result, said.error.message);
      // Rows do not move under the fingers of somebody who is among them.
      if (!isTold && table.holdsFocus()) return;
      table.show(said.requests);
      if (isTold) say(result, said.requests.length === 1 ? "one request" : `${said.requests.length} requests`);
      if (isTold && id && said.requests.length === 1) open(said.requests[0].id);
    } catch (problem) { if (isTold) say(result, "the frontend does not answer"); }
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); refresh(true); });

  async function open(id) {
    const region = byID("request"), body = byID("request-body");
    region.hidden = false;
    say(byID("request-title"), "Request " + id);
    body.replaceChildren(element("p", { role: "status" }, "asking"));
    try {
      const answer = await fetch("dashboard/requests/" + encodeURIComponent(id), { cache: "no-store" });
      const said = await answer.json();
      if (answer.ok) body.replaceChildren(...describe(said));
      else body.replaceChildren(element("p", null, said.error.message));
    } catch (problem) { body.replaceChildren(element("p", null, "the frontend does not answer")); }
    region.focus();
  }
  return { refresh };
}

function describe(request) {
  const facts = [
    ["State", request.state], ["Status", isKnown(request.status) ? request.status : unknown], ["Model", request.model || unknown],
    ["Tenant", isKnown(request.tenant) ? request.tenant || "everybody" : unknown], ["Tries", count(request.attempts)],
    ["Prompt tokens", count(request.prompt_tokens)], ["Found in caches", count(request.cached_tokens)],
    ["Output tokens", count(request.output_tokens)], ["First token", microseconds(request.first_token_us)],
    ["Total", microseconds(request.total_us)], ["Received", moment(request.received_unix_ms)],
  ];
  return [
    element("dl", { class: "facts" }, ...facts.map(([name, value]) => element("div", null, element("dt", null, name), element("dd", null, String(value))))),
    element("h4", null, "Timeline"), ...timeline(request), element("h4", null, "Why it went there"), ...decisions(request.decisions),
  ];
}

function timeline(request) {
  const span = Math.max(request.span_us, 1);
  const lanes = request.lanes.map((lane) => {
    const told = lane.bars.map((bar) => `${stageNames[bar.stage]} ${microseconds(bar.length_us)}`).join(", ") || "nothing is known";
    const drawing = element("svg:svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", "aria-label": `${lane.name}: ${told}` });
    for (const bar of lane.bars) {
      drawing.append(element("svg:rect", {
        class: "stage-" + bar.stage, x: (1000 * bar.start_us / span).toFixed(2), y: 2, height: 16,
        width: Math.max(1000 * bar.length_us / span, 1.5).toFixed(2),
      }));
    }
    return element("div", { class: "lane" }, element("div", null, lane.name), drawing);
  });
  const used = new Set(request.lanes.flatMap((lane) => lane.bars.map((bar) => bar.stage)));
  const legend = element("ul", { class: "legend" }, ...stageSwatches.filter((stage) => used.has(stage)).map((stage) => element("li", null,
    element("svg:svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, element("svg:rect", { class: "stage-" + stage, width: 26, height: 10 })),
    stageNames[stage])));
  const rows = request.lanes.flatMap((lane) => lane.bars.map((bar) => [lane.name, stageNames[bar.stage], bar.start_us, bar.length_us]));
  const note = element("p", { class: "muted" }, `Each process measures on its own clock. The whole is ${microseconds(request.span_us)} wide.`);
  const parts = [element("div", { class: "lanes" }, ...lanes), legend, note];
  parts.push(plainTable("The timeline as a table", ["Where", "Stage", "Begins", "Takes"],
    rows.map((row) => [row[0], row[1], microseconds(row[2]), microseconds(row[3])])));
  if (request.legs.length) {
    parts.push(plainTable("Legs, as workers tell of them", ["Worker", "Leg", "Try", "Waited", "Prefill", "Transfer", "Decode", "Cached", "Output", "End"],
      request.legs.map((leg) => [`${leg.name || leg.worker}/${leg.rank}`, leg.leg, leg.attempt, microseconds(leg.waited_us), microseconds(leg.prefill_us),
        microseconds(leg.transfer_us), microseconds(leg.decode_us), count(leg.cached_tokens), count(leg.output_tokens), leg.end || unknown])));
  }
  if (request.routes.length) {
    parts.push(plainTable("Placements, as routers tell of them", ["Router", "Try", "Outcome", "In queue", "Deciding", "Before it", "Prompt blocks", "Found", "Reachable"],
      request.routes.map((route) => [route.router, route.attempt, route.outcome, microseconds(route.queue_us), microseconds(route.decision_ns / 1000),
        count(route.queue_depth), count(route.prompt_blocks), count(route.overlap_blocks), count(route.reachable_blocks)])));
  }
  return parts;
}

function plainTable(label, heads, rows, level) {
  const table = element("table", null, element("caption", { class: "skip" }, label),
    element("thead", null, element("tr", null, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", null, ...rows.map((row, index) => element("tr", { "data-level": level ? level(index) : null },
      ...row.map((cell, place) => element(place === 0 ? "th" : "td", { scope: place === 0 ? "row" : null }, String(cell)))))));
  return element("div", null, element("h5", null, label), element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label }, table));
}

function decisions(records) {
  if (!records.length) return [element("p", null, "No router keeps a record of it any more.")];
  return records.flatMap((record) => {
    const all = record.before ? [record.before, record] : [record];
    return all.flatMap((one) => one.legs.map((leg) => candidates(one, leg)));
  });
}

// As the table of workers calls it; one that is gone keeps its number.
function nameOf(worker) {
  for (const row of tables.workers.values()) if (row.worker === worker) return row.name || worker;
  return worker;
}

// Every candidate with every term of its cost, the cheapest first.
function candidates(record, leg) {
  const terms = leg.candidates.length ? Object.keys(leg.candidates[0].cost).filter((term) => term !== "total") : [];
  const order = leg.candidates.map((_, index) => index).sort((left, right) => leg.candidates[left].cost.total - leg.candidates[right].cost.total);
  const found = (cached) => Object.entries(cached).filter(([, blocks]) => blocks > 0).map(([tier, blocks]) => `${tier} ${blocks}`).join(", ") || "none";
  const heads = ["Worker", "Chosen", "Total cost", ...terms.map((term) => term.replaceAll("_", " ")), "Requests there", "Tokens waiting", "Found blocks"];
  const rows = order.map((index) => {
    const one = leg.candidates[index];
    return [`${nameOf(one.worker)}/${one.rank}`, index === leg.chosen ? "chosen" : "", amount(one.cost.total), ...terms.map((term) => amount(one.cost[term])),
      amount(one.load.requests), amount(one.load.prefill_tokens), found(one.cached)];
  });
  const counts = leg.counts;
  const label = `Try ${record.attempt}, ${leg.leg} leg: policy ${leg.policy}, ${counts.considered} considered, ${counts.eligible} eligible, ${counts.busy} busy`
    + (counts.left_out ? `, ${counts.left_out} not in the record` : "");
  return plainTable(label, heads, rows, (index) => (order[index] === leg.chosen ? "chosen" : ""));
}
