"""Users of the cluster: each asks, reads, thinks, and asks again. Some leave early, some are broken, some have no key."""

import asyncio
import json
import socket
import struct
import time
from collections import Counter

from place import WHOLE
from talk import Cut, Hung, Talk, once, request
from traffic import SHARES, Asking, Wrong, expect, prose

# Of all requests.
LEAVE_SHARE, BROKEN_SHARE, TURNED_AWAY_SHARE, SESSION_SHARE = 0.05, 0.01, 0.02, 0.15
# A client asks again where its frontend died under its request, and where it was told to come again: then it was not lost.
TRIES = 6
# So long after a frontend serves again clients may still hold connections to its former life.
DEATH_SECONDS = 3
# Requests on one connection; then the client takes another.
KEPT_REQUESTS = 20
TURNS = 5


class Tally:
    """What became of all requests."""

    def __init__(self):
        self.counts, self.failures = Counter(), []

    def failed(self, what, problem):
        self.counts[what] += 1
        if len(self.failures) < 50:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {what}: {problem}")


class Users:
    def __init__(self, cluster, keys, memory, rate, random):
        self.cluster, self.keys, self.memory, self.random = cluster, keys, memory, random
        self.tally, self.resting, self.is_over, self.busy, self.ends = Tally(), asyncio.Event(), False, 0, {}
        self.resting.set()
        # Each asks once in about two seconds, answers among it.
        self.count, self.think = max(2, round(rate * 2)), 1.4

    def ending(self, frontend, how):
        """From now on it may cut: whatever is under way if it is killed, and what it has not yet begun to answer if it is told to end."""
        self.ends[frontend.name] = (how, float("inf"))

    def back(self, frontend):
        self.ends[frontend.name] = (self.ends[frontend.name][0], time.monotonic())

    def may_cut(self, frontend, is_answered):
        how, back = self.ends.get(frontend.name, ("", -float("inf")))
        return time.monotonic() < back + DEATH_SECONDS and (how == "kill" or not is_answered)

    async def pause(self):
        """Lets what is asked be answered; nothing is asked until `go`."""
        self.resting.clear()
        while self.busy:
            await asyncio.sleep(0.05)

    def go(self):
        self.resting.set()

    async def run(self):
        await asyncio.gather(*(User(self, type(self.random)(self.random.random())).live() for _ in range(self.count)))

    def end(self):
        self.is_over = True
        self.resting.set()


class User:
    def __init__(self, users, random):
        self.users, self.random, self.tally, self.talk, self.asked = users, random, users.tally, None, 0
        self.asking = Asking(random, users.memory)
        self.key = users.keys[random.choice(["ample", "other"])]
        self.conversation, self.session = [], None

    async def live(self):
        await asyncio.sleep(self.random.random() * 2)
        while not self.users.is_over:
            await asyncio.sleep(self.random.expovariate(1 / self.users.think))
            if not self.users.resting.is_set():
                self.drop()
                await self.users.resting.wait()
                continue
            self.users.busy += 1
            try:
                await self.one()
            finally:
                self.users.busy -= 1
        self.drop()

    def drop(self):
        if self.talk is not None:
            self.talk.leave()
            self.talk = None

    async def one(self):
        self.tally.counts["asked"] += 1
        chance = self.random.random()
        if chance < BROKEN_SHARE:
            self.tally.counts["broken clients"] += 1
            await self.broken()
        elif chance < BROKEN_SHARE + TURNED_AWAY_SHARE:
            await self.turned_away()
        elif chance < BROKEN_SHARE + TURNED_AWAY_SHARE + SESSION_SHARE:
            await self.answered(self.turn())
        else:
            kind = self.random.choices(list(SHARES), SHARES.values())[0]
            await self.answered(getattr(self.asking, kind)(), leaves=self.random.random() < LEAVE_SHARE)

    def turn(self):
        """The next turn of a conversation, in a session that its last turn closes."""
        if self.session is None:
            self.session, self.conversation = f"soak-{self.random.getrandbits(64):x}", []
        # Some parts of a conversation do not fail alone: a turn is told whole again when it is tried again.
        messages = [*self.conversation, {"role": "user", "content": prose(self.random, 200)}]
        is_last = len(messages) > 2 * TURNS
        body = {"model": WHOLE, "max_tokens": 40, "ignore_eos": True, "seed": 7, "messages": messages}
        if is_last:
            body["nvext"] = {"session_control": {"session_id": self.session, "action": "close"}}
            headers = []
        else:
            headers = [("x-session-id", self.session)]
        self.conversation = [] if is_last else messages
        session = self.session
        if is_last:
            self.session = None

        async def judge(talk, body):
            answer = json.loads(await talk.body())
            self.asking.counted(body, answer["choices"][0]["message"]["content"], answer["choices"][0]["finish_reason"], answer["usage"])
            if self.session == session:
                self.conversation = [*messages, {"role": "assistant", "content": answer["choices"][0]["message"]["content"]}]

        return "/v1/chat/completions", body, judge, headers

    async def answered(self, asked, leaves=False):
        """One request until it is answered, by as many tries as a client of OpenAI's library would take after its frontend died."""
        path, body, judge, *more = asked
        headers = more[0] if more else []
        # The one that dies often, the one that stays, and then back.
        frontends = self.users.cluster.of("frontend")
        self.random.shuffle(frontends)
        for attempt in range(TRIES):
            frontend = frontends[attempt % len(frontends)]
            is_answered = False
            try:
                talk = await self.connection(frontend)
                status = await talk.ask(path, body, self.key, headers)
                is_answered = True
                if status in (429, 503, 529) and "retry-after" in talk.headers:
                    why = json.loads(await talk.body()).get("error", {})
                    self.tally.counts[f"told to come again ({status} {why.get('code') or why.get('type')})"] += 1
                    await asyncio.sleep(min(int(talk.headers["retry-after"]), 5))
                    continue
                if status != 200:
                    raise Wrong(f"{path} is {status}: {(await talk.body())[:300]!r}")
                if leaves:
                    await self.leave(talk)
                    return
                await judge(talk, body)
                self.tally.counts["answered"] += 1
                self.asked += 1
                if self.asked % KEPT_REQUESTS == 0 or not talk.is_open:
                    self.drop()
                return
            except Cut as problem:
                self.drop()
                if not self.users.may_cut(frontend, is_answered):
                    self.tally.failed("lost", f"{path} at {frontend.name}: {problem}")
                    return
                self.tally.counts["asked again, since a frontend ended"] += 1
            except Hung as problem:
                self.drop()
                self.tally.failed("hung", f"{path} at {frontend.name}: {problem}")
                return
            except (Wrong, ValueError, KeyError) as problem:
                self.drop()
                self.tally.failed("wrong", f"{path} at {frontend.name}: {problem!r}")
                return
        self.tally.failed("lost", f"{path}: turned away {TRIES} times")

    async def connection(self, frontend):
        if self.talk is None or self.talk.port != frontend.http or self.talk.is_over():
            self.drop()
            self.talk = await Talk(frontend.http).open()
        return self.talk

    async def leave(self, talk):
        """Reads for a moment, and is gone."""
        try:
            async with asyncio.timeout(self.random.random() * 0.5):
                async for _ in talk.pieces():
                    pass
        except (TimeoutError, Cut):
            pass
        self.tally.counts["left early"] += 1
        self.drop()

    async def turned_away(self):
        """What has to be refused is refused, each for its reason."""
        frontend, text = self.users.cluster["frontend-1"], self.asking.question()[0]
        good = self.asking.chat(WHOLE, text, 8)
        cases = [
            (401, good, "no-such-key"), (404, {**good, "model": "nobody"}, self.key), (400, b'{"model": ', self.key),
            (400, {**good, "messages": []}, self.key), (None, good, self.users.keys["scarce"]),
        ]  # fmt: skip
        wanted, body, key = self.random.choice(cases)
        try:
            status, _ = await once(frontend.http, "/v1/chat/completions", body, key)
            expect(status == wanted or wanted is None and status in (200, 429), f"{status} where {wanted} is due")
            self.tally.counts["turned away as due" if status != 200 else "answered"] += 1
        except (Wrong, Cut, Hung) as problem:
            self.tally.failed("wrong", f"a request to be refused: {problem!r}")

    async def broken(self):
        """A client that does what none should; what becomes of it is judged by what the cluster holds in the end."""
        frontend = self.random.choice(self.users.cluster.of("frontend"))
        good = request("/v1/chat/completions", self.asking.streamed(self.asking.chat(WHOLE, self.asking.question()[0], 200)), self.key)
        talk = Talk(frontend.http)
        try:
            await talk.open()
            match self.random.randrange(5):
                case 0:  # half of a head
                    await talk.send(good[: self.random.randrange(1, 60)])
                case 1:  # half of a body
                    await talk.send(good[: -self.random.randrange(1, 60)])
                case 2:  # no HTTP at all
                    await talk.send(self.random.randbytes(500))
                case 3:  # a body over the limit, which is still being sent when it is refused
                    await talk.send(b"POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n" + b"x" * 65536)
                case 4:  # a stream that is read by the byte, and reset
                    await talk.send(good)
                    for _ in range(20):
                        await asyncio.wait_for(talk.reader.read(1), 5)
                    kept = talk.writer.get_extra_info("socket")
                    kept.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await asyncio.sleep(self.random.random())
        except (Cut, Hung, OSError, asyncio.TimeoutError):
            pass
        finally:
            talk.leave()
