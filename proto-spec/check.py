#!/usr/bin/env python3
"""Checks the vectors of the wire format, and live peers, with a reader that knows only the tables of this folder.

    check.py                     every vector; exit 1 if one fails, or if a message has none
    check.py --flip              damages every vector and demands that its check then fails
    check.py --kinds             the kinds of all messages
    check.py --encode FILE       the bytes of {"message": name, "header": {…}, "decoded": {…}}
    check.py --live ADDRESS      dials a peer and speaks every kind of link with it
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

from checker import tables  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--kinds", action="store_true", help="print number and name of every message")
    mode.add_argument("--encode", metavar="FILE", type=Path, help="print the bytes of a decoded message as hex")
    mode.add_argument("--flip", action="store_true", help="self test: every damaged vector must fail")
    mode.add_argument("--live", metavar="ADDRESS", help="tcp://host:port or tls+tcp://host:port of a responder")
    parser.add_argument("--ca", type=Path, help="with tls+tcp: the certificate authority of the peer")
    parser.add_argument("--cert", type=Path, help="with tls+tcp: our certificate")
    parser.add_argument("--key", type=Path, help="with tls+tcp: the key of our certificate")
    parser.add_argument("--server-name", help="with tls+tcp: the name in the peer's certificate (default: the host dialled)")
    parser.add_argument("--secret-file", type=Path, help="the cluster secret, for a peer that challenges")
    parser.add_argument("--cluster", default="apus", help="the cluster id to claim (default: apus)")
    options = parser.parse_args()
    try:
        spec = tables.load(HERE)
        if options.kinds:
            for message in sorted(spec.messages.values(), key=lambda message: message.kind):
                print(f"{message.kind:#06x} {message.case}")
            return 0
        if options.encode:
            return encode(spec, options.encode)
        if options.flip:
            return flip(spec)
        if options.live:
            return live(spec, options)
        return check(spec)
    except tables.SpecError as error:
        print(f"the specification is at fault: {error}", file=sys.stderr)
    except ImportError as error:
        needed = "zstandard xxhash pynng" if options.live else "zstandard xxhash"
        print(f"{error}: pip install {needed}", file=sys.stderr)
    return 1


def check(spec: tables.Spec) -> int:
    from checker import blockhash, vectors

    try:
        found = vectors.load(HERE / "vectors")
    except vectors.Mismatch as mismatch:
        print(f"FAILED {mismatch}")
        return 1
    passed, faults = vectors.run(spec, found)
    hashes, hash_faults = blockhash.check(HERE / "vectors" / vectors.BLOCK_HASHES)
    faults += hash_faults + vectors.missing(spec, found, tables.readme_rows(HERE))
    for section in [*spec.messages, "(unknown kind)"]:
        print(f"{section:20} {passed[section]:4} passed")
    print(f"{'(block hashes)':20} {hashes:4} passed")
    for fault in faults:
        print(f"FAILED {fault}")
    print(f"{passed.total() + hashes} passed, {len(faults)} failed")
    return 1 if faults else 0


def flip(spec: tables.Spec) -> int:
    from checker import vectors

    found = vectors.load(HERE / "vectors")
    unseen = vectors.self_test(spec, found)
    for fault in unseen:
        print(f"FAILED {fault}")
    print(f"{len(found)} vectors damaged, {len(unseen)} damages unseen")
    return 1 if unseen or not found else 0


def encode(spec: tables.Spec, path: Path) -> int:
    from checker import codec

    entry = json.loads(path.read_text(encoding="utf-8"))
    try:
        print(codec.encode(spec, entry["message"], entry["decoded"], **entry.get("header", {})).hex())
    except codec.ValueMistake as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def live(spec: tables.Spec, options: argparse.Namespace) -> int:
    from checker import live as peer

    secret = options.secret_file.read_bytes().rstrip(b"\r\n") if options.secret_file else None
    tls = peer.TLS(options.ca, options.cert, options.key, options.server_name) if options.ca else None
    return peer.run(spec, options.live, options.cluster, secret, tls)


if __name__ == "__main__":
    sys.exit(main())
