"""The containers' files: the compose file is one, programs accept what it says, and both images hold what the proof of the package says they need."""

import importlib.resources
import json
import os
import pathlib
import re

import jsonschema
import yaml
from package import LIBRARIES, NOBODY
from report import Report
from systemd import DRAIN_SECONDS, END_SECONDS, seconds

FOLDER = "deploy/containers"


def schema():
    """That of the compose specification, without the extensions of the package that carries it, which lie in files of their own."""
    found = json.loads(importlib.resources.files("ecs_composex_specs").joinpath("compose-spec.json").read_text())
    return without_extensions(found)


def without_extensions(part):
    if isinstance(part, dict):
        return {key: without_extensions(value) for key, value in part.items()
                if not (key.startswith("x-") and isinstance(value, dict) and "spec.json" in json.dumps(value))}
    return [without_extensions(each) for each in part] if isinstance(part, list) else part


def check_compose(root, report, binaries):
    compose = yaml.safe_load((root / FOLDER / "compose.yaml").read_text())
    problems = sorted(jsonschema.Draft7Validator(schema()).iter_errors(compose), key=lambda error: list(error.path))
    report.expect(not problems, "compose.yaml is accepted by the schema", "\n".join(f"{list(each.path)}: {each.message}" for each in problems))
    services = compose["services"]
    for name, service in services.items():
        report.expect(service.get("read_only") is True and service.get("cap_drop") == ["ALL"], f"{name} may do little", "read_only, cap_drop: [ALL]")
        own = service["environment"]
        needed = seconds(own.get("APUS_DRAIN_LIMIT", f"{DRAIN_SECONDS}s")) + seconds(own.get("APUS_DRAIN_GRACE", "0s")) + END_SECONDS
        report.expect(seconds(service["stop_grace_period"]) >= needed, f"{name}: its drain ends in time", f"it may take {needed} s")
        for address in re.findall(r"tcp://([a-z][\w-]*):", own.get("APUS_ROUTERS", "")) + [own.get("APUS_ADVERTISE_HOST", name)]:
            report.expect(address in services, f"{name}: {address} is a service", f"there are {', '.join(services)}")
        for port in service.get("ports", []):
            report.expect(port.startswith("127.0.0.1:"), f"{name}: is open to this machine alone, since it asks for no key", port)
        # An engine puts each secret there; here is none, and a file of the repository's does as well.
        given = {key: str(root / "LICENSE") if value in (f"/run/secrets/{each}" for each in service.get("secrets", [])) else value
                 for key, value in own.items()}
        report.expect(given != own, f"{name}: peers prove that they belong to it", "a secret that the service is given")
        if binaries:
            program, *words = service["command"]
            report.accepted(f"{name}: {program} accepts its options", [binaries / program, *words, "--check-config"],
                            {"PATH": os.environ["PATH"], **given})


def check_images(root, report):
    setup = (root / "deploy/dev/setup").read_text()
    for file in ("Containerfile", "Containerfile.package"):
        text = (root / FOLDER / file).read_text().replace("\\\n", " ")
        stages = re.split(r"^FROM ", text, flags=re.M)[1:]
        final = stages[-1]
        report.expect(f"USER {NOBODY}\n" in final, f"{file}: runs as nobody", f"USER {NOBODY}")
        report.expect(installed(final) == set(LIBRARIES), f"{file}: has the libraries that the package is proved with", str(installed(final)))
        report.expect("COPY --from=" in final and "COPY . " not in final, f"{file}: the image has the programs alone", final)
    build = re.split(r"^FROM ", (root / FOLDER / "Containerfile").read_text().replace("\\\n", " "), flags=re.M)[1]
    needed = set(re.search(r"libraries=\(([^)]*)\)", setup).group(1).split())
    report.expect(installed(build) == needed, "Containerfile: builds with the libraries that deploy/dev/setup installs", str(installed(build)))
    (version,) = re.findall(r'version = "([^"]+)"', (root / "Sources/base/ServiceRuntime/BuildInfo.swift").read_text())
    for path in sorted((root / FOLDER).iterdir()):
        tags = set(re.findall(r"apus:(\d[\d.]*\d)", path.read_text()))
        report.expect(tags <= {version}, f"{path.name}: the image is of this version", f"{tags}, and this is {version}")


def installed(stage):
    return set(re.search(r"apt-get install -y --no-install-recommends ([^&]*)", stage).group(1).split())


def check(root, options):
    report = Report("containers")
    check_compose(root, report, pathlib.Path(options.binaries).resolve() if options.binaries else None)
    check_images(root, report)
    return report
