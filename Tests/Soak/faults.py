"""What happens to the processes while they are asked: one fault after another, in turn."""

import asyncio
import signal

# (who, how): killed, told to end, or frozen. `half` is prefill in one half of a run and decode in the other, so that each has half a run of peace.
TURNS = [
    ("worker-2", "kill"), ("frontend-2", "term"), ("router-2", "kill"), ("half", "term"),
    ("worker-2", "freeze"), ("worker-2", "term"), ("frontend-2", "kill"), ("router-2", "term"), ("half", "kill"),
]  # fmt: skip
# Down for so long, as a supervisor's restart takes.
DOWN_SECONDS = 1
FROZEN_SECONDS = 4


class Faults:
    def __init__(self, cluster, users, half):
        self.cluster, self.users, self.half, self.number, self.count, self.problems = cluster, users, half, 0, 0, []

    async def next(self):
        name, how = TURNS[self.number % len(TURNS)]
        self.number, self.count = self.number + 1, self.count + 1
        member = self.cluster[self.half() if name == "half" else name]
        if how == "freeze":
            member.tell(signal.SIGSTOP)
            await asyncio.sleep(FROZEN_SECONDS)
            member.tell(signal.SIGCONT)
            return f"{member.name} frozen"
        if not member.runs:
            self.problems.append(f"{member.name} ended by itself with {member.process.returncode}: {member.last_words()}")
        if member.program == "frontend":
            self.users.ending(member, how)
        code = await member.end(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        if how == "term" and code != 0:
            self.problems.append(f"{member.name} was told to end, and ended with {code}: {member.last_words()}")
        await asyncio.sleep(DOWN_SECONDS)
        await member.start()
        if member.program == "frontend":
            self.users.back(member)
        return f"{member.name} {'killed' if how == 'kill' else 'told to end'}, and started again"
