#!/usr/bin/env python3
"""Asks real engine servers what the adapters ask, and writes down what was sent and what came, byte for byte.

    capture.py [--out DIR] [--engines DIR] [--port N] SERVER…

SERVER: vllm, vllm-small, llama-server, transformers; deploy/engines/peers installs them. Each is started on port N, and vLLM's cache events on
the two ports behind it. README.md beside this script says what the files are. vllm needs the Python of .engines/vllm, for pyzmq and msgspec.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "EnginePeers")]

import captures_llama  # noqa: E402
import captures_transformers  # noqa: E402
import captures_vllm  # noqa: E402

CAPTURES = {
    "vllm": captures_vllm.capture,
    "vllm-small": captures_vllm.capture_small,
    "llama-server": captures_llama.capture,
    "transformers": captures_transformers.capture,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", choices=CAPTURES, metavar="SERVER")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--engines", type=Path, default=Path(".engines"))
    parser.add_argument("--port", type=int, default=18440)
    arguments = parser.parse_args()
    # Ended from outside, it still ends the server.
    for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(end, lambda *_: sys.exit(1))
    for name in arguments.servers:
        folder = arguments.out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as work:
            CAPTURES[name](folder, arguments.engines, arguments.port, Path(work))
        print(f"{name}: {len(list(folder.iterdir()))} files")


if __name__ == "__main__":
    main()
