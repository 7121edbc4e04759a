"""The dashboard of a cluster of 200 workers and 5,000 requests a second: what it costs the frontend, and whether the page can still be used.

The cluster does not exist; `wiretool pretend` says on real streams what it would say. Times are printed, and fail nothing: the machine may have other
things to do. What hangs, grows without end, or is not shown, fails.
"""

import asyncio
import os
import time
from pathlib import Path

from browser import Browser
from cluster import Cluster, get_json
from processes import Failed

WORKERS, REQUESTS = 200, 5_000
START_SECONDS, WARM_SECONDS = 60, 20
# A frontend that serves nobody has some 15 MB; requests that are put together are 20 MB, those that were 10, and streams hold what is under way.
MOST_BYTES = 200 << 20
# Between a warm picture and the end.
MOST_GROWTH = 1.15
# A page that nothing reaches for so long hangs.
HANGS_SECONDS = 5
LINGER_SECONDS = 65

WATCH = """(() => {
  window.frames_ = []; window.long_ = 0; let before = performance.now();
  const frame = (now) => { window.frames_.push(now - before); before = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => { for (const one of list.getEntries()) window.long_ = Math.max(window.long_, one.duration); }).observe({ type: 'longtask' });
})()"""
# From a key on the head of a table to the frame that shows it sorted.
SORT = """new Promise((done) => { const began = performance.now(); document.querySelectorAll('#workers th button')[5].click();
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - began))); })"""


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes(value):
    return f"{value / 1e6:.1f} MB"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def heap(browser):
    browser.ask("HeapProfiler.collectGarbage")
    return next(one["value"] for one in browser.ask("Performance.getMetrics")["metrics"] if one["name"] == "JSHeapUsedSize")


def pretended(arguments, cluster):
    """Starts the cluster that does not exist; where its router would be."""
    pretend = cluster.start("pretend", [arguments.binaries / "wiretool", "pretend", "--workers", WORKERS, "--requests", REQUESTS])
    end = time.monotonic() + START_SECONDS
    while not pretend.said(b"listening "):
        if not pretend.runs or time.monotonic() > end:
            raise Failed(f"wiretool pretend does not listen:\n{pretend.last_words()}")
        time.sleep(0.1)
    return pretend.log.read_text().split("listening ", 1)[1].split()[0]


def test(arguments, program, report):
    with Cluster(arguments.binaries) as cluster:
        address = pretended(arguments, cluster)
        frontend = asyncio.run(cluster.add_frontend("frontend", address))
        pid, base = frontend.pid, f"http://127.0.0.1:{frontend.admin}"
        time.sleep(3)
        alone, alone_cpu, alone_at = frontend.resident(), processor_seconds(pid), time.monotonic()
        time.sleep(5)
        idle = (processor_seconds(pid) - alone_cpu) / (time.monotonic() - alone_at)
        with Browser(program) as browser:
            browser.resize(1400, 1000)
            browser.open(f"{base}/dashboard")
            shown = browser.until("tables.workers.size === 200 && tables.points.size > 3", 60)
            report.check("every worker is shown", shown, browser.evaluate("tables.workers.size"))
            browser.evaluate(WATCH)
            time.sleep(WARM_SECONDS)
            first_heap, first, cpu, at = heap(browser), frontend.resident(), processor_seconds(pid), time.monotonic()
            browser.evaluate("window.frames_ = [], window.long_ = 0, window.first_ = tables.points.size")
            memory, sorts, gaps, last = [first], [], [], None
            while time.monotonic() - at < arguments.seconds:
                time.sleep(2)
                memory.append(frontend.resident())
                sorts.append(browser.evaluate(SORT))
                gaps.append(browser.evaluate("performance.now() - lastHeard"))
                last = browser.evaluate("document.querySelector('.chart svg[role=img]').getAttribute('aria-label')")
            frames = browser.evaluate("window.frames_")
            cpu = (processor_seconds(pid) - cpu) / (time.monotonic() - at)
            rate = browser.evaluate("(() => { const all = [...tables.points].sort(([a], [b]) => a - b).slice(-20); return all.reduce((sum, [, point]) => sum + point[1], 0) / all.length; })()")
            last_heap = heap(browser)
            listed = get_json(frontend.admin, "/dashboard/requests?limit=200")["requests"]
            row = browser.evaluate("tables.cluster.get('cluster')")
            report.figure("frontend alone: memory, cores", f"{megabytes(alone)}, {idle:.2f}")
            report.figure("frontend with a page: memory at first, most, at last", f"{megabytes(first)}, {megabytes(max(memory))}, {megabytes(memory[-1])}")
            report.figure("frontend with a page: cores", f"{cpu:.2f}")
            report.figure("requests that are put together now", row["open_requests"])
            report.figure("frames: p50, p99, longest", f"{percentile(frames, 0.5):.0f}, {percentile(frames, 0.99):.0f}, {max(frames):.0f} ms of {len(frames)}")
            report.figure("longest task of the page", f"{browser.evaluate('window.long_'):.0f} ms")
            report.figure("a table is sorted in: p50, longest", f"{percentile(sorts, 0.5):.0f}, {max(sorts):.0f} ms")
            report.figure("page's heap: at first, at last", f"{megabytes(first_heap)}, {megabytes(last_heap)}")
            report.figure("oldest news when looked at", f"{max(gaps):.0f} ms")
            report.check("the frontend's memory is bounded", max(memory) < MOST_BYTES, megabytes(max(memory)))
            report.check("and does not grow", memory[-1] < first * MOST_GROWTH, f"{memory[-1] / first:.2f} of what it was")
            report.check("the page's memory does not grow", last_heap < 2 * first_heap + (8 << 20), megabytes(last_heap))
            report.check("the page goes on", max(gaps) < 1000 * HANGS_SECONDS and max(frames) < 1000 * HANGS_SECONDS, last)
            report.check("it shows the rate that there is", abs(rate - REQUESTS) < REQUESTS / 10, f"{rate:.0f} requests/s")
            report.check("no request is passed over", row["requests_not_shown"] == 0, row["requests_not_shown"])
            report.check("requests are listed", len(listed) == 200, len(listed))
            report.check("the browser's console is empty", not browser.complaints, f"{len(browser.complaints)} complaints")
            for complaint in browser.complaints[:5]:
                print("      " + complaint)
        # The cluster is followed for a minute more.
        time.sleep(LINGER_SECONDS)
        before, at = processor_seconds(pid), time.monotonic()
        time.sleep(5)
        cores = (processor_seconds(pid) - before) / (time.monotonic() - at)
        report.figure("frontend when nobody looks any more: memory, cores", f"{megabytes(frontend.resident())}, {cores:.2f}")
        report.check("then the cluster is followed no more", cores < idle + 0.05, f"{cores:.2f} cores")
