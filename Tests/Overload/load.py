"""More than a cluster can do: steadily, and in bursts."""

import random

from clients import arrive, ask, judge, quantile
from talk import metric

TOKEN_SECONDS = 0.0005
WORKERS = 2
LOADS = [0.5, 1, 2, 5, 10, 0.5]
PATIENCE = 2


def prompt(number, length):
    return (f"{number} " + "".join(random.Random(number).choices("abcdefghijklmnopqrstuvwxyz     ", k=length)))[:length]


async def steady(cluster, report, scale):
    """Half, one, two, five and ten times what the workers can do, then half of it again."""
    draws, number = random.Random(7), 0
    usual = await ask(cluster, prompt(0, 170), 2)
    # The template adds some; the mock's tokens are about a character each.
    tokens = await prompt_tokens(cluster)
    capacity, span = WORKERS / (tokens * TOKEN_SECONDS), 60 / scale
    report.figure("steady", "requests a second that the workers can do", f"{capacity:.1f}", None, usual.kind == "complete" or None)
    rates, everything = [], []
    for load in LOADS:
        moments, at = [], 0.0
        while (at := at + draws.uniform(0, 2 / (load * capacity))) < span:
            moments.append(at)
        base, number = number, number + len(moments)
        replies = await arrive(moments, lambda index, base=base: ask(cluster, prompt(base + index, 170), 2))
        everything += replies
        began = replies[0].at - moments[0]
        good = [r for r in replies if r.kind == "complete" and r.first <= 2 * PATIENCE and began + 1 <= r.at + r.took < began + span]
        rates.append((load, len(good) / (span - 1)))
        refused = [r for r in replies if r.refused]
        report.figure(
            "steady", f"{load}x: answered a second; p99 to first token; refused; p99 until refused",
            f"{rates[-1][1]:.1f}; {quantile([r.first for r in replies if r.first], 0.99) * 1000:.0f} ms; {len(refused)} of {len(replies)}; "
            f"{quantile([r.took for r in refused], 0.99) * 1000:.1f} ms")  # fmt: skip
    peak, highest = max(rate for _, rate in rates), next(rate for load, rate in rates if load == 10)
    report.figure("steady", "answered at 10x, of the best rate (95 % in virtual time)", f"{100 * highest / peak:.1f} %")
    judge(report, "steady", everything)


async def prompt_tokens(cluster):
    before = await worker_sum(cluster, "apus_worker_prefill_tokens_total")
    for number in range(4):
        await ask(cluster, prompt(900_000 + number, 170), 2)
    return (await worker_sum(cluster, "apus_worker_prefill_tokens_total") - before) / 4


async def worker_sum(cluster, name):
    return sum([await metric(worker, name) for worker in cluster.workers])


def burst_moments(seconds, draws):
    """The shape of Azure's trace of code completions, ten times as fast: 67 in one of its seconds, and 2.57 a second in the mean."""
    moments = []
    for minute in range(max(1, int(seconds / 6))):
        start = minute * 6.0
        at = start + draws.uniform(0, 5.9)
        moments += [at + draws.uniform(0, 0.1) for _ in range(67)] + [start + draws.uniform(0, 6) for _ in range(int(2.57 * 60) - 67)]
    return sorted(moments)


def lengths(draws):
    """Prompts of a tenth of the trace's length, answers as they are there."""
    place = draws.random()
    if place < 0.5:
        return draws.randint(30, 147), draws.randint(2, 13)
    return (draws.randint(147, 519), draws.randint(13, 55)) if place < 0.9 else (draws.randint(519, 743), draws.randint(55, 252))


async def bursts(cluster, report, scale):
    """Bursts of 67 requests in a tenth of a second: a queue with room refuses none of them."""
    draws = random.Random(11)
    sizes = [lengths(draws) for _ in range(20_000)]
    replies = await arrive(
        burst_moments(60 / min(scale, 5), draws), lambda index: ask(cluster, prompt(index, sizes[index][0]), sizes[index][1]))
    refused = judge(report, "bursts", replies)
    report.figure("bursts", "refused though there is room", len(refused), "0", not refused)
    report.figure("bursts", "p50 and p99 to the first token",
                  " and ".join(f"{quantile([r.first for r in replies if r.first], q) * 1000:.0f} ms" for q in (0.5, 0.99)))  # fmt: skip


STEADY_WORKERS = ["--mock-prefill-token", "500us", "--mock-decode-step", "1ms", "--max-batched-tokens", "128", "--max-sequences", "64"]
BURST_WORKERS = ["--mock-prefill-token", "100us", "--mock-decode-step", "1ms", "--max-batched-tokens", "1024"]
CASES = {
    "steady": (steady, WORKERS, STEADY_WORKERS, ["--queue-limit", f"{PATIENCE}s"], []),
    "bursts": (bursts, WORKERS, BURST_WORKERS, [], []),
}
