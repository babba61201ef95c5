"""Looks at report pages in a real browser: python3 check.py PAGE.. [--out FOLDER]

Needs Chromium on the PATH (Debian: `chromium`, `fonts-dejavu-core`) and `pip install playwright`. It is run by
hand, not in CI. For each page, at desktop and phone width, light and dark, it checks that

- the page does not scroll sideways, and no text leaves a figure or lies over another text of it
- nothing is loaded but the page, and the browser reports no error
- every link leads to a file or a part of the page that exists
- no table, list, figure or paragraph is empty, and no number is NaN

and writes screenshots and a print to FOLDER. The exit code is 1 if something is wrong.
"""

import argparse
import pathlib
import shutil
import sys
import urllib.parse

from playwright.sync_api import sync_playwright

VIEWS = [("desktop", 1280, 900), ("phone", 390, 844)]

# Runs in the page and returns a list of sentences.
CHECK = r"""
() => {
  const found = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > root.clientWidth) {
    found.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth} px`);
    for (const node of document.querySelectorAll("main *")) {
      const box = node.getBoundingClientRect();
      if (box.right > root.clientWidth + 1 && !node.closest(".scroll, pre, svg, nav")) {
        found.push(`  ${node.tagName} ${node.textContent.trim().slice(0, 40)}`);
        break;
      }
    }
  }
  for (const svg of document.querySelectorAll("figure svg")) {
    const name = svg.closest("figure").getAttribute("aria-label");
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => text.getBoundingClientRect());
    boxes.forEach((a, i) => {
      if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
        found.push(`${name}: "${texts[i].textContent}" leaves the figure`);
      boxes.slice(i + 1).forEach((b, j) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 3)
          found.push(`${name}: "${texts[i].textContent}" lies over "${texts[i + 1 + j].textContent}"`);
      });
    });
  }
  for (const node of document.querySelectorAll("p, li, ul, figure, tbody, td, th, h1, h2, h3, summary, pre")) {
    const may_be_empty = ["TD", "TH"].includes(node.tagName);
    if (!may_be_empty && !node.textContent.trim()) found.push(`an empty ${node.tagName}`);
    if (/\bNaN\b|\bundefined\b/.test(node.textContent)) found.push(`${node.tagName}: ${node.textContent.slice(0, 60)}`);
  }
  return found;
}
"""


def links(page, path):
    """Links that lead nowhere."""
    for href in page.eval_on_selector_all("a", "nodes => nodes.map(node => node.getAttribute('href'))"):
        target, _, part = (href or "").partition("#")
        if target and not (path.parent / urllib.parse.unquote(target)).exists():
            yield f"a link to {href}, which does not exist"
        if not target and not page.query_selector(f"[id='{part}']"):
            yield f"a link to #{part}, which is no part of the page"


def look_at(browser, path, out):
    """What is wrong with a page."""
    found = []
    for name, width, height in VIEWS:
        for scheme in ["light", "dark"]:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            say = lambda text, view=f"{name}, {scheme}": found.append(f"{view}: {text}")
            page.on("console", lambda message: message.type in ("error", "warning") and say(message.text))
            page.on("pageerror", lambda error: say(str(error)))
            page.on("request", lambda request: request.url != path.as_uri() and say(f"loads {request.url}"))
            page.goto(path.as_uri())
            # Closed parts are checked like open ones.
            for is_open in [False, True]:
                page.eval_on_selector_all("details", f"nodes => nodes.forEach(node => node.open = {str(is_open).lower()})")
                for problem in page.evaluate(CHECK):
                    say(problem)
                shown = "open" if is_open else "closed"
                if out and (scheme == "light" or not is_open):
                    page.screenshot(path=out / f"{name}-{scheme}-{shown}.png", full_page=not is_open)
            if (name, scheme) == ("desktop", "light"):
                found.extend(links(page, path))
                if out:
                    page.pdf(path=out / "print.pdf", format="A4")
            page.close()
    return sorted(set(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", type=pathlib.Path, metavar="PAGE")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="where screenshots go")
    args = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("error: there is no chromium on the PATH")
    wrong = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number, page in enumerate(args.pages):
            out = args.out and args.out / str(number)
            if out:
                out.mkdir(parents=True, exist_ok=True)
            problems = look_at(browser, page.resolve(), out)
            wrong += len(problems)
            print(f"{page}: {len(problems)} problems")
            for problem in problems:
                print(f"  {problem}")
        browser.close()
    sys.exit(1 if wrong else 0)


main()
