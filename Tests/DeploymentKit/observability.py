"""Rules, dashboards and guides: each is read by Prometheus' own tools, and names no metric, label, alert or log line that there is not."""

import json
import pathlib
import re
import tempfile

import yaml
from report import Report
from log_calls import read as read_log_calls

FOLDER = "deploy/observability"
METRICS_GUIDE, ALERTS_GUIDE, LOGS_GUIDE = "deploy/guides/metrics.md", "deploy/guides/alerts.md", "deploy/guides/logs.md"
NAME = re.compile(r"\b((?:apus|dynamo|process)_[a-z0-9_]+)\b")
RECORD = re.compile(r"\b(apus:[a-z0-9_:]+)")
# A scrape adds these to every series; `le` is every histogram's.
SCRAPED = {"job", "instance", "le"}
# What Prometheus says of targets, by itself.
OF_PROMETHEUS = {"up"}
# Grafana fills these in; for a parser anything of the right kind will do.
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$model": ".*"}


def families(root):
    """Name to labels, of the guide's tables."""
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (counter|gauge|histogram) \| ([^|]*) \|", (root / METRICS_GUIDE).read_text(), re.M)
    table = {}
    for name, kind, labels in rows:
        names = set(labels.replace(" ", "").split(",")) - {"-"}
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            table[name + suffix] = names
    return table


def expressions(root):
    """Every expression of rules and dashboards, with where it stands."""
    rules = {}
    for path in sorted((root / FOLDER / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                rules[rule.get("alert") or rule["record"]] = rule
    found = [(name, rule["expr"]) for name, rule in rules.items()]
    for path in sorted((root / FOLDER / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            found += [(f"{path.name}: {panel['title']}", target["expr"]) for target in panel.get("targets", [])]
    return rules, found


def plain(expression):
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def used_labels(expression):
    selected = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    grouped = {label.strip() for group in re.findall(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)", expression) for label in group.split(",")}
    return selected | (grouped - {""})


def check_names(root, report):
    table, (rules, found) = families(root), expressions(root)
    report.expect(len(table) > 150, f"{METRICS_GUIDE} has tables of families", f"only {len(table)} rows were understood")
    recorded = {name for name, rule in rules.items() if "record" in rule}
    for place, expression in found:
        names, records = set(NAME.findall(expression)) - used_labels(expression), set(RECORD.findall(expression))
        unknown = sorted(name for name in names if name not in table) + sorted(records - recorded)
        labels = SCRAPED.union(*(table.get(name, set()) for name in names))
        for record in records & recorded:
            labels |= used_labels(rules[record]["expr"])
        strange = sorted(used_labels(expression) - labels)
        report.expect(not unknown, f"{place}: its metrics exist", f"no family has the name {', '.join(unknown)}")
        report.expect(not strange, f"{place}: its labels exist", f"none of its families has the label {', '.join(strange)}")
        report.expect(
            bool(names or records or re.search(r"\bup\b", expression)), f"{place}: asks for something", "it names no metric at all")


def check_alerts(root, report):
    rules, _ = expressions(root)
    alerts = {name: rule for name, rule in rules.items() if "alert" in rule}
    headings = set(re.findall(r"^### (Apus\w+)$", (root / ALERTS_GUIDE).read_text(), re.M))
    linked = set()
    for name, rule in alerts.items():
        runbook = rule.get("annotations", {}).get("runbook", "")
        anchor = runbook.partition("#")[2]
        linked.add(anchor)
        report.expect(
            runbook.startswith(ALERTS_GUIDE + "#") and anchor in {heading.lower() for heading in headings}, f"{name}: its runbook exists",
            f"'{runbook}' is no heading of {ALERTS_GUIDE}")
        report.expect(rule.get("labels", {}).get("severity") in ("page", "ticket"), f"{name}: says how urgent it is", "severity: page or ticket")
    for heading in sorted(headings):
        report.expect(heading.lower() in linked, f"{ALERTS_GUIDE}: {heading} is an alert", "no rule links there")
    tested = tests_of(root)
    for name in alerts:
        report.expect(tested.get(name) == {True, False}, f"{name}: a test has it firing, and one has it quiet", "tests/alerts.yml lacks one of them")


def tests_of(root):
    """Alert to what tests expect of it: firing, quiet."""
    expected = {}
    for path in (root / FOLDER / "tests").glob("*.yml"):
        for test in yaml.safe_load(path.read_text())["tests"]:
            for query in test.get("promql_expr_test", []):
                for name in re.findall(r'ALERTS\{alertname="(\w+)",alertstate="firing"', query["expr"]):
                    expected.setdefault(name, set()).add(bool(query["exp_samples"]))
    return expected


def check_with_promtool(root, report):
    folder = root / FOLDER
    report.command("prometheus.yml and rules are accepted", ["promtool", "check", "config", folder / "prometheus.yml"])
    for path in sorted((folder / "tests").glob("*.yml")):
        report.command(f"tests/{path.name} pass", ["promtool", "test", "rules", path])
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        # Debian's Prometheus is built without the discovery of pods: everything but that is checked.
        config = yaml.safe_load((folder / "prometheus-kubernetes.yml").read_text())
        for job in config["scrape_configs"]:
            report.expect("kubernetes_sd_configs" in job, f"{job['job_name']} finds pods", "no kubernetes_sd_configs")
            job["static_configs"] = [{"targets": []}]
            del job["kubernetes_sd_configs"]
        config["rule_files"] = [str(folder / "rules/*.yml")]
        (work / "config.yml").write_text(yaml.safe_dump(config))
        report.command("prometheus-kubernetes.yml is accepted, but for the discovery of pods", ["promtool", "check", "config", work / "config.yml"])
        hosts = yaml.safe_load((folder / "prometheus.yml").read_text())
        jobs = [[job["job_name"] for job in each["scrape_configs"]] for each in (hosts, config)]
        report.expect(jobs[0] == jobs[1], "both configurations have the same jobs", f"{jobs[0]} and {jobs[1]}")
        # A query is checked as a rule is.
        queries = [{"record": f"panel:number{index}", "expr": plain(expression)} for index, (_, expression) in enumerate(expressions(root)[1])]
        (work / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": queries}]}))
        report.command("every expression of the dashboards parses", ["promtool", "check", "rules", work / "panels.yml"])
    report.command("dashboards are as make-dashboards writes them", [folder / "make-dashboards", "--check"])


def check_logs(root, report):
    text, rows, writer = (root / LOGS_GUIDE).read_text(), {}, None
    writers = {"Every process": "all", "Frontend": "frontend", "Router": "router", "Worker": "worker"}
    for line in text.splitlines():
        if line.startswith("## "):
            writer = writers.get(line[3:])
        cells = [cell.strip() for cell in line.split(" | ")]
        if writer and line.startswith("| `") and len(cells) == 4:
            rows[(cells[0][3:-1], writer)] = (set(cells[1].split(", ")), set(re.findall(r"`([a-z_]+)`", cells[2])))
    calls = {(call.message, call.writer): call for call in read_log_calls(root)}
    report.expect(len(calls) > 60, "the sources' log calls are understood", f"only {len(calls)} were found")
    for key, call in calls.items():
        row = f"| `{call.message}` | {', '.join(sorted(call.levels))} | {', '.join(f'`{name}`' for name in sorted(call.fields)) or '-'} | … |"
        report.expect(rows.get(key) == (call.levels, call.fields), f"{LOGS_GUIDE}: {call.writer}: {call.message}",
                      f"{', '.join(sorted(call.places))} writes it as: {row}")
    for message, writer in rows:
        report.expect((message, writer) in calls, f"{LOGS_GUIDE}: {writer}: {message} is written by somebody", "no source has it")
    named = {message for line in text.partition("## Worth an alert")[2].partition("## ")[0].splitlines() if line.startswith("| `")
             for message in re.findall(r"`([^`]+)`", line.split(" | ")[0])}
    for message in sorted(named):
        report.expect(any(message == known for known, _ in calls), f"{LOGS_GUIDE}: worth an alert: {message}", "no source has it")


def check(root, options):
    report = Report("observability")
    check_names(root, report)
    check_alerts(root, report)
    check_with_promtool(root, report)
    check_logs(root, report)
    if options.binaries:
        from live import check_live

        check_live(root, pathlib.Path(options.binaries), report, [(place, plain(expression)) for place, expression in expressions(root)[1]])
    return report
