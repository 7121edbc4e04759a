"""Requests with canaries wherever a client can put a text, well formed and not, and the statuses that are due."""

import json

from place import BYTES, DEADLY, FAILING, TENANT, WORDS
from talk import Cut, Talk, once

REQUEST_ID = "seen-in-logs-and-traces"


class Asked:
    """Asks, and keeps what did not come as it should: a case that does not take the path that is meant proves nothing."""

    def __init__(self, place):
        self.place, self.canary, self.problems, self.count = place, place.canaries, [], 0

    async def expect(self, status, path, body=None, key=..., headers=(), method=None):
        self.count += 1
        try:
            found, answer = await once(self.place.frontend.http, path, body, self.place.key if key is ... else key, headers, method)
        except Cut as problem:
            found, answer = None, str(problem).encode()
        if found not in (status if isinstance(status, tuple) else (status,)):
            self.problems.append(f"{method or ''} {path} with {str(body)[:80]!r} is {found}, not {status}: {answer[:200]!r}")
        return answer

    def chat(self, model, what, **more):
        return {"model": model, "max_tokens": 12, "messages": [{"role": "user", "content": f"Tell me of {self.canary(what)} now"}], **more}

    async def hear_tokens(self):
        for model in (BYTES, WORDS):
            for place in ("a prompt", "a system text"):
                text = self.canary(place)
                answer = json.loads(await self.expect(200, "/tokenize", {"model": model, "prompt": text}))
                self.canary.heard(answer["tokens"])

    async def all(self):
        await self.good()
        await self.tools_and_forms()
        await self.other_ways()
        await self.sessions()
        await self.refused()
        await self.malformed()
        await self.failing()

    async def good(self):
        canary = self.canary
        for model in (BYTES, WORDS):
            for stream in (False, True):
                await self.expect(200, "/v1/chat/completions", {**self.chat(model, "a prompt"), "stream": stream})
            body = self.chat(model, "a prompt", user=canary("a user's name"), metadata={"note": canary("metadata")}, stop=[canary("a stop text")],
                             safety_identifier=canary("a safety identifier"), prompt_cache_key=canary("a prompt cache key"),
                             unknown_member=canary("an unknown member"))  # fmt: skip
            body["messages"].insert(0, {"role": "system", "content": canary("a system text")})
            body["messages"][1]["name"] = canary("a name in a message")
            await self.expect(200, "/v1/chat/completions", body)
        await self.expect(200, "/v1/chat/completions", self.chat(WORDS, "a prompt to think about, think"), headers=[("x-request-id", REQUEST_ID)])
        # Whoever asks is told: the answer goes to the client alone.
        told = self.chat(BYTES, "a prompt", nvext={"annotations": ["formatted_prompt", "token_ids"], "extra_fields": ["timing", "decision"]}, stream=True)
        answer = await self.expect(200, "/v1/chat/completions", told)
        if canary("a prompt").encode() not in answer:
            self.problems.append("a client that asks for its prompt is not shown it: the canary does not get where it should")

    async def tools_and_forms(self):
        canary = self.canary
        tool = {"type": "function", "function": {"name": "report", "description": canary("a tool's description"), "parameters": {
            "type": "object", "properties": {"city": {"type": "string", "description": canary("a parameter's description")}}, "required": ["city"]}}}  # fmt: skip
        body = self.chat(WORDS, "a question about the weather", tools=[tool], max_tokens=300)
        body["messages"][0]["content"] += ": the weather"
        await self.expect(200, "/v1/chat/completions", body)
        call = {"id": "call_1", "type": "function", "function": {"name": "report", "arguments": json.dumps({"city": canary("arguments that a client sent")})}}
        body["messages"] += [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": canary("a tool's result")}]
        await self.expect(200, "/v1/chat/completions", body)
        form = lambda schema: {"type": "json_schema", "json_schema": {"name": "form", "schema": schema}}
        schema = {"type": "object", "properties": {canary("a schema's member"): {"type": "string"}}, "required": [canary("a schema's member")], "additionalProperties": False}
        await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt", response_format=form(schema), max_tokens=200))
        for broken in ({"type": canary("a type that is none")}, {"$ref": "#/" + canary("a reference into nothing")}, {"type": "string", "pattern": "(" + canary("a bad pattern")}):
            await self.expect((200, 400), "/v1/chat/completions", self.chat(BYTES, "a prompt", response_format=form(broken)))
        await self.expect((200, 400), "/v1/chat/completions", self.chat(BYTES, "a prompt", tools=[tool], tool_choice={"type": "function", "function": {"name": canary("a tool that is none")}}))

    async def other_ways(self):
        canary = self.canary
        await self.expect(200, "/v1/completions", {"model": BYTES, "prompt": canary("a prompt"), "max_tokens": 4, "echo": True})
        await self.expect(200, "/v1/completions", {"model": BYTES, "prompt": [canary("a prompt"), canary("a second prompt")], "max_tokens": 4})
        await self.expect(200, "/v1/embeddings", {"model": BYTES, "input": [canary("an input")]})
        await self.expect(200, "/v1/responses", {"model": BYTES, "input": canary("an input"), "instructions": canary("instructions"), "max_output_tokens": 16})
        await self.expect(200, "/v1/messages", {"model": BYTES, "max_tokens": 8, "system": canary("a system text"), "messages": [{"role": "user", "content": canary("a prompt")}]},
                          key=None, headers=[("x-api-key", self.place.key), ("anthropic-beta", canary("a header"))])  # fmt: skip
        await self.expect(200, "/detokenize", {"model": BYTES, "tokens": list(canary("tokens to be spelled").encode())})
        await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt", nvext={"agent_hints": {"speculative_prefill": True}}))
        # Long enough for prefill and decode apart.
        await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt", messages=[{"role": "user", "content": canary("a long prompt", repeats=400)}]))

    async def sessions(self):
        canary = self.canary
        control = lambda action: {"session_control": {"session_id": canary("a session's id"), "action": action}}
        for action in ("open", "bind", "close"):
            await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt", nvext=control(action)))
        for header in ("x-session-id", "x-correlation-id"):
            await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt"), headers=[(header, canary("a session's header"))])
        await self.expect(200, "/v1/chat/completions", self.chat(BYTES, "a prompt"), headers=[("cookie", f"canary={canary('a cookie')}; other={canary('another cookie')}")])
        await self.expect(400, "/v1/chat/completions", self.chat(BYTES, "a prompt", nvext={"session_control": {"session_id": canary("a session's id"), "action": canary("an action")}}))

    async def refused(self):
        canary = self.canary
        good = self.chat(BYTES, "a prompt")
        await self.expect(401, "/v1/chat/completions", good, key="apus-" + canary("a wrong key"))
        await self.expect(401, "/v1/models", key=None, headers=[("authorization", "Basic " + canary("credentials of another kind"))])
        await self.expect(401, "/v1/models", headers=[("x-api-key", canary("a second, other key"))])
        await self.expect(404, "/v1/chat/completions", {**good, "model": canary("an unknown model")})
        await self.expect(404, "/v1/models/" + canary("an unknown model"))
        await self.expect(404, "/v1/requests/" + canary("an unknown request") + "/decision")
        await self.expect(404, "/" + canary("a path") + "?q=" + canary("a query"))
        await self.expect((200, 400, 404), "/v1/models?key=" + canary("a query"))
        await self.expect((405, 501), "/v1/chat/completions", method="DELETE", headers=[("user-agent", canary("a user agent")), ("referer", "http://" + canary("a referer"))])
        await self.expect((400, 405, 501), "/v1/models", method=canary("a method").upper()[:16])
        await self.expect(413, "/v1/chat/completions", json.dumps(good).encode() + canary("a body that is too long", repeats=20000).encode())
        await self.expect((200, 429), "/v1/chat/completions", {**good, "model": WORDS, "max_tokens": 150}, key=self.place.second_key)
        await self.expect(429, "/v1/chat/completions", {**good, "model": WORDS, "max_tokens": 150}, key=self.place.second_key)
        await self.expect((200, 400), "/v1/chat/completions", good, headers=[("traceparent", canary("a trace's parent")), ("tracestate", "a=" + canary("a trace's state"))])
        await self.expect((200, 400), "/v1/chat/completions", good, headers=[("x-worker-instance-id", canary("a pin in a header"))])

    async def malformed(self):
        canary = self.canary
        for body in (
            '{"model": "%s", ' % canary("half a body"), '{"a": %s}' % canary("no JSON"), '["%s"]' % canary("a list"), '{"model": 1, "x": "\\u00"}' + canary("behind a body"),
            json.dumps({"model": BYTES, "messages": canary("messages that are a text")}), json.dumps({"model": BYTES, "messages": [{"role": canary("a role"), "content": "x"}]}),
            json.dumps({"model": BYTES, "messages": [{"role": "user", "content": [{"type": canary("a part's type"), "text": "x"}]}]}),
            json.dumps({"model": BYTES, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://" + canary("a URL")}}]}]}),
            json.dumps(self.chat(BYTES, "a prompt", temperature=canary("a temperature"))), json.dumps(self.chat(BYTES, "a prompt", max_tokens=canary("a number"))),
            json.dumps(self.chat(BYTES, "a prompt", logit_bias={canary("a token"): 1})), json.dumps(self.chat(BYTES, "a prompt", reasoning_effort=canary("an effort"))),
            json.dumps(self.chat(BYTES, "a prompt", nvext={"router_config_override": {"overlap_score_weight": canary("an override")}})),
        ):  # fmt: skip
            await self.expect((400, 403), "/v1/chat/completions", body.encode())
        # What the template refuses, or trips over.
        for messages in ([{"role": "tool", "content": canary("a result of no call"), "tool_call_id": "x"}], [{"role": "assistant", "content": canary("an answer first")}]):
            await self.expect((200, 400), "/v1/chat/completions", {"model": WORDS, "max_tokens": 4, "messages": messages, "chat_template_kwargs": {"note": canary("a value for a template")}})
        talk = Talk(self.place.frontend.http)
        for head in ("GET / HTTP/1.1\r\n%s\r\n\r\n" % canary("a line that is no header"), "%s\r\n\r\n" % canary("a line that is no request"),
                     "GET / HTTP/1.1\r\nHost: a\r\nHost: %s\r\n\r\n" % canary("a second host"), "GET / HTTP/9.9\r\nHost: %s\r\n\r\n" % canary("a host")):  # fmt: skip
            self.count += 1
            await talk.open()
            await talk.send(head.encode())
            if await talk.head() not in (400, 505):
                self.problems.append(f"{head[:40]!r} is {talk.status}")
            talk.leave()

    async def failing(self):
        """Engines that fail, and workers that end, under a request."""
        await self.expect((500, 502, 503), "/v1/chat/completions", self.chat(FAILING, "a prompt that fails"))
        await self.expect((500, 502, 503), "/v1/chat/completions", self.chat(DEADLY, "a prompt that kills"))

    async def leave(self, model, what):
        """A stream whose client goes away."""
        talk = Talk(self.place.frontend.http)
        self.count += 1
        await talk.ask("/v1/chat/completions", self.chat(model, what, stream=True, max_tokens=200, ignore_eos=True), self.place.key)
        async for _ in talk.events():
            break
        return talk


def seen(captures):
    """Problems: what is documented to be seen is not, so that what was captured is not what was meant."""
    due = {"log of frontend": REQUEST_ID, "traces": REQUEST_ID, "/metrics of frontend": BYTES, "/debug/state of frontend": TENANT, "/proc of frontend": "--tenants-file"}
    return [f"{source} does not show {text!r}, which it should" for source, text in due.items() if text.encode() not in bytes(captures.data.get(source, b""))]
