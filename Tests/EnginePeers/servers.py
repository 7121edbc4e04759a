"""Engines of other projects as test peers: where deploy/engines/peers puts them, how each is started, and that it ends."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import rawhttp

ROOT = Path(__file__).resolve().parent.parent.parent
# From the root of the checkout, where servers run: some tell their clients the paths of models.
TINY = Path("deploy/models/tiny")
# A server that imports half of Python's packages on a busy machine takes minutes.
START_SECONDS = 600
# After SIGTERM, before SIGKILL.
STOP_SECONDS = 20


class NotReady(Exception):
    pass


class Server:
    """A server in a process group of its own. `log` holds what it says."""

    # What `GET` says 200 to when it serves.
    health = "/health"

    def __init__(self, engines, port, log, *options):
        self.engines, self.port, self.log, self.options, self.process = engines, port, Path(log), options, None

    @property
    def hf_tiny(self):
        """The tiny model as a Hugging Face folder."""
        return Path(os.path.relpath(ROOT / self.engines / "tiny", ROOT))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def address(self):
        return ["--host", "127.0.0.1", "--port", str(self.port)]

    def get(self, path):
        return rawhttp.get(self.port, path)

    def post(self, path, body):
        return rawhttp.post(self.port, path, body)

    def begin(self):
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*self.command(), *self.options], cwd=ROOT, env=os.environ | self.variables(), stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        return self

    def ready(self):
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit:
            if self.process is not None and self.process.poll() is not None:
                raise NotReady(f"{type(self).__name__} ended with {self.process.returncode} before it served; it said:\n{self.said()}")
            try:
                if rawhttp.get(self.port, self.health).status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.2)
        raise NotReady(f"{type(self).__name__} does not serve after {START_SECONDS} s; it said:\n{self.said()}")

    def start(self):
        self.begin()
        try:
            return self.ready()
        except BaseException:
            self.kill()
            raise

    def said(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def kill(self):
        """At once, with all that it started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process = None

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def variables(self):
        return {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}


class VLLM(Server):
    """Publishes cache events on the port behind its own, and answers who missed some on the one behind that."""

    # Its own endpoint for tokens in and out is there.
    opens_tokens = True

    def command(self):
        events = {
            "enable_kv_cache_events": True, "publisher": "zmq", "topic": "kv@tiny",
            "endpoint": f"tcp://*:{self.port + 1}", "replay_endpoint": f"tcp://*:{self.port + 2}",
        }  # fmt: skip
        # The attention of the processor build wants blocks of a multiple of 32 tokens.
        return [
            ROOT / self.engines / "vllm/bin/vllm", "serve", self.hf_tiny, "--served-model-name", "tiny", *self.address(),
            "--enforce-eager", "--dtype", "float32", "--block-size", "32", "--max-model-len", "1024",
            *(["--enable-scale-out"] if self.opens_tokens else []), "--enable-prompt-tokens-details",
            "--kv-events-config", json.dumps(events),
        ]  # fmt: skip

    def variables(self):
        return super().variables() | {
            "VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1",
            # For /reset_prefix_cache.
            "VLLM_SERVER_DEV_MODE": "1",
        }  # fmt: skip


class ClosedVLLM(VLLM):
    """As it is without an option: its endpoint of tokens is closed, and completions take and give them instead."""

    opens_tokens = False


class LlamaServer(Server):
    def command(self):
        return [
            ROOT / self.engines / "llama/bin/llama-server", "--model", TINY / "tiny-f16.gguf", "--alias", "tiny", *self.address(),
            "--ctx-size", "4096", "--parallel", "4", "--threads", "1", "--metrics", "--slots", "--jinja", "--no-webui",
        ]  # fmt: skip


class Transformers(Server):
    def variables(self):
        # It lists the models of its cache, and fails when there is none.
        cache = ROOT / self.engines / "hub"
        cache.mkdir(parents=True, exist_ok=True)
        return super().variables() | {"HF_HUB_CACHE": str(cache)}

    def command(self):
        program = ROOT / self.engines / "transformers/bin/transformers"
        return [program, "serve", *self.address(), "--device", "cpu", self.hf_tiny]


SERVERS = {"vllm": VLLM, "vllm-closed": ClosedVLLM, "llama-server": LlamaServer, "transformers": Transformers}
