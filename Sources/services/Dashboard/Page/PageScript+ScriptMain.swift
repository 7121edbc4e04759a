// Written by deploy/dev/dashboard-page from Source/5-main.js; change that file instead.
// swift-format-ignore-file
extension PageScript {
static let scriptMain = #"""
// The stream of what changes, and what is drawn of it.

const staleAfter = 5000;
const tables = { cluster: new Map(), routers: new Map(), frontends: new Map(), workers: new Map(), queues: new Map(), tenants: new Map(), waiting: new Map(), warnings: new Map(), points: new Map() };
const dirty = new Set(Object.keys(tables));
let lastHeard = null, isPaused = false, isLive = false, problem = "", frame = 0;

const stateLevel = (row) => (row.stale || row.state === "degraded" || row.resyncing ? "warm" : row.state === "ready" ? "" : row.state ? "warm" : "bad");
const views = {
  workers: makeTable(byID("workers"), [
    text("name", "Worker", { head: true, text: (row) => `${row.name || row.worker}/${row.rank}`, sort: (row) => `${row.name || row.worker}/${row.rank}` }),
    text("model", "Model"), text("pool", "Pool"), text("role", "Role"),
    text("state", "State", { text: (row) => (row.stale ? "unknown, was " : "") + (row.state || unknown) }),
    numeric("running", "Run", count), numeric("waiting", "Wait", count), numeric("waiting_tokens", "Tokens waiting", count), numeric("booked", "Booked", count),
    numeric("active_blocks", "KV held", share, { text: (row) => share(ofTotal(row.active_blocks, row)), sort: (row) => ofTotal(row.active_blocks, row) }),
    numeric("used_blocks", "KV used", share, { text: (row) => share(ofTotal(row.used_blocks, row)), sort: (row) => ofTotal(row.used_blocks, row) }),
    numeric("total_blocks", "KV blocks", count),
    numeric("achieved", "Hits", share), numeric("reachable", "Reachable", share),
    text("busy", "Busy", { text: (row) => (isKnown(row.busy) ? (row.busy ? "busy" : "no") : unknown) }),
    text("events", "Cache events"), text("reason", "Why", { wide: true, text: (row) => row.reason || "" }),
  ], { label: "Workers by rank", filter: "Only workers with", level: stateLevel, empty: "no worker is known" }),
  queues: makeTable(byID("queues"), [
    text("model", "Model", { head: true }), text("pool", "Pool"), numeric("router", "Router", count), numeric("requests", "Requests", count),
    numeric("tokens", "Tokens", count), numeric("oldest_ms", "Oldest waits", milliseconds), numeric("drained_tokens_per_second", "Tokens drained a second", count),
  ], { label: "Queues of routers", empty: "no router says anything of queues: nothing has had to wait" }),
  tenants: makeTable(byID("tenants"), [
    text("tenant", "Tenant", { head: true, text: (row) => row.tenant || "everybody" }), numeric("running", "Run", count), numeric("requests", "Requests", count),
    numeric("prompt_tokens", "Prompt tokens", count), numeric("output_tokens", "Output tokens", count), numeric("queue_p50_ms", "Queue p50", milliseconds),
    numeric("queue_p99_ms", "Queue p99", milliseconds), numeric("ended", "Ended here", count), numeric("sheds", "Turned away", count), numeric("shed_share", "Lately turned away", share),
  ], { label: "Tenants", empty: "no tenant has been heard of since this page's frontend began to follow the cluster" }),
  waiting: makeTable(byID("waiting"), [
    text("tenant", "Tenant", { head: true, text: (row) => row.tenant || "everybody" }), numeric("class", "Class", count), numeric("requests", "Wait now", count),
    numeric("oldest_ms", "Oldest waits", milliseconds), numeric("waited_p50_ms", "Waited p50", milliseconds), numeric("waited_p99_ms", "Waited p99", milliseconds),
  ], { label: "Requests of this frontend that wait for a place", empty: "nothing waits" }),
  routers: makeTable(byID("routers"), [
    text("address", "Router", { head: true }), text("name", "Name"), text("state", "State", { text: (row) => (row.heard ? row.state : "not heard") }),
    numeric("workers", "Workers", count), numeric("resyncing", "Resyncing", count), numeric("leases", "Leases", count),
    numeric("indexed_blocks", "Indexed blocks", count), numeric("queued", "In queues", count),
    text("problem", "Problem", { wide: true, text: (row) => row.problem || row.reason || "" }),
  ], { label: "Routers", level: (row) => (row.heard ? "" : "bad"), empty: "no router is known" }),
  frontends: makeTable(byID("frontends"), [
    text("name", "Frontend", { head: true, text: (row) => row.name || row.generation }), text("http", "Address"), text("state", "State"),
    numeric("connections", "Connections", count), numeric("running", "Run", count), numeric("streams", "Streams", count),
    numeric("requests_per_second", "Requests a second", amount), numeric("tokens_per_second", "Tokens a second", amount), numeric("buffered_bytes", "Waits for clients", bytes),
  ], { label: "Frontends", empty: "no frontend is known" }),
};
const charts = makeCharts(byID("charts"));
const requests = makeRequests();

function ofTotal(blocks, row) { return isKnown(blocks) && row.total_blocks > 0 ? blocks / row.total_blocks : null; }

// What a message says goes into the tables; what is drawn is drawn once a frame at most.
function take(message) {
  if (message.first) for (const [name, rows] of Object.entries(tables)) { rows.clear(); dirty.add(name); }
  for (const [name, rows] of Object.entries(tables)) {
    if (!message[name]) continue;
    for (const [key, row] of Object.entries(message[name])) {
      if (row === null) rows.delete(key); else rows.set(key, row);
    }
    dirty.add(name);
  }
  schedule();
}

function schedule() { if (!frame && !isPaused) frame = requestAnimationFrame(draw); }

function draw() {
  frame = 0;
  for (const name of dirty) {
    if (views[name]) views[name].show([...tables[name].values()]);
  }
  if (dirty.has("points")) drawCharts();
  if (dirty.has("warnings")) drawWarnings();
  if (dirty.has("cluster")) drawTeller();
  dirty.clear();
}

function drawCharts() {
  const points = [...tables.points].map(([second, values]) => ({ second: Number(second), values })).sort((left, right) => left.second - right.second);
  const newest = points.length ? points[points.length - 1].second : 0;
  for (const point of points) if (newest - point.second >= chartSeconds) tables.points.delete(String(point.second));
  charts.draw(points.filter((point) => newest - point.second < chartSeconds));
}

function drawWarnings() {
  const rows = [...tables.warnings].sort(([left, a], [right, b]) => Number(b.urgent) - Number(a.urgent) || left.localeCompare(right));
  const list = byID("warnings"), known = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const items = rows.map(([key, row]) => {
    const item = known.get(key) || element("li", { "data-key": key }, element("strong"), element("span"));
    item.dataset.urgent = String(row.urgent);
    say(item.children[0], row.name);
    say(item.children[1], (row.subject ? row.subject + ": " : "") + row.detail);
    return item;
  });
  if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) list.replaceChildren(...items);
  const urgent = rows.filter(([, row]) => row.urgent).length;
  const names = [...new Set(rows.map(([, row]) => row.name))].join(", ");
  say(byID("warnings-count"), rows.length === 0 ? "none" : `${rows.length}${urgent ? `, ${urgent} urgent` : ""}: ${names}`);
}

function drawTeller() {
  const row = tables.cluster.get("cluster");
  if (!row) return;
  say(byID("teller"), `told by ${row.frontend}, version ${row.version}, which hears ${row.routers_heard} of ${row.routers} routers, `
    + `${row.workers_followed} workers and ${row.frontends_followed} frontends`);
}

// How far what is shown can be believed.
function drawConnection() {
  const badge = byID("connection");
  const age = lastHeard === null ? Infinity : performance.now() - lastHeard;
  const [state, words] = isPaused ? ["paused", "paused"]
    : isLive && age < staleAfter ? ["live", "live"]
    : isLive ? ["stale", `stale: nothing heard for ${Math.round(age / 1000)} s`]
    : lastHeard === null && !problem ? ["connecting", "connecting"]
    : ["lost", `disconnected${problem ? ": " + problem : ""}; what is shown is old`];
  if (badge.dataset.state !== state) badge.dataset.state = state;
  // The seconds are not read out one by one.
  if (state !== "stale" || badge.textContent.slice(0, 5) !== "stale" || Math.round(age / 1000) % 10 === 0) say(badge, words);
}

async function follow() {
  for (let failures = 0; ; failures++) {
    try {
      const answer = await fetch("dashboard/events", { cache: "no-store", headers: { Accept: "text/event-stream" } });
      // The token was changed, or the day is over: the form is shown in place of this page.
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error((await answer.json()).error.message);
      isLive = true;
      problem = "";
      await read(answer.body.getReader());
      failures = 0;
    } catch (reason) { problem = reason instanceof TypeError ? "the frontend does not answer" : reason.message; }
    isLive = false;
    drawConnection();
    await new Promise((resume) => setTimeout(resume, Math.min(500 * 2 ** Math.min(failures, 4), 8000)));
  }
}

async function read(reader) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += decoder.decode(value, { stream: true });
    const events = rest.split("\n\n");
    rest = events.pop();
    for (const event of events) {
      lastHeard = performance.now();
      const lines = event.split("\n"), data = lines.find((line) => line.startsWith("data: "));
      if (data && lines.includes("event: picture")) take(JSON.parse(data.slice(6)));
    }
    drawConnection();
  }
}

byID("pause").addEventListener("click", (event) => {
  isPaused = !isPaused;
  event.currentTarget.setAttribute("aria-pressed", String(isPaused));
  drawConnection();
  schedule();
});

const themes = ["system", "light", "dark"];
byID("theme").addEventListener("click", (event) => {
  const now = document.documentElement.dataset.theme || "system", next = themes[(themes.indexOf(now) + 1) % themes.length];
  if (next === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
  say(event.currentTarget, "Theme: " + next);
});

setInterval(drawConnection, 1000);
setInterval(() => { if (!isPaused && isLive && !document.hidden && !byID("search-id").value.trim()) requests.refresh(false); }, 2000);
follow();
requests.refresh(false);

"""#
}
