#!/usr/bin/env python3
"""Opens the dashboard of a living cluster in a browser, headless, and checks what it shows against what the processes say.

  deploy/dev/dashboard [--binaries DIR] [--browser PROGRAM] [--images DIR] [--load [--seconds N]]

  --binaries DIR      where frontend, router and workerd are (.build/release)
  --browser PROGRAM   chromium
  --images DIR        writes the screenshots there; deploy/guides/images holds those of the guide

A cluster of two routers, two frontends, two prefill and two decode workers and two tenants is put under traffic. Checked are: workers, routers,
queues and tenants against what the processes say on their admin sides; a request that is found by what its client called it, with the timeline of
both its legs, and the decision with every candidate that the router's record has; warnings when a worker freezes and one dies; that a page says when it
is disconnected; a frontend whose admin side asks for a token; no complaint in the browser's console, no request to anybody else; names, headings, contrast and keyboard, light, dark and narrow.
--load instead opens the dashboard of 200 workers and 5,000 requests a second (wiretool pretend, which must be built too), for --seconds (30), and prints what
it costs the frontend and whether the page can be used. Ends with 1 if anything does not hold. Where no browser can be had nothing is checked, which is said.
"""

import argparse
import asyncio
import http.client
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests/RealCluster"))

import accessibility  # noqa: E402
import load  # noqa: E402
from browser import Browser  # noqa: E402
from cluster import ADMIN_TOKEN, BLOCKS, Cluster, Traffic, get_json  # noqa: E402
from processes import Failed, exit_when_told  # noqa: E402
from talk import ask, state  # noqa: E402

IMAGE_BYTES = 160 << 10
WIDE, NARROW = (1200, 850), (360, 760)
# Down to the last worker.
PICTURE = (1200, 1010)


class Report:
    def __init__(self):
        self.missed = 0

    def check(self, name, holds, measured=""):
        self.missed += 0 if holds else 1
        print(f"  {name:<76} {str(measured):<30} {'ok' if holds else 'MISSED'}", flush=True)

    def figure(self, name, measured):
        print(f"  {name:<76} {measured}", flush=True)

    def faults(self, name, faults, measured=""):
        self.check(name, not faults, measured)
        for fault in faults[:10]:
            print(f"      {fault}")


def rows(browser, table):
    """The cells of a table as they are shown, by the titles of their columns."""
    return browser.evaluate(f"""(() => {{
      const table = document.querySelector('#{table} table'), titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
      return [...table.tBodies[0].rows].map((row) => Object.fromEntries(titles.map((title, index) => [title, row.cells[index].textContent])));
    }})()""")


def number(text):
    return int(text.replace(",", ""))


def picture_of(browser, arguments, report, name):
    path = Path(arguments.images or tempfile.gettempdir()) / f"dashboard-{name}.png"
    size = browser.picture(path)
    if not arguments.images:
        path.unlink()
    report.check(f"screenshot {name}", 0 < size <= IMAGE_BYTES, f"{size} bytes")


def contents(browser, cluster, report):
    known = asyncio.run(state(cluster["router-1"]))["workers"]
    shown = {row["Worker"].split("/")[0]: row for row in rows(browser, "workers")}
    truth = {worker["name"]: worker for worker in known}
    report.check("workers shown are those that routers know", set(shown) == set(truth), ", ".join(sorted(shown)))
    report.check("their states, roles and models", all(
        shown[name]["State"] == truth[name]["state"] and shown[name]["Role"] == name.split("-")[0] and shown[name]["Model"] == truth[name]["model"] for name in shown))
    report.check("every worker's KV blocks", all(number(row["KV blocks"]) == BLOCKS for row in shown.values()), f"{BLOCKS} each")
    report.check("hit rates achieved and reachable are measured", any(row["Hits"] != "unknown" and row["Reachable"] != "unknown" for row in shown.values()),
                 next((f"{row['Hits']} of {row['Reachable']}" for row in shown.values() if row["Hits"] != "unknown"), ""))
    report.check("routers are shown as heard", [row["State"] for row in rows(browser, "routers")] == ["ready", "ready"])
    report.check("frontends are shown", sorted(row["Frontend"] for row in rows(browser, "frontends")) == ["frontend-1", "frontend-2"])
    tenants = {row["Tenant"]: row for row in rows(browser, "tenants")}
    report.check("tenants are shown with what they used", {"interactive", "batch"} <= set(tenants) and all(number(tenants[name]["Output tokens"]) > 0 for name in ("interactive", "batch")))
    charts = browser.evaluate("[...document.querySelectorAll('.chart svg[role=img]')].map((node) => node.getAttribute('aria-label'))")
    report.check("every chart has values", len(charts) == 6 and not any("unknown" in chart for chart in charts), f"{len(charts)} charts")
    for chart in charts:
        if "unknown" in chart:
            print("      " + chart)


def search(browser, label):
    """Whether the request was found by what its client called it, and opened; its id."""
    browser.evaluate("document.getElementById('search-id').focus(), document.getElementById('search-id').select()")
    before = browser.evaluate("document.getElementById('request-title').textContent")
    browser.type(label)
    browser.press("Enter")
    is_open = browser.until(
        f"document.getElementById('request-title').textContent !== {json.dumps(before)} && document.querySelectorAll('#request-body .lane').length > 0", 20)
    return is_open, browser.evaluate("document.getElementById('request-title').textContent").removeprefix("Request ")


def decision(browser, cluster, report, label):
    """Every candidate that the routers' records have, with every term: counted against the record as the admin side gives it."""
    record = get_json(cluster["frontend-1"].admin, f"/v1/requests/{label}/decision")
    wanted = sum(len(leg["candidates"]) for one in [record, record.get("before")] if one for leg in one["legs"])
    shown = browser.evaluate("""[...document.querySelectorAll('#request-body table')].filter((table) => [...table.tHead.rows[0].cells].some((cell) => cell.textContent === 'Total cost'))
      .map((table) => ({ rows: table.tBodies[0].rows.length, terms: table.tHead.rows[0].cells.length, chosen: table.querySelectorAll('[data-level=chosen]').length }))""")
    terms = len(record["legs"][0]["candidates"][0]["cost"]) + 5
    report.check(f"{label}: every candidate of its decision is shown", wanted > 1 and sum(one["rows"] for one in shown) == wanted, f"{sum(one['rows'] for one in shown)} of {wanted}")
    report.check(f"{label}: with every term of its cost", all(one["terms"] == terms for one in shown), f"{terms - 5} terms")
    report.check(f"{label}: and one of each leg chosen", all(one["chosen"] == 1 for one in shown))


def request(browser, cluster, report):
    prompt = f"Which request is number {time.time()}? " + "".join(f"Part {n} of it. " for n in range(400))
    # Pinned to both kinds of workers: a router may find that a decode worker alone is as good. And one that goes where it likes.
    pins = {f"{row['Role']}_worker_id": int(browser.evaluate(f"[...tables.workers.values()].find((row) => row.name === '{row['Worker'].split('/')[0]}').worker"), 16)
            for row in rows(browser, "workers") if row["Worker"] in ("prefill-1/0", "decode-1/0")}
    statuses = [cluster.ask(prompt, 48, label="pinned-request", pins=pins), cluster.ask(prompt[::-1], 8, label="free-request")]
    report.check("the requests that are looked for were answered", statuses == [200, 200], statuses)
    time.sleep(2.5)
    is_open, name = search(browser, "free-request")
    report.check("one is found by what its client called it", is_open, name)
    if is_open:
        decision(browser, cluster, report, "free-request")
    is_open, name = search(browser, "pinned-request")
    report.check("and the other", is_open, name)
    if not is_open:
        return
    decision(browser, cluster, report, "pinned-request")
    truth = get_json(cluster["frontend-1"].admin, f"/dashboard/requests/{name}")
    lanes = browser.evaluate("[...document.querySelectorAll('#request-body .lane svg')].map((node) => node.getAttribute('aria-label'))")
    report.check("its timeline has the frontend and both workers", len(lanes) == 3 and "prefill-" in lanes[1] and "decode-" in lanes[2], f"{len(lanes)} lanes")
    report.check("with prefill, transfer and decode where they were",
                 len(lanes) == 3 and "prefill " in lanes[1] and "transfer " in lanes[1] and "decode " in lanes[2])
    for lane in lanes:
        print("      " + lane)
    legs = {leg["leg"]: leg for leg in truth["legs"]}
    report.check("legs are those that the workers tell of", set(legs) == {"prefill", "decode"} and legs["decode"]["output_tokens"] == 48,
                 json.dumps({leg: legs[leg]["output_tokens"] for leg in legs}))


def looks(browser, arguments, report):
    browser.resize(*WIDE)
    for scheme in ("light", "dark"):
        browser.colours(scheme)
        faults, least, count = accessibility.contrast(browser)
        report.faults(f"contrast, {scheme}", faults, f"least {least:.2f} of {count} texts")
    browser.colours("light")
    report.faults("everything that is operated or seen has a name", accessibility.names(browser))
    report.faults("headings are in order", accessibility.headings(browser))
    faults, count = accessibility.keyboard(browser)
    report.faults("Tab comes to everything, in order, seen, and is kept by nothing", faults, f"{count} places")
    # A table is sorted by key, and says so.
    browser.evaluate("document.querySelectorAll('#workers th button')[4].focus()")
    browser.press("Enter")
    sort = browser.evaluate("document.querySelectorAll('#workers th')[4].getAttribute('aria-sort')")
    report.check("a table is sorted by keyboard, and says so", sort in ("ascending", "descending"), sort)
    browser.evaluate("document.getElementById('theme').click(), document.getElementById('theme').click()")
    ground = browser.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    report.check("the theme can be chosen", ground == "rgb(14, 19, 23)", ground)
    browser.evaluate("document.getElementById('theme').click()")
    browser.evaluate("document.querySelector('.skip').focus()")
    browser.press("Enter")
    report.check("the first link leads past the navigation", browser.evaluate("document.activeElement.id") == "main")
    browser.colours("light", motion="reduce")
    report.check("nothing moves by itself where motion is not wanted", browser.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto")


def screenshots(browser, arguments, report):
    browser.colours("light", motion="reduce")
    for name, size, scheme, place in [
        ("wide", PICTURE, "light", "body"), ("dark", PICTURE, "dark", "body"), ("request", (1100, 900), "light", "#request"), ("narrow", NARROW, "light", "body")]:
        browser.resize(*size, isMobile=name == "narrow")
        browser.colours(scheme, motion="reduce")
        browser.evaluate(f"document.activeElement.blur(), document.querySelector('{place}').scrollIntoView(), document.querySelectorAll('.scroll').forEach((node) => {{ node.scrollLeft = 0; }})")
        time.sleep(0.6)
        picture_of(browser, arguments, report, name)
    width = browser.evaluate("document.documentElement.scrollWidth")
    report.check("a page of 360 pixels needs no scrolling sideways", width <= NARROW[0], f"{width} pixels")
    browser.resize(*WIDE)


def warned_of(name, subject=""):
    """The expression that is true while the page warns so of this one."""
    return f"[...document.querySelectorAll('#warnings li')].some((item) => item.textContent.includes('{name}') && item.textContent.includes('{subject}'))"


def frozen_worker_is_seen(browser, cluster):
    """A worker is suspected for a second, and lost afterwards: a busy machine shows no page in some seconds, so it may freeze again."""
    for _ in range(4):
        cluster["decode-2"].tell(signal.SIGSTOP)
        try:
            if browser.until(warned_of("WorkerSuspected", "decode-2"), 4):
                return True
        finally:
            cluster["decode-2"].tell(signal.SIGCONT)
        asyncio.run(cluster.until_ready())
    return False


def troubles(browser, cluster, report):
    warned = frozen_worker_is_seen(browser, cluster)
    report.check("a frozen worker is warned of by name", warned, browser.evaluate("document.getElementById('warnings').textContent")[:120])
    report.check("and no longer when it is back", browser.until(f"!{warned_of('WorkerSuspected')}", 30))
    cluster["prefill-2"].kill()
    warned = browser.until(warned_of("ApusWorkersLost", "prefill-2"), 30)
    report.check("a worker that died is warned of by name", warned, browser.evaluate("document.getElementById('warnings-count').textContent")[:30])
    cluster["router-2"].tell(signal.SIGSTOP)
    try:
        warned = browser.until(warned_of("RouterStale", f":{cluster['router-2'].links}"), 30)
        report.check("a router that is silent is warned of by name", warned)
    finally:
        cluster["router-2"].tell(signal.SIGCONT)
    cluster["frontend-1"].tell(signal.SIGSTOP)
    try:
        report.check("a silent frontend makes the page stale, which it says", browser.until("document.getElementById('connection').dataset.state === 'stale'", 30))
    finally:
        cluster["frontend-1"].tell(signal.SIGCONT)
    report.check("and live again afterwards", browser.until("document.getElementById('connection').dataset.state === 'live'", 30))


def access(cluster, report):
    port = cluster["frontend-1"].admin
    status, _ = ask(port, "/dashboard")
    report.check("the page is served", status == 200, status)
    for name, headers, wanted in [("another name for this machine", {"Host": "evil.example"}, 403), ("a page from elsewhere", {"Sec-Fetch-Site": "cross-site"}, 403)]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/dashboard/requests", headers=headers)
        status = connection.getresponse().status
        connection.close()
        report.check(f"{name} is refused", status == wanted, status)
    held = []
    try:
        for _ in range(12):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/dashboard/events")
            held.append((connection, connection.getresponse()))
        statuses = [answer.status for _, answer in held]
        report.check("pages beyond the bound are refused with the reason", statuses.count(503) >= 4 and b"pages are open" in held[-1][1].read(), f"{statuses.count(200)} fed, {statuses.count(503)} refused")
    finally:
        for connection, _ in held:
            connection.close()


def token(program, cluster, report):
    """The second frontend's dashboard, which asks for a token first."""
    base, folder = cluster.admin(2), cluster.folder
    is_form = "document.querySelector('form[action=\"/login\"] input[type=password]') !== null"
    with Browser(program) as browser:
        browser.resize(*WIDE)
        browser.open(f"{base}/dashboard")
        report.check("where there is a token, a form asks for it", browser.evaluate(is_form))
        report.faults("whose parts have names", accessibility.names(browser))
        faults, least, _ = accessibility.contrast(browser)
        report.faults("and can be read", faults, f"least {least:.2f}")
        for text, wanted in [("not-the-token-of-the-dashboard-test", "document.body?.textContent.includes('That is not the admin token')"),
                             (ADMIN_TOKEN, "document.getElementById('connection')?.dataset.state === 'live'")]:
            browser.evaluate("document.getElementById('token').focus()")
            browser.type(text)
            browser.press("Enter")
            report.check("the right one opens the page" if text == ADMIN_TOKEN else "a wrong one is told so", browser.until(wanted, 30))
        report.check("the page shows the cluster", browser.until("document.querySelectorAll('#workers tbody tr').length === 4", 30))
        report.check("its address has no token", browser.evaluate("location.href") == f"{base}/dashboard")
        report.check("no script reads the cookie", browser.evaluate("document.cookie") == "")
        report.check("the token is in no address that was asked for", not any(ADMIN_TOKEN in url for url in browser.requested), f"{len(browser.requested)} requests")
        # Another token in its place.
        (folder / "admin-token.new").write_text("another-token-of-the-test-0123456789\n")
        (folder / "admin-token.new").replace(folder / "admin-token")
        report.check("when the token is changed the form is back", browser.until(is_form, 30))
    logs = "".join(path.read_text() for path in folder.glob("frontend-*.log"))
    report.check("and in no log line", ADMIN_TOKEN not in logs and '"msg":"admin signed in"' in logs)


def test(arguments, program, report):
    with Cluster(arguments.binaries) as cluster:
        asyncio.run(cluster.start_all())
        with Browser(program) as browser:
            traffic = Traffic(cluster)
            try:
                browser.resize(*WIDE)
                browser.open(f"{cluster.admin()}/dashboard")
                live = browser.until("document.getElementById('connection').dataset.state === 'live' && document.querySelectorAll('#workers tbody tr').length === 4", 30)
                report.check("the page is live and shows four workers", live)
                time.sleep(12)
                contents(browser, cluster, report)
                request(browser, cluster, report)
                # Early: charts of many minutes make larger pictures.
                screenshots(browser, arguments, report)
                looks(browser, arguments, report)
                access(cluster, report)
                token(program, cluster, report)
                report.faults("the browser's console is empty", browser.complaints, f"{len(browser.complaints)} complaints")
                strangers = [url for url in browser.requested if not url.startswith((cluster.admin(), "data:", "about:"))]
                report.faults("the page asks nobody else", strangers, f"{len(browser.requested)} requests")
                troubles(browser, cluster, report)
            finally:
                traffic.stop()
            served = sum(status == 200 for status in traffic.statuses)
            report.check("clients were answered meanwhile", served > 20 and traffic.statuses.count(0) == 0, f"{served} of {len(traffic.statuses)}")
            cluster["frontend-1"].kill()
            report.check("without its frontend the page says so", browser.until("document.getElementById('connection').dataset.state === 'lost'", 20))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binaries", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--seconds", type=int, default=30)
    arguments = parser.parse_args()
    program = shutil.which(arguments.browser)
    if program is None:
        print(f"dashboard: skipped: there is no {arguments.browser}; apt install chromium")
        return 0
    if arguments.images:
        arguments.images.mkdir(parents=True, exist_ok=True)
    exit_when_told()
    report = Report()
    began = time.monotonic()
    try:
        (load.test if arguments.load else test)(arguments, program, report)
    except Failed as failure:
        print(failure)
        report.check("the cluster becomes ready", False)
    print(f"dashboard: {report.missed} missed, in {time.monotonic() - began:.0f} s")
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
