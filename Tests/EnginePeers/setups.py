"""For each engine: which servers run, how its workers are started, and what can be asked of both."""

from servers import ROOT, SERVERS, TINY

# As the frontend's clients and the servers name it.
MODEL = "tiny"
FILES = ROOT / TINY


class Setup:
    """An engine of one worker or two. What its server cannot be asked is a check that does not apply, and is told so."""

    # Of .engines, or None where the engine is the worker's own.
    server = None
    workers = 2
    # It is in a process that the worker starts.
    has_helper = False
    # It knows tokens of a prompt that it had cached, and says so.
    tells_cached = True
    # It tells which blocks it has: routing is by them.
    tells_blocks = True
    # It can be asked what prompt it makes of a chat; and the level and a part of what a worker then logs.
    tells_prompts = True
    parity = ("info", "are the same")
    has_log_probabilities = True
    has_seeds = True
    takes_ignore_eos = True

    def __init__(self, engines):
        self.engines = engines

    def worker_options(self, server, files=FILES):
        raise NotImplementedError

    def running(self, server):
        """How many requests the server runs; None if nobody can know."""
        return None

    def direct(self, server, prompt, count):
        """What the server itself says to a prompt, greedy; None where the engine has no server."""
        return None

    def chat_tokens(self, server, chat):
        """How many tokens a chat is by the server's own template."""
        raise NotImplementedError


class Reference(Setup):
    def worker_options(self, server, files=FILES):
        return ["--engine", "reference", "--model", str(files), "--weights", str(ROOT / TINY / "tiny-f16.gguf"), "--block-size", "32"]


class Llama(Setup):
    has_helper = True

    def worker_options(self, server, files=FILES):
        helper = ROOT / self.engines / "llama/bin/engine-llama"
        return ["--engine", "llama", "--model", str(files), "--weights", str(ROOT / TINY / "tiny-f16.gguf"), "--engine-helper", str(helper)]


class Served(Setup):
    """An engine that is a server with an API like OpenAI's."""

    def name(self, server):
        return MODEL

    def direct(self, server, prompt, count):
        answer = server.post("/v1/completions", {"model": self.name(server), "prompt": prompt, "max_tokens": count, "temperature": 0})
        assert answer.status == 200, f"the server itself says {answer.status}: {answer.body[:200]!r}"
        return answer.json()["choices"][0]["text"]

    def chat_tokens(self, server, chat):
        body = {"model": self.name(server), "max_tokens": 1, "temperature": 0, **chat}
        return server.post("/v1/chat/completions", body).json()["usage"]["prompt_tokens"]


class VLLM(Served):
    server = SERVERS["vllm"]

    def worker_options(self, server, files=FILES):
        return [
            "--engine", "vllm", "--engine-url", server.url, "--engine-model", MODEL, "--model", str(files),
            "--engine-events", f"tcp://127.0.0.1:{server.port + 1}", "--engine-replay", f"tcp://127.0.0.1:{server.port + 2}",
        ]  # fmt: skip

    def chat_tokens(self, server, chat):
        # Its chats take tools only if it was told how the model calls them.
        return server.post("/tokenize", {"model": MODEL, **chat}).json()["count"]

    def running(self, server):
        lines = server.get("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("vllm:num_requests_running{"))


class ClosedVLLM(VLLM):
    server = SERVERS["vllm-closed"]
    workers = 1


class LlamaServer(Served):
    server = SERVERS["llama-server"]
    workers, tells_blocks = 1, False
    # The model's tokenizer composes letters before it looks at them, and llama.cpp leaves that out.
    parity = ("warning", "the conversation unicode otherwise")

    def worker_options(self, server, files=FILES):
        return ["--engine", "openai", "--engine-url", server.url, "--engine-model", MODEL, "--model", str(files)]

    def running(self, server):
        return sum(slot["is_processing"] for slot in server.get("/slots").json())


class Transformers(Served):
    server = SERVERS["transformers"]
    parity = ("info", "does not tell")
    workers, tells_blocks, tells_cached, tells_prompts = 1, False, False, False
    has_log_probabilities, has_seeds, takes_ignore_eos = False, False, False

    def name(self, server):
        return str(server.hf_tiny)

    def worker_options(self, server, files=FILES):
        named = ["--engine", "openai", "--engine-url", server.url, "--engine-model", self.name(server)]
        return [*named, "--context-length", "2048", "--model", str(files)]


SETUPS = {
    "reference": Reference, "llama": Llama, "vllm": VLLM, "vllm-closed": ClosedVLLM, "llama-server": LlamaServer, "transformers": Transformers,
}  # fmt: skip
