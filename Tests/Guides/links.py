"""Links between the documents: every file that is named is there, and every heading that is jumped to."""

import re
import subprocess


def faults(root):
    """A line each link that leads nowhere. What stands in code is no link."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=root, capture_output=True, text=True, check=True)
    documents = {name: (root / name).read_text() for name in sorted(set(listed.stdout.split())) if (root / name).is_file()}
    for name, text in documents.items():
        prose = re.sub(r"`[^`\n]*`", lambda code: " " * len(code.group(0)), re.sub(r"^```.*?^```", blank, text, flags=re.S | re.M))
        for match in re.finditer(r"\[[^\]]*\]\(([^)\s]+)\)", prose):
            target, _, heading = match.group(1).partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            place = f"{name}:{text[: match.start()].count(chr(10)) + 1}"
            path = ((root / name).parent / target).resolve() if target else root / name
            if not path.exists():
                yield f"{place}: there is no {target}"
            elif heading and path.suffix == ".md" and heading not in anchors(path.read_text()):
                yield f"{place}: {target or name} has no heading for #{heading}"


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def anchors(text):
    """As the common hosts of repositories make them: lower case, spaces as dashes, other signs left out, repeats numbered."""
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} +(.*?)\s*$", re.sub(r"^```.*?^```", blank, text, flags=re.S | re.M), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found
