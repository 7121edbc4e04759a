"""The rules and dashboards beside a living cluster: a Prometheus scrapes it by our configuration and answers every expression."""

import json
import re
import time
import urllib.parse

from cluster import becomes_ready, chat
from members import Cluster, free_ports
from talk import ask

# Prometheus needs two scrapes for a rate, and the rules one evaluation after that.
ANSWER_SECONDS = 60
REQUESTS = 20
# As the targets of prometheus.yml are named.
ROLES = {"router": "router", "frontend": "frontend", "worker": "workerd"}
# What must have a value after a few good requests; other panels stay empty until something happens.
EXPECTED = ("apus:requests:rate5m", "apus:time_to_first_token_seconds:p99_5m", "apus:queue_requests:per_worker", "apus:blocks_held:ratio",
            'count(up{job="apus-worker"} == 1) == 2')


def check_live(root, binaries, report, expressions):
    with Cluster(binaries.resolve()) as cluster:
        if not becomes_ready(cluster, "a cluster becomes ready", report):
            return
        admins = {role: [member.admin for member in cluster.of(program)] for role, program in ROLES.items()}
        port = start_prometheus(root, cluster, admins)
        query = lambda text: answer(port, text)
        for number in range(REQUESTS):
            status, body = chat(cluster, f"question {number}: " + "what is it all about? " * (20 * number))
            report.expect(status == 200, f"request {number} is answered", f"{status} {body[:300]}")
        missing = until(lambda: [text for text in EXPECTED if not query(text)[1]], cluster)
        report.expect(not missing, "a scraped cluster has figures", f"nothing was found for {missing}\n{cluster.last_words()}")
        full = 0
        for place, expression in expressions:
            error, values = query(expression)
            report.expect(error is None, f"{place}: Prometheus answers it", f"{error}: {expression}")
            full += bool(values)
        # Most panels show something at once; if hardly any does, labels or names are wrong in a way that no parser sees.
        report.expect(full > len(expressions) * 0.6, "most expressions have values", f"only {full} of {len(expressions)}")
        firing = query('ALERTS{alertstate="firing"}')[1]
        report.expect(not firing, "a cluster that is well raises no alert", str(firing))
        check_expositions(root, admins, report, expressions)


def check_expositions(root, admins, report, expressions):
    """What a scrape has of the families that rules and dashboards name; a family may be missing only while it has no series."""
    text = "".join(ask(port, "/metrics")[1] for ports in admins.values() for port in ports)
    shown = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    unlabelled = {name for name, labels in re.findall(r"^\| `([a-z0-9_]+)` \| (?:counter|gauge) \| (-) \|", (root / "deploy/guides/metrics.md").read_text(), re.M)}
    named = {name for _, expression in expressions for name in re.findall(r"\b(?:apus|dynamo|process)_[a-z0-9_]+\b", expression)}
    # Those of tenants and traces are made where these are configured.
    optional = {name for name in unlabelled if re.search(r"_tenant|_trace_", name)}
    missing = sorted((named & unlabelled) - shown - optional)
    report.expect(not missing, "a living cluster shows every family without labels that is asked for", ", ".join(missing))


def start_prometheus(root, cluster, admins):
    (port,), work = free_ports(1), cluster.folder
    folder = root / "deploy/observability"
    config = (folder / "prometheus.yml").read_text().replace("rules/*.yml", str(folder / "rules/*.yml"))
    config = re.sub(r"(interval|timeout): \d+s", r"\1: 1s", config)
    for role, ports in admins.items():
        (work / f"{role}.json").write_text(json.dumps([{"targets": [f"127.0.0.1:{each}" for each in ports]}]))
        config = config.replace(f"targets/{role}.json", str(work / f"{role}.json"))
    (work / "prometheus.yml").write_text(config)
    cluster.start("prometheus", ["prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/data",
                                 f"--web.listen-address=127.0.0.1:{port}"])
    return port


def answer(port, text):
    """An error or none, and the values."""
    status, body = ask(port, f"/api/v1/query?query={urllib.parse.quote(text)}")
    if status == 0:
        return body, []
    said = json.loads(body)
    return (None, said["data"]["result"]) if said["status"] == "success" else (said["error"], [])


def until(missing, cluster):
    """Keeps a little load on until nothing is missing, or time is over."""
    end = time.monotonic() + ANSWER_SECONDS
    while (left := missing()) and time.monotonic() < end:
        chat(cluster, "and this?")
        time.sleep(0.5)
    return left
