"""The small cluster that the kit is checked with, for checks that run no loop."""

import asyncio

from members import until_ready
from processes import Failed
from talk import ask


async def start(cluster):
    """A router, a prefill and a decode worker, and a frontend."""
    router = await cluster.add_router("router")
    for role in ("prefill", "decode"):
        await cluster.add_worker(f"worker-{role}", router.address, "--role", role)
    await until_ready(await cluster.add_frontend("frontend", router.address))


def becomes_ready(cluster, what, report):
    problem = ""
    try:
        asyncio.run(start(cluster))
    except Failed as failure:
        problem = str(failure)
    return report.expect(not problem, what, problem)


def chat(cluster, text, tokens=16):
    """Status, and the whole answer."""
    body = {"model": "apus-mock", "max_tokens": tokens, "ignore_eos": True, "messages": [{"role": "user", "content": text}]}
    return ask(cluster["frontend"].http, "/v1/chat/completions", body)
