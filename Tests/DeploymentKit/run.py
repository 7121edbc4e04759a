"""Checks the deployment kit, part by part. deploy/dev/kit calls it with the Python that has what it needs."""

import argparse
import importlib
import pathlib
import sys

sys.dont_write_bytecode = True
PARTS = ("observability", "systemd", "kubernetes", "containers", "package")
ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries")
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    # Every part is checked, whatever the ones before it found.
    results = [importlib.import_module(part).check(ROOT, options).show() for part in options.parts or PARTS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
