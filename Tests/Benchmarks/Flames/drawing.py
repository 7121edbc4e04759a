"""A flame graph: one SVG that needs no script, for light and dark pages."""

import re
from html import escape

from folding import Node
from names import Frame, Kind

# What has less of the whole is merged with its like beside it: it could not be read, and there is very much of it.
LEAST_SHARE = 0.003

WIDTH, MARGIN, ROW = 1200, 8, 17
HEAD = 54
FONT_SIZE, LETTER_WIDTH, TEXT_INSET = 11, 6.63, 3
# A shorter word says nothing.
LEAST_LETTERS = 4
TITLE_LETTERS = 160
ARGUMENT_LABELS = re.compile(r"\((?:\w+:)*\)")

# Fill on light and on dark pages.
COLOURS = {
    Kind.OURS: ("#ffb870", "#8a4b12"),
    Kind.SWIFT: ("#f5a3a3", "#84303a"),
    Kind.LIBRARY: ("#a9d99b", "#2f6130"),
    Kind.KERNEL: ("#a8c8f0", "#2b4f7e"),
    Kind.GROUP: ("#d9dce0", "#454b54"),
}
PAGE, INK, FAINT = ("#ffffff", "#0d1117"), ("#1b1f24", "#e6edf3"), ("#57606a", "#9aa4af")


def style():
    def rules(theme):
        fills = "".join(f".{kind.name.lower()} rect{{fill:{colours[theme]}}}" for kind, colours in COLOURS.items())
        return f".page{{fill:{PAGE[theme]}}}rect{{stroke:{PAGE[theme]}}}text{{fill:{INK[theme]}}}.faint{{fill:{FAINT[theme]}}}{fills}"

    return (
        f"text{{font:{FONT_SIZE}px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}}.head{{font-size:15px;font-weight:bold}}"
        f"rect{{stroke-width:.6}}{rules(0)}@media(prefers-color-scheme:dark){{{rules(1)}}}"
    )


# MARK: What is shown


def shown(node, least):
    """The children that are drawn, the largest first; those with fewer samples than `least` as one, if they are that many together."""
    large = [child for child in node.children.values() if child.total >= least]
    small = [child for child in node.children.values() if child.total < least]
    together = sum(child.total for child in small)
    large.sort(key=lambda child: (-child.total, child.frame.name, child.frame.kind.name))
    if small and together >= least:
        merged = Node(Frame(f"{len(small)} smaller", Kind.GROUP))
        merged.total = together
        large.append(merged)
    return large


def placed(node, least, start=0, level=0):
    """Of each node that is drawn: its first sample from the left, and its level from the ground."""
    yield node, start, level
    for child in shown(node, least):
        yield from placed(child, least, start, level + 1)
        start += child.total


# MARK: Words


def percent(part, whole):
    return f"{100 * part / whole:.1f} %" if whole else "0 %"


def label(name, share, width):
    """What fits: the name with its share, the same without the labels of its arguments, that without its share, its begin, nothing."""
    letters = int((width - 2 * TEXT_INSET) / LETTER_WIDTH)
    bare = ARGUMENT_LABELS.sub("", name)
    for words in (f"{name} {share}", f"{bare} {share}", bare):
        if len(words) <= letters:
            return words
    return bare[: letters - 1] + "…" if letters >= LEAST_LETTERS else ""


def title(node, root):
    name = node.frame.name
    name = name if len(name) <= TITLE_LETTERS else name[: TITLE_LETTERS - 1] + "…"
    words = f"{name}: {percent(node.total, root.total)}, {node.total} samples"
    return words + (f"; {percent(node.own, root.total)} in itself" if node.own else "")


# MARK: The picture


def number(value):
    return f"{value:.1f}".removesuffix(".0")


def box(node, root, x, y, width):
    words = label(node.frame.name, percent(node.total, root.total), width)
    text = f'<text x="{number(x + TEXT_INSET)}" y="{y + 12}">{escape(words, quote=False)}</text>' if words else ""
    return (
        f'<g class="{node.frame.kind.name.lower()}"><title>{escape(title(node, root), quote=False)}</title>'
        f'<rect x="{number(x)}" y="{y}" width="{number(width)}" height="{ROW - 1}"/>{text}</g>'
    )


def legend(root):
    """The kinds of code, with what was seen at work in each."""
    own = dict.fromkeys(Kind, 0)
    for node, _ in root.walk():
        own[node.frame.kind] += node.own
    parts, x = [], MARGIN
    for kind in Kind:
        words = kind.value if kind is Kind.GROUP else f"{kind.value} {percent(own[kind], root.total)}"
        parts.append(
            f'<g class="{kind.name.lower()}"><rect x="{number(x)}" y="32" width="12" height="12"/>'
            f'<text x="{number(x + 17)}" y="42">{words}</text></g>'
        )
        x += 17 + len(words) * LETTER_WIDTH + 20
    return parts


def picture(root, about):
    """The flame graph of a tree, the ground at the bottom. `about` says in a sentence what was measured."""
    scale = (WIDTH - 2 * MARGIN) / max(root.total, 1)
    boxes = list(placed(root, LEAST_SHARE * root.total))
    height = HEAD + (max(level for _, _, level in boxes) + 1) * ROW + MARGIN
    name = escape(root.frame.name)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' aria-label="Flame graph of {name}">',
        f"<style>{style()}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}"/>',
        f'<text class="head" x="{MARGIN}" y="20">{name}</text>',
        f'<text class="faint" x="{number(MARGIN + 10 * len(root.frame.name) + 14)}" y="20">{escape(about, quote=False)}</text>',
        *legend(root),
        *(
            box(node, root, MARGIN + start * scale, height - MARGIN - (level + 1) * ROW, node.total * scale)
            for node, start, level in boxes
        ),
        "</svg>",
        "",
    ])  # fmt: skip
