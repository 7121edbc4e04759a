"""What the build that is tested serves, found by asking it: checks of what it does not serve are skipped, and say so."""

import json

from wire import post

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}

# Served by every build since these checks stand: no longer skipped, should they be lost.
MUST_BE = {
    "tools", "constraints", "scripts", "responses", "messages", "token counts", "keys", "media types", "tokenize", "prompt lists", "embeddings",
}  # fmt: skip


def found(places):
    port = places.main.port("http")

    def status(path, body):
        return post(port, path, json.dumps(body).encode())[0]

    def exists(path):
        return status(path, {}) not in (404, 405)

    asked = {
        "tools": status("/v1/chat/completions", {**CHAT, "tools": [TOOL]}) == 200,
        "constraints": status("/v1/chat/completions", {**CHAT, "response_format": {"type": "json_object"}}) == 200,
        "prompt lists": status("/v1/completions", {"model": "apus-mock", "prompt": ["a", "b"], "max_tokens": 1}) == 200,
        "responses": exists("/v1/responses"),
        "messages": exists("/v1/messages"),
        "token counts": exists("/v1/messages/count_tokens"),
        "embeddings": exists("/v1/embeddings"),
        "tokenize": exists("/tokenize"),
        "media types": post(port, "/v1/chat/completions", json.dumps(CHAT).encode(), "text/plain")[0] == 415,
        "keys": places.asks_for_keys,
        "scripts": places.scripted,
    }
    return {ability for ability, is_served in asked.items() if is_served}


def missing_that_must_be(abilities):
    return sorted(MUST_BE - abilities)
