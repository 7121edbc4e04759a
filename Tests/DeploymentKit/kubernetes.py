"""The manifests: the API's schemas accept them, they name only what is there, pods may do little, and a drain ends before its grace does."""

import os
import pathlib
import re
import tempfile

import kubernetes_validate
import yaml
from report import Report
from systemd import DRAIN_SECONDS, END_SECONDS, seconds

FOLDER = "deploy/kubernetes"
# The oldest that numbers the pods of a StatefulSet by a label, and the newest whose schemas are known.
VERSIONS = ("1.29.0", "1.37.0")
# What whoever installs it makes by hand; the guide says how.
SECRETS = {"apus-cluster": {"secret"}, "apus-tenants": {"tenants.json"}}
# What the API fills in for a pod.
FILLED_IN = {"POD_IP": "10.1.2.3", "POD_INDEX": "1"}


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def variant(folder):
    """What `kubectl apply -k` would send: resources of the kustomization, without those that a patch deletes."""
    kustomization = documents(folder / "kustomization.yaml")[0]
    found = []
    for resource in kustomization["resources"]:
        path = folder / resource
        found += variant(path) if path.is_dir() else documents(path)
    for patch in kustomization.get("patches", []):
        change = yaml.safe_load(patch["patch"])
        if isinstance(change, dict) and change.get("$patch") == "delete":
            found = [each for each in found if (each["kind"], name(each)) != (change["kind"], name(change))]
        for operation in change if isinstance(change, list) else []:
            for each in found:
                if (each["kind"], name(each)) == (patch["target"]["kind"], patch["target"]["name"]):
                    replace(each, operation)
    return found


def replace(document, operation):
    assert operation["op"] == "replace", f"this check does not know the operation {operation['op']}"
    *way, last = operation["path"].strip("/").split("/")
    for step in way:
        document = document[step]
    document[last] = operation["value"]


def name(document):
    return document["metadata"]["name"]


def check_schemas(root, report):
    for path in sorted((root / FOLDER).rglob("*.yaml")):
        for document in documents(path):
            what = f"{path.relative_to(root)}: {document['kind']}"
            if document["kind"] == "Kustomization":
                continue
            for version in VERSIONS:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                    report.expect(True, what, "")
                except kubernetes_validate.ValidationError as error:
                    report.expect(False, f"{what} {name(document)} is accepted by {version}", f"{list(error.path)}: {error.message}")
    for folder in ("base", "split"):
        listed = set(documents(root / FOLDER / folder / "kustomization.yaml")[0]["resources"])
        lying = {path.name for path in (root / FOLDER / folder).glob("*.yaml")} - {"kustomization.yaml"}
        report.expect(lying <= listed, f"{folder}: every file is listed", f"{sorted(lying - listed)} are not")


def check_variant(folder, report):
    """That everything that is named is there."""
    objects = variant(folder)
    what = folder.name
    keys = [(each["kind"], name(each)) for each in objects]
    report.expect(len(keys) == len(set(keys)), f"{what}: no object stands twice", str(sorted(keys)))
    workloads = [each for each in objects if each["kind"] in ("Deployment", "StatefulSet")]
    labels = {name(each): each["spec"]["template"]["metadata"]["labels"] for each in workloads}
    ports = {name(each): {port["name"] for port in container(each)["ports"]} for each in workloads}
    selected = lambda selector: [each for each, own in labels.items() if selector.items() <= own.items()]
    for each in workloads:
        report.expect(selected(each["spec"]["selector"]["matchLabels"]) == [name(each)], f"{what}: {name(each)} selects its own pods alone",
                      str(selected(each["spec"]["selector"]["matchLabels"])))
        check_pod(f"{what}: {name(each)}", each, report)
    for each in objects:
        spec, kind = each.get("spec", {}), f"{what}: {each['kind']} {name(each)}"
        if each["kind"] == "Service":
            chosen = selected(spec["selector"])
            wanted = {port["targetPort"] for port in spec["ports"]}
            report.expect(len(chosen) == 1 and wanted <= ports[chosen[0]], f"{kind} leads to ports that there are", f"{chosen} {wanted}")
        elif each["kind"] == "PodDisruptionBudget":
            report.expect(len(selected(spec["selector"]["matchLabels"])) == 1, f"{kind} is about one workload", "its selector fits none, or several")
        elif each["kind"] == "HorizontalPodAutoscaler":
            target = (spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"])
            report.expect(target in keys, f"{kind} scales something", f"there is no {target}")
            scaled = [one for one in workloads if (one["kind"], name(one)) == target]
            report.expect(all("replicas" not in one["spec"] for one in scaled), f"{kind} has the say", "the workload has replicas of its own")
        elif each["kind"] == "NetworkPolicy":
            named = {port["port"] for rule in spec.get("ingress", []) + spec.get("egress", []) for port in rule.get("ports", [])}
            unknown = {port for port in named if isinstance(port, str)} - set.union(*ports.values())
            report.expect(not unknown, f"{kind} names ports that there are", str(unknown))
    budgets = {selected(each["spec"]["selector"]["matchLabels"])[0] for each in objects if each["kind"] == "PodDisruptionBudget"}
    report.expect(budgets == set(labels), f"{what}: every workload has a budget of disruptions", f"not {sorted(set(labels) - budgets)}")
    return workloads


def container(workload):
    (only,) = workload["spec"]["template"]["spec"]["containers"]
    return only


def variables(workload):
    found = {}
    for each in container(workload)["env"]:
        value = each.get("value") or FILLED_IN.get(each["name"], "pod-1")
        found[each["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match.group(1)], value)
    return found


def check_pod(what, workload, report):
    pod, inner, environment = workload["spec"]["template"]["spec"], container(workload), variables(workload)
    user, box = pod["securityContext"], inner["securityContext"]
    report.expect(user["runAsNonRoot"] and user["runAsUser"] > 0, f"{what}: is not root", str(user))
    report.expect(user["seccompProfile"] == {"type": "RuntimeDefault"}, f"{what}: is filtered in its system calls", str(user))
    report.expect(box == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
                  f"{what}: may do little", str(box))
    report.expect(pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False, f"{what}: is told nothing of the API", "")
    report.expect("memory" in inner["resources"]["limits"] and {"cpu", "memory"} <= set(inner["resources"]["requests"]),
                  f"{what}: says what it needs", str(inner["resources"]))
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        report.expect(inner[probe]["httpGet"] == {"path": path, "port": "admin"}, f"{what}: {probe}", str(inner.get(probe)))
    needed = seconds(environment.get("APUS_DRAIN_LIMIT", f"{DRAIN_SECONDS}s")) + seconds(environment.get("APUS_DRAIN_GRACE", "0s")) + END_SECONDS
    report.expect(pod["terminationGracePeriodSeconds"] >= needed, f"{what}: its drain ends in time", f"it may take {needed} s")
    listening = {port["containerPort"] for port in inner["ports"]}
    told = {int(environment[f"APUS_{key}"].rpartition(":")[2]) for key in ("LISTEN", "PUBLISH", "ADMIN_LISTEN")}
    report.expect(listening == told, f"{what}: its ports are those that it listens on", f"{listening} and {told}")
    volumes = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"]}
    for mount in inner["volumeMounts"]:
        report.expect(volumes.get(mount["name"]) in SECRETS and mount["readOnly"], f"{what}: {mount['name']} is a secret that the guide makes", str(volumes))
    for key, path in environment.items():
        if key.endswith("_FILE"):
            mount = next((mount for mount in inner["volumeMounts"] if path.startswith(mount["mountPath"] + "/")), None)
            known = mount and path.rpartition("/")[2] in SECRETS[volumes[mount["name"]]]
            report.expect(known, f"{what}: {key} is a file of a secret", path)


def check_autoscaling(root, report):
    wanted = {metric["external"]["metric"]["name"] for each in documents(root / FOLDER / "base/autoscaling.yaml")
              for metric in each["spec"]["metrics"] if metric["type"] == "External"}
    rules = yaml.safe_load(documents(root / FOLDER / "prometheus-adapter.yaml")[0]["data"]["config.yaml"])["externalRules"]
    given = {rule["name"]["as"]: rule for rule in rules}
    report.expect(wanted and wanted <= set(given), "the adapter has the metrics that autoscalers ask for", f"{wanted} and {set(given)}")
    recorded = {rule.get("record") for group in yaml.safe_load((root / "deploy/observability/rules/recording.yml").read_text())["groups"]
                for rule in group["rules"]}
    for rule in rules:
        report.expect(rule["seriesQuery"] in recorded and rule["seriesQuery"] in rule["metricsQuery"],
                      f"{rule['name']['as']} is recorded by a rule", rule["seriesQuery"])


def check_options(workloads, binaries, report):
    """What a pod's environment says, said to the program."""
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "secret").write_text("a secret that nobody else has\n")
        entry = "sha256:" + "2d71" * 16
        (work / "tenants.json").write_text('{"tenants": [{"name": "everybody", "keys": ["%s"]}]}' % entry)
        for workload in workloads:
            program = pathlib.Path(container(workload)["command"][0]).name
            own = {key: str(work / value.rpartition("/")[2]) if key.endswith("_FILE") else value for key, value in variables(workload).items() if key.startswith("APUS_")}
            words = [binaries / program, *container(workload)["command"][1:], "--check-config"]
            report.accepted(f"{name(workload)}: {program} accepts its options", words, {"PATH": os.environ["PATH"], **own})


def check(root, options):
    report = Report("kubernetes")
    check_schemas(root, report)
    check_autoscaling(root, report)
    version = re.search(r'version = "([^"]+)"', (root / "Sources/base/ServiceRuntime/BuildInfo.swift").read_text()).group(1)
    tags = documents(root / FOLDER / "base/kustomization.yaml")[0]["images"]
    report.expect([image["newTag"] for image in tags] == [version], "the image is of this version", f"{tags}, and this is {version}")
    for folder in ("base", "split"):
        workloads = check_variant(root / FOLDER / folder, report)
        if options.binaries:
            check_options(workloads, pathlib.Path(options.binaries).resolve(), report)
    return report
