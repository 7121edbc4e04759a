"""Cases of what the RFCs demand, and of requests that hide in others, by the tables of Fixtures/http."""

import asyncio
import itertools
import json
import socket
from pathlib import Path

from raw import CONTINUE, GOOD, QUIET, Answers, Talk, fixture_bytes, gathered

ROOT = Path(__file__).resolve().parent.parent.parent
# Tables that Tests/HTTPServingTests/Conformance runs in virtual time; its ConformanceCase says what the members mean.
FIXTURES = ROOT / "Tests/Fixtures/http"


async def conforms(port, case, delivery):
    """What is wrong with the answers to a case; None if nothing is."""
    before, send, then = int(delivery == "behind"), fixture_bytes(case["send"]), fixture_bytes(case.get("then"))
    is_cut, finishes, kept = delivery == "cut", case.get("finish", False), case["kept"]
    expected = [[200]] * before + [a if isinstance(a, list) else [a] for a in case["answers"]] + [[200]] * kept
    heads = [before + len(case["answers"]) - 1] if case.get("head") else []
    async with Talk(port) as talk:
        # With what follows in one piece: a connection that ends has it in its kernel by then.
        at_once = not is_cut and not then and not finishes
        await talk.send(GOOD * before + send + GOOD * at_once, is_cut)
        if then:
            await talk.until(lambda data: CONTINUE in data)
            await talk.send(then, is_cut)
        if finishes:
            talk.sock.shutdown(socket.SHUT_WR)
        elif kept and not at_once:
            await talk.send(GOOD)
        await talk.until(lambda data: kept and len(Answers(data, heads).statuses) >= len(expected))
        if kept:
            await asyncio.sleep(QUIET)
        answers = Answers(talk.data, heads)
        if len(answers.statuses) != len(expected) or any(s not in e for s, e in zip(answers.statuses, expected)):
            return f"{answers.statuses} instead of {expected}"
        if answers.rest:
            return f"more than answers: {answers.rest[:80]}"
        if talk.ended == kept:
            return "the connection ended" if kept else "the connection stayed"
        if (case.get("interim") == "must" and answers.interims != 1) or (case.get("interim") == "never" and answers.interims):
            return f"{answers.interims} answers of 100"
        return wrong_fields(case, answers, before + len(case["answers"]) - 1) if case["answers"] else None


def wrong_fields(case, answers, place):
    status, fields = answers.statuses[place], answers.fields[place]
    for name, value in case.get("has", {}).items():
        if name not in fields or value not in (None, fields[name]):
            return f"{name} is {fields.get(name)}"
    present = [name for name in case.get("lacks", []) if name in fields]
    if present or "date" not in fields:
        return f"fields {present or 'without a date'}"
    if status >= 400 and not case.get("head") and "message" not in json.loads(answers.bodies[place]).get("error", {}):
        return f"no error in {answers.bodies[place][:80]}"
    return None


async def conformance(cluster, report, scale):
    cases = json.loads((FIXTURES / "conformance.json").read_text())
    tried = list(itertools.product(cases, ("whole", "cut", "behind")))
    wrong = await gathered(conforms(cluster.frontend.http, case, delivery) for case, delivery in tried)
    for (case, delivery), what in zip(tried, wrong):
        if what:
            print(f"    {case['rfc']}: {case['name']}, {delivery}: {what}")
    held = wrong.count(None)
    report.figure("conformance", "requirements, each sent in three ways", f"{len(cases)}", "at least 113", len(cases) >= 113)
    report.figure("conformance", "answers as demanded", f"{held} of {len(tried)}", "all", held == len(tried))


async def smuggled(port, pair, is_cut):
    """How many requests too many were answered, and whether the pair was answered as it has to be."""
    async with Talk(port) as talk:
        await talk.send(fixture_bytes(pair["send"]) + GOOD, is_cut)
        wanted = 1 if "status" in pair else 2
        await talk.until(lambda data: "status" not in pair and len(Answers(data).statuses) >= 2)
        if "status" not in pair:
            await asyncio.sleep(QUIET)
        answers = Answers(talk.data)
        is_right = answers.statuses == [pair["status"]] and talk.ended if "status" in pair else len(answers.statuses) == 2 and not talk.ended
        return max(0, len(answers.statuses) - wanted), is_right and not answers.rest


async def smuggling(cluster, report, scale):
    pairs = json.loads((FIXTURES / "smuggling.json").read_text())
    tried = list(itertools.product(pairs, (False, True)))
    results = await gathered(smuggled(cluster.frontend.http, pair, is_cut) for pair, is_cut in tried)
    for (pair, is_cut), (excess, is_right) in zip(tried, results):
        if excess or not is_right:
            print(f"    {pair['kind']}: {pair['name']}{', byte by byte' if is_cut else ''}: {excess} too many")
    refused, right = sum("status" in pair for pair in pairs), sum(is_right for _, is_right in results)
    second = sum(excess for excess, _ in results)
    report.figure("smuggling", "pairs with two readings", f"{refused}", "at least 60", refused >= 60)
    report.figure("smuggling", "hidden or following requests answered", f"{second}", "none", second == 0)
    report.figure("smuggling", "answered once, as they have to be", f"{right} of {len(tried)}", "all", right == len(tried))


CASES = {"conformance": conformance, "smuggling": smuggling}
