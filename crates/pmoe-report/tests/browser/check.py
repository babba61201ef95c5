"""Looks at report pages in a real browser: python3 check.py PAGE.. [--out FOLDER] [--approve]

Needs Chromium on the PATH (Debian: `chromium`, `fonts-dejavu-core`) and `pip install playwright pillow`;
`.ci/browser` installs them and runs it on the committed reports. For each page, at desktop and phone width,
light and dark, it checks that

- the first screen has the answer and whole figures, and every verdict on a phone is seen without scrolling sideways
- the page is not longer than recorded in heights.json
- the page does not scroll sideways, no text lies over another, and none leaves a figure
- texts have the contrast of WCAG AA, 4.5 to 1
- nothing is loaded but the page, and the browser reports no error
- every link leads to a file or a part of the page that exists
- no table, list, figure or paragraph is empty, and no number is NaN
- the first screen looks as approved, if there is a picture of it in approved/

`--approve` records the heights, and new pictures for the pages that have some. Screenshots and a print go to
FOLDER. The exit code is 1 if something is wrong. A page is named after the folder of its runs.
"""

import argparse
import io
import json
import pathlib
import shutil
import sys
import urllib.parse

from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

HERE = pathlib.Path(__file__).resolve().parent
HEIGHTS = HERE / "heights.json"
APPROVED = HERE / "approved"

# Name, width, height and the whole figures that the first screen must show.
VIEWS = [("desktop", 1280, 800, 2), ("phone", 390, 844, 1)]

# A page may grow by this much over the recorded height, as fonts differ.
HIGHER = 1.02

# Pixels that differ by more than this, and the largest share of them in a picture that looks the same.
DIFFERENT, SHARE = 64, 0.01

# Runs in the page and returns a list of sentences.
CHECK = r"""
() => {
  const found = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) {
    found.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth} px`);
    for (const node of document.querySelectorAll("main *")) {
      const box = node.getBoundingClientRect();
      if (box.right > root.clientWidth + 1 && !node.closest(".scroll, .figures, pre, svg, nav")) {
        found.push(`  ${node.tagName} ${node.textContent.trim().slice(0, 40)}`);
        break;
      }
    }
  }
  const overlaps = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  for (const svg of document.querySelectorAll("figure svg")) {
    const name = svg.closest("figure").getAttribute("aria-label");
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((a, i) => {
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
        found.push(`${name}: "${texts[i].textContent}" leaves the figure`);
      boxes.slice(i + 1).forEach((b, j) => {
        if (overlaps(a, b))
          found.push(`${name}: "${texts[i].textContent}" lies over "${texts[i + 1 + j].textContent}"`);
      });
    });
  }
  // Texts outside of figures, line by line, as far as their box shows them.
  const lines = [];
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest("svg") || !parent.checkVisibility({contentVisibilityAuto: true})) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const clip = parent.closest(".scroll, .figures, pre")?.getBoundingClientRect();
    for (const {left, right, top, bottom} of range.getClientRects()) {
      const line = {left, right, top, bottom, text: node.textContent.trim().slice(0, 40)};
      if (clip) [line.left, line.right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
      if (line.right - line.left > 1) lines.push(line);
    }
  }
  lines.sort((a, b) => a.top - b.top);
  lines.forEach((a, i) => {
    for (let j = i + 1; j < lines.length && lines[j].top < a.bottom - 3; j++)
      if (overlaps(a, lines[j])) found.push(`"${a.text}" lies over "${lines[j].text}"`);
  });
  for (const node of document.querySelectorAll("p, li, ul, figure, tbody, td, th, h1, h2, h3, h4, summary, pre")) {
    const may_be_empty = ["TD", "TH"].includes(node.tagName);
    if (!may_be_empty && !node.textContent.trim()) found.push(`an empty ${node.tagName}`);
    if (/\bNaN\b|\bundefined\b/.test(node.textContent)) found.push(`${node.tagName}: ${node.textContent.slice(0, 60)}`);
  }
  return found;
}
"""

# Texts whose contrast with what is behind them is below 4.5. Signs of methods are drawings.
CONTRAST = r"""
() => {
  const parse = (color) => {
    const numbers = color.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
    return color.startsWith("color(") ? numbers.map((of, i) => (i < 3 ? 255 * of : of)) : numbers;
  };
  const light = (color) => {
    const [r, g, b] = parse(color).map((of) => of / 255).map((of) => (of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const known = new Map();
  const behind = (node) => {
    if (!node) return "rgb(255, 255, 255)";
    if (!known.has(node)) {
      const color = getComputedStyle(node).backgroundColor;
      const [, , , alpha = 1] = parse(color);
      known.set(node, alpha > 0 ? color : behind(node.parentElement));
    }
    return known.get(node);
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest("style, script, .sign") || !parent.checkVisibility()) continue;
    const style = getComputedStyle(parent);
    const ink = parent.closest("svg") ? style.fill : style.color;
    if (!/^(rgb|color)/.test(ink)) continue;
    const paper = behind(parent);
    const [high, low] = [light(ink), light(paper)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) found.add(`contrast ${ratio.toFixed(2)} of ${ink} on ${paper}: "${node.textContent.trim().slice(0, 40)}"`);
  }
  return [...found];
}
"""

# What the first screen lacks; `most` figures must be whole, among them learning curves if there are any.
FIRST_SCREEN = r"""
(most) => {
  const found = [];
  const is_whole = (node) => {
    const box = node.getBoundingClientRect();
    return box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth + 1;
  };
  const headline = document.querySelector(".headline");
  if (!headline || !is_whole(headline)) found.push("the first screen has no headline");
  const figures = [...document.querySelectorAll("main figure:has(svg)")].filter((node) => node.checkVisibility());
  const wanted = Math.min(most, figures.length);
  const whole = figures.filter((node) => is_whole(node.querySelector("svg")));
  if (whole.length < wanted) found.push(`the first screen has ${whole.length} whole figures, not ${wanted}`);
  const is_curve = (node) => /^Learning curves.*↑/.test(node.getAttribute("aria-label"));
  if (figures.some(is_curve) && !whole.some(is_curve)) found.push("the first screen has no learning curves");
  for (const badge of document.querySelectorAll(".badge")) {
    const box = badge.getBoundingClientRect();
    if (badge.checkVisibility() && (box.left < 0 || box.right > innerWidth))
      found.push(`the verdict "${badge.textContent.trim()}" is off the screen`);
  }
  return found;
}
"""


def links(page, path):
    """Links that lead nowhere."""
    ids = set(page.eval_on_selector_all("[id]", "nodes => nodes.map(node => node.id)"))
    hrefs = page.eval_on_selector_all("a", "nodes => nodes.map(node => node.getAttribute('href'))")
    for href in sorted(set(hrefs)):
        target, _, part = href.partition("#")
        if target and not (path.parent / urllib.parse.unquote(target)).exists():
            yield f"a link to {href}, which does not exist"
        if not target and part not in ids:
            yield f"a link to #{part}, which is no part of the page"


def looks_approved(picture, name, approve):
    """Compares a first screen with the approved picture, or approves it."""
    path = APPROVED / f"{name}.png"
    if not path.exists():
        return
    now = Image.open(io.BytesIO(picture)).convert("RGB")
    if approve:
        now.quantize(64).save(path, optimize=True)
        return
    then = Image.open(path).convert("RGB")
    if now.size != then.size:
        yield f"the first screen is {now.size}, approved is {then.size}"
        return
    channels = ImageChops.difference(now, then).split()
    most = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    different = sum(most.histogram()[DIFFERENT:]) / (now.width * now.height)
    if different > SHARE:
        yield f"{100 * different:.1f} % of the first screen differ from {path.name}; look, then --approve"


def look_at(browser, path, out, heights, approve):
    """What is wrong with a page. Adds its heights to `heights` if it is to be approved."""
    found = []
    page_name = path.parent.parent.name if path.parent.name == "report" else path.parent.name
    recorded = heights.setdefault(page_name, {})
    page = browser.new_page()
    # A large page on a busy machine.
    page.set_default_timeout(120_000)
    page.on("console", lambda message: message.type in ("error", "warning") and found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", lambda request: request.url != path.as_uri() and found.append(f"loads {request.url}"))
    page.goto(path.as_uri())
    open_all = lambda is_open: page.eval_on_selector_all(
        "details", "(nodes, open) => nodes.forEach(node => (node.open = open))", is_open
    )
    for name, width, height, figures in VIEWS:
        say = lambda problems: found.extend(f"{name}: {problem}" for problem in problems)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        open_all(False)
        say(page.evaluate(FIRST_SCREEN, figures))
        total = page.evaluate("document.scrollingElement.scrollHeight")
        if approve:
            recorded[name] = total
        elif total > HIGHER * recorded.get(name, 0):
            say([f"{total} px high, recorded are {recorded.get(name)}; see why, then --approve"])
        say(looks_approved(page.screenshot(), f"{page_name}-{name}", approve))
        # Closed parts are checked like open ones; layout does not depend on colours.
        for is_open in [False, True]:
            open_all(is_open)
            say(page.evaluate(CHECK))
            if out:
                shown = "open" if is_open else "closed"
                page.screenshot(path=out / f"{name}-light-{shown}.png", full_page=not is_open)
        for scheme in ["light", "dark"]:
            page.emulate_media(color_scheme=scheme)
            # A phone shows the colours of a desktop.
            if name == "desktop":
                say(f"{scheme}: {problem}" for problem in page.evaluate(CONTRAST))
        if out:
            open_all(False)
            page.screenshot(path=out / f"{name}-dark-closed.png", full_page=True)
    found.extend(links(page, path))
    if out:
        page.emulate_media(color_scheme="light")
        page.pdf(path=out / "print.pdf", format="A4")
    page.close()
    return sorted(set(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path, metavar="PAGE")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="where screenshots go")
    parser.add_argument("--approve", action="store_true", help="record heights and pictures as they are now")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: there is no chromium on the PATH")
    heights = json.loads(HEIGHTS.read_text()) if HEIGHTS.exists() else {}
    wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number, page in enumerate(args.pages):
            out = args.out and args.out / str(number)
            if out:
                out.mkdir(parents=True, exist_ok=True)
            problems = look_at(browser, page.resolve(), out, heights, args.approve)
            wrong += len(problems)
            print(f"{page}: {len(problems)} problems", flush=True)
            for problem in problems:
                print(f"  {problem}")
        browser.close()
    if args.approve:
        HEIGHTS.write_text(json.dumps(heights, indent=2, sort_keys=True) + "\n")
    sys.exit(1 if wrong else 0)


main()
