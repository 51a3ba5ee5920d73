"""Measure the page for pasting a log, in chromium, on the project's own queries: `docs/measured/paste.json`.

    python docs/measure_paste.py

It runs the modules of the page on the data that `make pages` wrote, and wants chromium and its driver on this machine.
"""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from generate_readme import ROOT
from measure_accuracy import QUERIES, digest_queries
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from site_pages.paste_data import FOLDER, LIBRARY, PasteData, read_paste_data

from kb.evaluate.matching import Question, load_questions
from kb.match import Matcher
from repro.collection import find_collection
from repro.files import write_whole

DOCS = ROOT / "docs"
MEASURED = DOCS / "measured" / "paste.json"
SECONDS = 600

START = """
const [root, done] = arguments;
(async () => {
  const modules = ["load", "library", "query", "match", "encoder"];
  const [load, library, query, match, encoder] = await Promise.all(
    modules.map((name) => import(`${root}javascripts/paste/${name}.js`)),
  );
  const began = performance.now();
  const cases = library.makeLibrary(await load.loadJson("paste/library.json", "0"));
  const ask = (text) => {
    const asked = query.makeQuery(text, cases.limits);
    return [asked, match.matchWords(cases, asked)];
  };
  const list = ({ cases: ranked }) => ranked.slice(0, 3).map(({ place }) => cases.cases[place].id);
  window.matchPaste = async (text) => {
    const [asked, words] = ask(text);
    const own = await window.paste.encode(match.listTexts(cases, asked));
    const meaning = match.matchMeaning(cases, asked, window.paste.vectors, own);
    return { words: list(words), meaning: list(meaning), fit: meaning.fit };
  };
  ask("loss is nan");
  const words = performance.now() - began;
  window.paste = await encoder.Encoder.load(cases, () => {});
  await window.matchPaste("loss is nan");
  done({ words, meaning: performance.now() - began });
})().catch((error) => done(String(error)));
"""
ASK = """
const [texts, done] = arguments;
(async () => {
  const found = [];
  const began = performance.now();
  for (const text of texts) found.push(await window.matchPaste(text));
  done({ found, each: (performance.now() - began) / texts.length });
})().catch((error) => done(String(error)));
"""


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serve_docs(docs: Path) -> Iterator[str]:
    """The docs at an address of this machine: the modules find the data beside them, as on the site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietHandler, directory=str(docs)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@contextmanager
def open_browser() -> Iterator[Chrome]:
    """A browser without a window, that waits long for a script."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    with Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver")) as browser:
        browser.set_script_timeout(SECONDS)
        yield browser


def run_script(browser: Chrome, script: str, argument: object) -> dict[str, Any]:
    """What a script of the page hands back."""
    found = browser.execute_async_script(script, argument)
    if isinstance(found, str):
        sys.exit(f"the page fails: {found}")
    result: dict[str, Any] = found
    return result


def measure_page(questions: Sequence[Question], data: PasteData) -> dict[str, Any]:
    """Ask every question in the browser and by the command, and count what is right."""
    cases = find_collection().load_all()
    with serve_docs(DOCS) as address, open_browser() as browser:
        browser.get(f"{address}javascripts/paste/")  # the list of the files: any page of the same address does
        first = run_script(browser, START, address)
        asked = run_script(browser, ASK, [question.query for question in questions])
    found: list[dict[str, Any]] = asked["found"]
    matcher = Matcher.load(cases, "shipped")
    ranked = {
        "meaning": [one["meaning"] for one in found],
        "words": [one["words"] for one in found],
        "command": [[match.case_id for match in matcher.diagnose(question.query).matches] for question in questions],
    }
    known = {case.id for case in cases}
    inside = [place for place, question in enumerate(questions) if known & set(question.labels)]
    return {
        "version": data.version,
        "queries": digest_queries(),
        "asked": len(questions),
        "in_scope": len(inside),
        "ways": {
            way: {f"top{most}": _share_right(questions, answers, inside, most) for most in (1, 3)}
            for way, answers in ranked.items()
        },
        "fits": _count_fits(questions, found),
        "seconds": {
            "first_by_words": round(first["words"] / 1000, 2),
            "first_by_meaning": round(first["meaning"] / 1000, 2),
            "next": round(asked["each"] / 1000, 3),
        },
        "bytes": {"words": data.bytes_words, "all": data.bytes_all},
    }


def _share_right(
    questions: Sequence[Question], answers: Sequence[Sequence[str]], inside: Sequence[int], most: int
) -> float:
    right = sum(bool(set(answers[place][:most]) & set(questions[place].labels)) for place in inside)
    return round(right / max(len(inside), 1), 4)


def _count_fits(questions: Sequence[Question], found: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """By what is said of the best case: how often, and how often that case was right."""
    said, right = Counter[str](), Counter[str]()
    for question, one in zip(questions, found, strict=True):
        said[one["fit"]] += 1
        right[one["fit"]] += one["meaning"][0] in question.labels
    return {fit: {"count": count, "right": right[fit]} for fit, count in sorted(said.items())}


def main() -> None:
    """Write the file anew."""
    if not (DOCS / FOLDER / LIBRARY).is_file():
        sys.exit(f"docs/{FOLDER} is missing: run `make pages`")
    measured = measure_page(load_questions(QUERIES), read_paste_data(DOCS))
    MEASURED.parent.mkdir(exist_ok=True)
    write_whole(MEASURED, json.dumps(measured, indent=2) + "\n")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
