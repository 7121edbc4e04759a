"""What processes take of the machine over time, and how fast that grows."""

import math
import os
import time
from dataclasses import dataclass, field

from talk import once

MEBIBYTE = 1 << 20
# A slope of fewer samples says nothing.
LEAST_SAMPLES = 40


@dataclass
class Life:
    """One life of a process: what it had at which second of the run."""

    name: str
    number: int
    resident: list = field(default_factory=list)


class Samples:
    def __init__(self, cluster):
        self.cluster, self.began, self.lives = cluster, time.monotonic(), {}

    @property
    def now(self):
        return time.monotonic() - self.began

    def take(self):
        for member in self.cluster.members:
            if not member.runs:
                continue
            life = self.lives.setdefault((member.name, member.lives), Life(member.name, member.lives))
            try:
                life.resident.append((self.now, member.resident()))
            except (OSError, IndexError):
                continue  # it has just ended

    def of(self, name):
        return [life for life in self.lives.values() if life.name == name]


async def standing(member):
    """What a process has at rest: descriptors, threads, series of metrics, and bytes of its stream's past."""
    status, text = await once(member.admin, "/metrics")
    rings = [int(line.rsplit(b" ", 1)[1]) for line in text.splitlines() if b"_stream_ring_bytes " in line and not line.startswith(b"#")]
    series = sum(1 for line in text.splitlines() if line and not line.startswith(b"#")) if status == 200 else -1
    # The exchange's own connection is over when its answer was read, but perhaps not yet closed.
    return {
        "descriptors": len(os.listdir(f"/proc/{member.pid}/fd")), "threads": len(os.listdir(f"/proc/{member.pid}/task")), "series": series,
        "ring": sum(rings),
    }  # fmt: skip


@dataclass
class Slope:
    """MiB an hour by least squares. Samples near one another are alike, so the error is that of fewer, independent ones."""

    per_hour: float
    error: float
    samples: int
    first: float
    last: float


def slope(points):
    """Of (seconds, bytes); None where there are too few."""
    if len(points) < LEAST_SAMPLES:
        return None
    count = len(points)
    hours, sizes = [at / 3600 for at, _ in points], [size / MEBIBYTE for _, size in points]
    mean_hour, mean_size = sum(hours) / count, sum(sizes) / count
    spread = sum((hour - mean_hour) ** 2 for hour in hours)
    per_hour = sum((hour - mean_hour) * (size - mean_size) for hour, size in zip(hours, sizes)) / spread
    left = [size - mean_size - per_hour * (hour - mean_hour) for hour, size in zip(hours, sizes)]
    squares = sum(each**2 for each in left)
    alike = sum(a * b for a, b in zip(left, left[1:])) / squares if squares > 0 else 0
    independent = max(3.0, count * (1 - alike) / (1 + alike)) if 0 < alike < 1 else count
    error = math.sqrt(squares / (count - 2) / spread) * math.sqrt(count / independent)
    return Slope(per_hour, error, count, points[0][0], points[-1][0])
