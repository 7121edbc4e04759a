"""What is asked of `transformers serve`: it knows text only, and calls its model by the folder's path."""

import rawhttp
from prompts import CHAT, SYSTEM_CHAT, TOOLS, chat_text
from recording import Recorder
from servers import Transformers


def capture(folder, engines, port, work):
    record = Recorder(folder, port)
    server = Transformers(engines, port, work / "log").start()
    text = {"model": str(server.hf_tiny), "max_tokens": 16, "temperature": 0}
    stream = {"stream": True, "stream_options": {"include_usage": True}}
    completion = lambda name, body: record.post(name, "/v1/completions", {**text, **body})  # noqa: E731
    chat = lambda name, body: record.post(name, "/v1/chat/completions", {**text, **body})  # noqa: E731
    try:
        record.get("health", "/health")
        record.get("models", "/v1/models")
        completion("completion", {"prompt": chat_text()})
        completion("completion-stream", {"prompt": chat_text(), **stream})
        completion("completion-stream-length", {"prompt": chat_text(), "max_tokens": 3, **stream})
        completion("completion-stream-stop", {"prompt": chat_text(), "stop": [" Japan"], **stream})
        completion("completion-stream-seed", {"prompt": chat_text(), "temperature": 1.0, "seed": 7, "max_tokens": 6, **stream})
        completion("completion-stream-unicode", {"prompt": chat_text("Repeat: naïve café 東京"), **stream})
        completion("completion-tokens", {"prompt": [1161, 284, 198]})
        completion("completion-batch", {"prompt": [chat_text(), "Once"]})
        completion("completion-n", {"prompt": chat_text(), "n": 2})
        completion("completion-logprobs", {"prompt": chat_text(), "logprobs": 2})
        chat("chat", {"messages": CHAT})
        chat("chat-stream", {"messages": CHAT, **stream})
        chat("chat-stream-system", {"messages": SYSTEM_CHAT, **stream})
        weather = [{"role": "user", "content": "What is the weather in Oslo?"}]
        chat("chat-stream-tools", {"messages": weather, "tools": TOOLS, "max_tokens": 60, **stream})
        completion("error-model", {"model": "nobody", "prompt": "x"})
        completion("error-type", {"prompt": "x", "max_tokens": "many"})
        completion("error-unknown-field", {"prompt": "x", "max_tokens": 2, "no_such_parameter": 1})
        completion("error-missing", {})
        record.post("error-json", "/v1/completions", b'{"prompt": ')
        record.get("error-path", "/nothing")
        record.post("error-tokenize", "/tokenize", {"prompt": "x"})
        long = {**text, "prompt": "Once upon a time", "max_tokens": 500, **stream}
        record.post("abort-by-leaving", "/v1/completions", long, at_third=lambda: rawhttp.LEAVE)
        # A client that has left does not stop others.
        rawhttp.post(port, "/v1/completions", {**text, "prompt": chat_text()})
        record.get("health-after-leaving", "/health")
    finally:
        server.kill()
