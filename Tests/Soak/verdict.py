"""What a run comes to: a table, and whether it holds."""

from place import SHAKEN
from samples import MEBIBYTE, slope

# The mark: what a process may grow by after the warm-up, in MiB an hour.
MOST_GROWTH = 1.0
# A slope is told from the mark by so many standard errors.
ERRORS = 2
# New outcomes bring new series, of a bounded set: so many more than at the end of the warm-up are no leak, whichever is more.
SERIES_SHARE, MORE_SERIES = 1.10, 20
# A thread of a pool that was not needed before; a link that one process had not yet needed to another.
MORE_THREADS, MORE_DESCRIPTORS = 2, 2
# Growth is judged where what is bounded was full: behind a burst, and over so much time.
LEAST_JUDGED = 600
# Of a process whose slope says nothing yet.
TOO_SHORT, STILL_FILLS = "too short to tell", "its past fills"


def proof():
    """Complaints where a slope is not told that is there, or is where none is: half an hour of samples that shake by a mebibyte."""
    shaken = lambda per_hour: [(5.0 * at, (20 + per_hour * at / 720 + (at * 7919 % 13 - 6) / 12) * MEBIBYTE) for at in range(360)]
    flat, steep = slope(shaken(0)), slope(shaken(4))
    problems = [] if abs(flat.per_hour) < ERRORS * flat.error + 0.1 else [f"a slope of {flat.per_hour:.2f} is told where none is"]
    return problems + ([] if steep.per_hour - ERRORS * steep.error > MOST_GROWTH else [f"a slope of 4 MiB/h is not told: {steep.per_hour:.2f} ± {steep.error:.2f}"])


class Verdict:
    def __init__(self, warm_up, samples, before, after, tally, held, problems):
        self.rows, self.failures = [], proof()
        for name in sorted(before):
            self.process(name, warm_up, samples, before[name], after.get(name))
        for what in ("lost", "hung", "wrong"):
            self.expect(tally.counts[what] == 0, f"{tally.counts[what]} requests {what}")
        self.expect(tally.counts["answered"] > 0, "nothing was answered")
        self.failures += [f"at rest {line}" for line in held] + problems

    def expect(self, holds, complaint):
        if not holds:
            self.failures.append(complaint)

    def process(self, name, warm_up, samples, before, after):
        if after is None:
            self.failures.append(f"{name} does not run at the end")
            return
        lives = samples.of(name)
        longest = max(lives, key=lambda life: len(life.resident))
        # A process that was started again warms up again.
        begin = max(warm_up, longest.resident[0][0] + (warm_up if longest.number > 1 else 0))
        found = slope([point for point in longest.resident if point[0] >= begin])
        judged = name not in SHAKEN
        row = {
            "process": name, "lives": len(lives), "resident_mib": longest.resident[-1][1] / MEBIBYTE,
            "slope": found and found.per_hour, "error": found and found.error, "minutes": found and (found.last - found.first) / 60,
            "before": before, "after": after, "verdict": self.growth(name, found, before, after) if judged else "is restarted",
        }  # fmt: skip
        self.rows.append(row)
        self.expect(after["descriptors"] <= before["descriptors"] + MORE_DESCRIPTORS, f"{name} has {after['descriptors']} descriptors at rest, and had {before['descriptors']}")
        self.expect(after["threads"] <= before["threads"] + MORE_THREADS, f"{name} has {after['threads']} threads, and had {before['threads']}")
        self.expect(after["series"] <= max(before["series"] * SERIES_SHARE, before["series"] + MORE_SERIES), f"{name} has {after['series']} series of metrics, and had {before['series']}")

    def growth(self, name, found, before, after):
        if found is None or found.last - found.first < LEAST_JUDGED:
            return TOO_SHORT
        # What is bounded has to be full before growth is a leak's.
        if after["ring"] > before["ring"]:
            return STILL_FILLS
        if found.per_hour - ERRORS * found.error > MOST_GROWTH:
            self.failures.append(f"{name} grows by {found.per_hour:.2f} ± {found.error:.2f} MiB/h")
            return "GROWS"
        return "flat" if found.per_hour + ERRORS * found.error < MOST_GROWTH else TOO_SHORT

    def show(self, tally, seconds, faults):
        print(f"\n{'process':<12} {'lives':>5} {'RSS MiB':>8} {'MiB/h':>8} {'±':>6} {'over min':>8}  {'descriptors':>11} {'threads':>8} {'series':>11}  verdict")
        for row in self.rows:
            growth = "       -      -        -" if row["slope"] is None else f"{row['slope']:8.2f} {row['error']:6.2f} {row['minutes']:8.1f}"
            change = {key: f"{row['before'][key]}→{row['after'][key]}" for key in ("descriptors", "threads", "series")}
            print(f"{row['process']:<12} {row['lives']:>5} {row['resident_mib']:8.1f} {growth}  {change['descriptors']:>11} {change['threads']:>8} {change['series']:>11}  {row['verdict']}")
        print(f"\n{seconds / 60:.1f} minutes, {faults} faults; " + ", ".join(f"{count} {what}" for what, count in sorted(tally.counts.items())))
        for line in tally.failures + self.failures:
            print(f"  {line}")
        untold = [row["process"] for row in self.rows if row["verdict"] in (TOO_SHORT, STILL_FILLS)]
        if untold:
            print(f"  too short a run to tell a slope of {MOST_GROWTH} MiB/h from none: {', '.join(untold)}")
        print(f"soak: {'failed' if self.failures else 'nothing lost, wrong, hung or held' + ('' if untold else '; nothing grows')}")


