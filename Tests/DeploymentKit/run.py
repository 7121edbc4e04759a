"""Checks the deployment kit, part by part. deploy/dev/kit calls it with the Python that has what it needs."""

import argparse
import importlib
import pathlib
import sys
import traceback

sys.dont_write_bytecode = True
PARTS = ("observability", "systemd", "kubernetes", "containers", "sizes", "package")
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/RealCluster"))

from processes import exit_when_told  # noqa: E402



def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries")
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    exit_when_told()
    # Every part is checked, whatever the ones before it found.
    results = [show(part, options) for part in options.parts or PARTS]
    return 0 if all(results) else 1


def show(part, options):
    try:
        return importlib.import_module(part).check(ROOT, options).show()
    except Exception:
        # A file of ours that lacks what a check reads first: the trace says where.
        traceback.print_exc()
        print(f"{part}: FAILED: not checked to its end", flush=True)
        return False


if __name__ == "__main__":
    sys.exit(main())
