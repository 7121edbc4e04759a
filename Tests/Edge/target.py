"""What the edge's deadlines are lowered to, and the requests of its good clients."""

import json

# Lowered, so that a run is short; what is judged is that they hold, not how long they are.
HEADER_DEADLINE = 10
BODY_DEADLINE = 12
WRITE_STALL = 6
BODY_LIMIT = 512 << 10
# How late a deadline may be noticed: the server's timers and this script share two cores.
DEADLINE_SLACK = 3

FRONTEND_OPTIONS = [
    "--header-limit", f"{HEADER_DEADLINE}s", "--body-limit", f"{BODY_DEADLINE}s", "--write-stall-limit", f"{WRITE_STALL}s",
    "--max-body-bytes", str(BODY_LIMIT),
]  # fmt: skip
# Of the same pace at every load: what changes is then the edge's doing.
WORKER_OPTIONS = ["--mock-decode-step", "10ms", "--mock-prefill-token", "10us", "--max-sequences", "1024"]


def completion(model, tokens, stream, prompt="Hello"):
    return json.dumps({
        "model": model, "max_tokens": tokens, "stream": stream, "ignore_eos": True,
        "messages": [{"role": "user", "content": prompt}],
    }).encode()  # fmt: skip


def post(body, path="/v1/chat/completions"):
    head = f"POST {path} HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
