"""Whether a page can be used without a mouse, by ear, and by eyes that see little contrast. What the browser itself makes of it is asked."""

# Roles that somebody operates, and roles that stand for something to be seen: each must say what it is.
CONTROLS = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "radio", "switch", "menuitem", "tab", "slider", "spinbutton", "DisclosureTriangle"}
NAMED = CONTROLS | {"image", "img", "region", "form", "search", "navigation", "table", "group"}
# Contrast that WCAG 2.1 AA asks of text, of large text, and of the parts of drawings.
TEXT, LARGE, DRAWN = 4.5, 3.0, 3.0

CONTRAST = r"""(() => {
  const parse = (text) => { const parts = text.match(/[\d.]+/g).map(Number); return parts.length === 4 ? parts : [...parts, 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = ([r, g, b]) => { const part = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b); };
  const ground = (node) => { const layers = []; for (let n = node; n; n = n.parentElement) layers.push(parse(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]); };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim(), node = walker.currentNode.parentElement;
    if (!text || !node || ["SCRIPT", "STYLE"].includes(node.tagName) || !node.checkVisibility() || node.closest(":disabled")) continue;
    const style = getComputedStyle(node), below = ground(node), size = parseFloat(style.fontSize), isSVG = node.namespaceURI.endsWith("svg");
    const colour = over(parse(isSVG ? style.fill : style.color), below);
    found.push({ text: text.slice(0, 40), ratio: ratio(colour, below), isLarge: size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700), isDrawn: false });
  }
  for (const node of document.querySelectorAll("svg .series, svg rect")) {
    if (!node.checkVisibility()) continue;
    const style = getComputedStyle(node), svg = node.closest("svg"), below = ground(svg.parentElement);
    const own = parse(getComputedStyle(svg).backgroundColor), colour = parse(node.matches(".series") ? style.stroke : style.fill);
    found.push({ text: node.getAttribute("class"), ratio: ratio(over(colour, below), over(own, below)), isLarge: false, isDrawn: true });
  }
  return found;
})()"""

HEADINGS = """[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter((node) => node.checkVisibility())
  .map((node) => [Number(node.tagName[1]), node.textContent.trim()])"""

# Everything that Tab should come to: of what is shown and not switched off.
REACHABLE = """(() => {
  const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')];
  const shown = all.filter((node) => node.checkVisibility() && !node.disabled && node.tabIndex >= 0);
  shown.forEach((node, index) => { node.dataset.reach = index; });
  return shown.length;
})()"""
FOCUSED = """(() => {
  const node = document.activeElement;
  if (!node || node === document.body || node === document.documentElement) return null;
  const style = getComputedStyle(node);
  return { place: node.dataset.reach === undefined ? -1 : Number(node.dataset.reach), isOutlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    name: (node.getAttribute('aria-label') || node.textContent || node.id || node.tagName).trim().slice(0, 40) };
})()"""


def names(browser):
    """Faults: what is operated or seen, and has no name."""
    faults = []
    for node in browser.ask("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if node.get("ignored") or role not in NAMED:
            continue
        if not node.get("name", {}).get("value", "").strip():
            # A group without a name is only a grouping.
            if role != "group":
                faults.append(f"a {role} has no name")
    return faults


def headings(browser):
    faults, before = [], 0
    for level, text in browser.evaluate(HEADINGS):
        if level > before + 1:
            faults.append(f"heading {text!r} is of level {level} below one of level {before}")
        if not text:
            faults.append("a heading is empty")
        before = level
    return faults


def contrast(browser):
    """Faults, and the least ratio of text."""
    found = browser.evaluate(CONTRAST)
    faults = [
        f"{one['text']!r} has a contrast of {one['ratio']:.2f}"
        for one in found if one["ratio"] < (DRAWN if one["isDrawn"] else LARGE if one["isLarge"] else TEXT)]
    texts = [one["ratio"] for one in found if not one["isDrawn"]]
    return sorted(set(faults)), min(texts), len(texts)


def keyboard(browser):
    """Faults, and how many places Tab comes to: each that it should, each with a focus that is seen, none that keeps it."""
    expected = browser.evaluate(REACHABLE)
    # From the first place on, which is one that was reached.
    browser.evaluate("document.querySelector('[data-reach=\"0\"]').focus()")
    reached, faults, unseen = [0], [], []
    for _ in range(expected + 20):
        browser.press("Tab")
        focused = browser.evaluate(FOCUSED)
        if focused is None:
            # It has left the page, as it should at the end.
            if len(set(reached)) >= expected:
                break
            continue
        if reached and focused["place"] == reached[0] and len(reached) > 1:
            break
        reached.append(focused["place"])
        if not focused["isOutlined"]:
            unseen.append(focused["name"])
    missing = set(range(expected)) - set(reached)
    if missing:
        faults.append(f"Tab does not come to {len(missing)} of {expected} places")
    if unseen:
        faults.append(f"the focus is not seen on {sorted(set(unseen))[:5]}")
    if [place for place in reached if place >= 0] != sorted(place for place in reached if place >= 0):
        faults.append("Tab does not follow the order of the page")
    browser.evaluate("document.querySelectorAll('[data-reach]').forEach((node) => delete node.dataset.reach)")
    return faults, len(set(reached))
