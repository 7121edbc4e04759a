"""The functions that have the largest shares of a process for themselves, as text."""

from collections import Counter

from drawing import percent
from names import Kind

ROWS = 25


def shares(root):
    """Of each function: samples in which it worked itself, and those in which it was active at all, once each however often it is in them."""
    own, total = Counter(), Counter()
    for node, above in root.walk():
        if node.frame.kind is Kind.GROUP and not node.own:
            continue
        own[node.frame] += node.own
        if node.frame not in above:
            total[node.frame] += node.total
    return own, total


def table(root, about):
    own, total = shares(root)
    rows = sorted(((count, frame) for frame, count in own.items() if count), key=lambda row: (-row[0], row[1].name, row[1].kind.name))
    lines = [f"{root.frame.name}: {about}", f"{'self':>7}  {'with what it calls':>18}  {'code of':<34}  function"]
    for count, frame in rows[:ROWS]:
        lines.append(
            f"{percent(count, root.total):>7}  {percent(total[frame], root.total):>18}  {frame.kind.value:<34}  {frame.name[:120]}")
    rest = root.total - sum(count for count, _ in rows[:ROWS])
    lines.append(f"{percent(rest, root.total):>7}  {'':>18}  {'':<34}  {max(0, len(rows) - ROWS)} others")
    return "\n".join(lines) + "\n"
