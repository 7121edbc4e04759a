"""Clients of a living cluster that keep count: one request a connection, each ends as an answer, a refusal, an error, or is lost."""

import asyncio
import json
import re
import time

PATIENCE = 90


class Reply:
    """What became of one request."""

    def __init__(self, at):
        self.at, self.status, self.first, self.took, self.tokens, self.retry, self.code, self.kind = at, 0, None, 0.0, 0, None, None, "lost"

    @property
    def refused(self):
        return self.status in (429, 503)


def body(model, prompt, tokens):
    return json.dumps({
        "model": model, "max_tokens": tokens, "stream": True, "ignore_eos": True, "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": prompt}],
    }).encode()  # fmt: skip


async def ask(cluster, prompt, tokens, pin=None, patience=PATIENCE):
    """Sends one request and follows it to its end. Never raises: a broken or endless answer is a lost one, and a wrong one says so."""
    reply = Reply(time.monotonic())
    try:
        await asyncio.wait_for(follow(cluster, prompt, tokens, pin, reply), patience)
    except (asyncio.TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as failure:
        reply.kind = "hung" if isinstance(failure, asyncio.TimeoutError) else "lost"
    reply.took = time.monotonic() - reply.at
    return reply


async def follow(cluster, prompt, tokens, pin, reply):
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.frontend.http, limit=1 << 20)
    try:
        payload = body(cluster.model, prompt, tokens)
        if pin is not None:
            payload = payload[:-1] + b', "nvext": {"backend_instance_id": %d}}' % pin
        writer.write(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: overload\r\nconnection: close\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(payload) + payload)
        head = await reader.readuntil(b"\r\n\r\n")
        reply.status = int(head.split(b" ", 2)[1])
        found = re.search(rb"\r\nretry-after: *(\d+)\r\n", head.lower())
        reply.retry = int(found[1]) if found else None
        if reply.status != 200:
            error = json.loads(await reader.read()).get("error", {})
            reply.code, reply.kind = error.get("code"), "error" if error.get("message") else "wrong"
            return
        finish = None
        async for line in reader:
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                reply.kind = "complete" if finish == "length" and reply.tokens == tokens else "wrong"
                return
            chunk = json.loads(data)
            if "error" in chunk:
                reply.code, reply.kind = chunk["error"].get("code"), "error"
                continue
            for choice in chunk.get("choices", []):
                if choice.get("delta", {}).get("content") and reply.first is None:
                    reply.first = time.monotonic() - reply.at
                finish = choice.get("finish_reason") or finish
            reply.tokens = (chunk.get("usage") or {}).get("completion_tokens", reply.tokens)
        if reply.kind != "error":
            reply.kind = "lost"
    finally:
        writer.close()


async def insist(cluster, prompt, tokens, again):
    """A client that asks again at once; every exchange."""
    replies = [await ask(cluster, prompt, tokens)]
    while replies[-1].kind != "complete" and len(replies) <= again:
        replies.append(await ask(cluster, prompt, tokens))
    return replies


async def arrive(moments, start):
    """Starts something at each moment, whatever became of those before, and gives what came of all."""
    began, tasks = time.monotonic(), []
    for number, moment in enumerate(moments):
        await asyncio.sleep(max(0.0, began + moment - time.monotonic()))
        tasks.append(asyncio.create_task(start(number)))
    return await asyncio.gather(*tasks)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def judge(report, case, replies):
    """What fails a run whatever its times are: an answer that is lost, wrong or without an end, and a refusal that does not say when to come back."""
    counts = {kind: sum(r.kind == kind for r in replies) for kind in ("complete", "error", "lost", "hung", "wrong")}
    report.figure(case, "requests; complete", f"{len(replies)}; {counts['complete']}")
    bad = counts["lost"] + counts["hung"] + counts["wrong"]
    report.figure(case, "lost, hung or wrong", bad, "0", bad == 0)
    refused = [r for r in replies if r.refused]
    unadvised = sum(not 1 <= (r.retry or 0) <= 120 for r in refused)
    report.figure(case, "refused without a Retry-After of 1 to 120 s", unadvised, f"0 of {len(refused)}", unadvised == 0)
    return refused
