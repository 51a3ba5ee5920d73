"""The page for pasting a log: the same numbers as the Python side, and a page that holds whatever is pasted."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("selenium")
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from kb.encoder import load_encoder
from kb.encoder.onnx_encoder import SHIPPED_MODEL
from kb.evaluate.matching import load_questions
from kb.match import Matcher, features, fusion
from kb.match.query import Query, make_query
from repro.collection import find_collection
from tests.docs.conftest import ROOT, serve
from tests.docs.pages import Page
from tests.docs.test_browser import DESKTOP, PHONE, find_violations, list_outside, show

QUERIES = [question.query for question in load_questions(ROOT / "tests" / "kb" / "match" / "queries.jsonl")]
SAMPLE = QUERIES[::12]
SECONDS = 60

ODD = [
    "",
    "   \t\n",
    "Ein Straßencafé in Zürich, naïve Ångström, İstanbul",
    "训练损失不下降，验证集准确率一直是0.1。",
    "日本語のテスト、カタカナ。한국어 문장",
    "loss 😀 went 🚀 to nan 👩🏽‍💻 ok",
    "[MASK] [UNK] token [PAD][PAD] [CLS]text[SEP] [mask]",
    "a\u200bb\u00adc\ufeffd\x00e\x07f\x7fg\u2028h\u00a0i\u3000j",
    "x" * 101 + " " + "y" * 100,
    "∑∞≤ √2 ½ ² ³ € £ ¥ © ® ™ ‘quoted’ “double” … — –",
    "\ud800 lone \udfff",
    "e\u0301 combining Å ﬁ ligature Ⅷ ① ｆｕｌｌ",
    "__init__ a.b.c->d::e <html> $x=1`y`|z~^",
    "\U0001fae0 \U0001f9ff \U0002f800 \U00020000 \ue000 \u0378",
    "मराठी हिन्दी ไทย עברית العربية русский Ελληνικά",
    "word " * 400,
]

TOKENISE = """
const [root, texts, done] = arguments;
(async () => {
  const { Tokenizer } = await import(`${root}javascripts/paste/tokenizer.js`);
  const tokenizer = new Tokenizer(await (await fetch(`${root}paste/tokenizer.json`)).json());
  done(texts.map((text) => tokenizer.encode(JSON.parse(text))));
})().catch((error) => done(String(error)));
"""
MATCH = """
const [root, texts, encoded, done] = arguments;
(async () => {
  const names = ["library", "query", "match", "encoder", "meaning"];
  const [library, query, match, encoder, meaning] = await Promise.all(
    names.map((name) => import(`${root}javascripts/paste/${name}.js`)),
  );
  const cases = library.makeLibrary(await (await fetch(`${root}paste/library.json`)).json());
  const bytes = new Uint8Array(await (await fetch(`${root}paste/vectors.bin`)).arrayBuffer());
  const vectors = meaning.readVectors(bytes, cases.passages.length, cases.dimension);
  const list = ({ cases: ranked }) => ranked.slice(0, 5).map(({ place }) => cases.cases[place].id);
  const answer = (text) => {
    const asked = query.makeQuery(text, cases.limits);
    const words = match.matchWords(cases, asked);
    const own = encoded[text];
    const both = own && match.matchMeaning(cases, asked, vectors, own);
    const numbers = Object.entries((both ?? words).features).map(([kind, scores]) => [kind, [...scores]]);
    return {
      texts: match.listTexts(cases, asked), prose: asked.prose, error: asked.error, words: list(words),
      meaning: both && list(both), none: both?.none, features: Object.fromEntries(numbers),
    };
  };
  done(texts.map(answer));
})().catch((error) => done(String(error)));
"""
ENCODE = """
const [root, texts, done] = arguments;
(async () => {
  const { Encoder } = await import(`${root}javascripts/paste/encoder.js`);
  const { makeLibrary } = await import(`${root}javascripts/paste/library.js`);
  const cases = makeLibrary(await (await fetch(`${root}paste/library.json`)).json());
  const encoder = await Encoder.load(cases, () => {});
  done((await encoder.encode(texts)).map((vector) => [...vector]));
})().catch((error) => done(String(error)));
"""


@dataclass(frozen=True)
class Compared:
    """A query whose compared parts are those that the page takes; nothing is read of its curves."""

    query: Query
    taken: Sequence[str]

    @property
    def text(self) -> str:
        return self.query.text

    @property
    def error(self) -> str:
        return self.query.error

    @property
    def whole(self) -> str:
        return self.query.whole

    def parts(self) -> list[str]:
        return list(self.taken)


@cache
def load_matcher() -> Matcher:
    return Matcher.load(find_collection().load_all(), "shipped")


@pytest.fixture(scope="module")
def pasting(browser: Chrome, site_address: str) -> Chrome:
    """The page with nothing asked yet."""
    show(browser, f"{site_address}paste/")
    browser.set_script_timeout(SECONDS)
    return browser


def run_script(browser: Chrome, script: str, *arguments: object) -> list[Any]:
    found = browser.execute_async_script(script, *arguments)
    assert isinstance(found, list), found
    return found


def paste(browser: Chrome, text: str) -> None:
    box = WebDriverWait(browser, 10).until(lambda driver: driver.find_element(By.ID, "pasted"))
    browser.execute_script("arguments[0].value = arguments[1]", box, text)
    browser.find_element(By.CSS_SELECTOR, "#paste-log button").click()


def read_status(browser: Chrome) -> str:
    return browser.find_element(By.CSS_SELECTOR, "#paste-log [role=status]").text


def wait_for(browser: Chrome, words: str) -> None:
    """Wait until the page says so."""
    WebDriverWait(browser, SECONDS).until(lambda driver: words in read_status(driver))


def list_cards(browser: Chrome) -> list[str]:
    """Ids of the cases that are shown."""
    links = browser.find_elements(By.CSS_SELECTOR, ".paste-card h2 a")
    return [str(link.get_attribute("href")).rstrip("/").rpartition("/")[2] for link in links]


def list_loaded(browser: Chrome) -> set[str]:
    """Names of the files that were asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    return {address.partition("?")[0].rpartition("/")[2] for address in asked}


# ---- the same numbers as in Python ---------------------------------------------------------


def test_tokens_are_those_of_the_package(pasting: Chrome, site_address: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(SHIPPED_MODEL / "tokenizer.json"))
    texts = QUERIES[:200] + ODD
    found = run_script(pasting, TOKENISE, site_address, [json.dumps(text) for text in texts])
    for text, tokens in zip(texts, found, strict=True):
        assert tokens == tokenizer.encode(text.encode("utf-8", "replace").decode()).ids, repr(text)


def test_evidence_and_ranking_are_those_of_python(pasting: Chrome, site_address: str) -> None:
    matcher = load_matcher()
    library, weights = matcher.library, fusion.load_weights()
    taken = [page["texts"] for page in run_script(pasting, MATCH, site_address, SAMPLE, {})]
    encoded = {text: [library.encode(one).tolist() for one in texts] for text, texts in zip(SAMPLE, taken, strict=True)}
    found = run_script(pasting, MATCH, site_address, SAMPLE, encoded)
    for text, page in zip(SAMPLE, found, strict=True):
        query = make_query(text)
        assert page["error"] == query.error
        *parts, whole = page["texts"]
        assert whole == query.whole
        compared: Any = Compared(query, parts)
        expected = {
            "meaning": features.score_meaning(library, compared),
            "whole": features.score_whole(library, compared),
            "voices": features.score_voices(library, compared),
            "words": features.score_words(library, compared),
            "error": features.score_error(library, query),
        }
        assert set(expected) == set(page["features"])
        for kind, scores in expected.items():
            np.testing.assert_allclose(page["features"][kind], scores, atol=0.005, err_msg=f"{kind}: {text}")
        nothing = np.zeros(len(library.case_ids))
        fused = fusion.fuse(
            query, expected | {"signs": nothing, "code": nothing, "told": nothing}, library.inside, weights
        )
        order = np.argsort(-fused[: library.inside], kind="stable")
        assert fused[library.case_ids.index(page["meaning"][0])] == pytest.approx(fused[order[0]], abs=0.05)


def test_vectors_are_those_of_the_shipped_encoder(pasting: Chrome, site_address: str) -> None:
    texts = SAMPLE[:12]
    found = np.array(run_script(pasting, ENCODE, site_address, texts))
    cosines = np.sum(found * load_encoder("shipped").encode(texts), axis=1)
    assert cosines.min() > 0.97  # int8 activations are rounded differently on each machine
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)


def test_of_a_long_log_prose_and_error_are_compared(pasting: Chrome, site_address: str) -> None:
    rows = "\n".join(f"epoch {n} train_loss {1 / (n + 1):.4f} val_loss 0.8733" for n in range(200))
    told = "why does my validation loss never change although the training loss falls"
    error = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\nValueError: array is too small'
    text = f"{told}\n{rows}\n{error}"
    (page,) = run_script(pasting, MATCH, site_address, [text], {})
    assert page["error"] == "ValueError: array is too small"
    assert page["prose"].splitlines()[0] == told
    assert "train_loss" not in page["prose"]
    assert page["texts"][:2] == [page["prose"], page["error"]]
    assert page["texts"][2] == make_query(text).whole


# ---- the page ------------------------------------------------------------------------------


def test_nothing_is_loaded_before_it_is_asked_for(browser: Chrome, site_address: str) -> None:
    from site_pages.paste_data import RUNTIME_FILES

    list_loaded(browser)
    show(browser, f"{site_address}paste/")
    WebDriverWait(browser, 10).until(lambda driver: driver.find_element(By.ID, "pasted"))
    data = {"library.json", "model.onnx", "tokenizer.json", "vectors.bin", *RUNTIME_FILES}
    assert not data & list_loaded(browser)
    browser.find_element(By.ID, "by-meaning").click()
    assert not data & list_loaded(browser)
    paste(browser, "RuntimeError: Numpy is not available")
    wait_for(browser, "By words and error messages alone")
    assert list_cards(browser)[0] == "vision-numpy-abi"
    assert data & list_loaded(browser) == {"library.json"}


@pytest.mark.parametrize(("width", "dark"), [(DESKTOP, False), (PHONE, True)], ids=["desktop", "phone-dark"])
def test_right_case_comes_first_on_a_page_for_everybody(
    browser: Chrome, site_address: str, width: int, dark: bool
) -> None:
    show(browser, f"{site_address}paste/", width, dark=dark)
    paste(browser, find_collection().load("gait-embedding-collapse").symptoms[0])
    wait_for(browser, "By meaning")
    assert list_cards(browser)[0] == "gait-embedding-collapse"
    card = browser.find_element(By.CSS_SELECTOR, ".paste-card")
    assert "repro case gait-embedding-collapse" in card.text
    assert card.find_element(By.CSS_SELECTOR, ".paste-own").text.startswith("Your words: ")
    assert browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert find_violations(browser) == []
    assert list_outside(browser) == []
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_markup_in_a_paste_is_text(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}paste/")
    mark = "<img src=x onerror='window.ran = 1'><script>window.ran = 1</script>"
    paste(browser, f"RuntimeError: Numpy is not available {mark}\nafter the upgrade {mark}")
    wait_for(browser, "By meaning")
    assert list_cards(browser)[0] == "vision-numpy-abi"
    assert mark in browser.find_element(By.CSS_SELECTOR, ".paste-own").text
    assert not browser.find_elements(By.CSS_SELECTOR, "#paste-log img, #paste-log script")
    assert browser.execute_script("return window.ran") is None


def test_keyboard_matches_and_what_fits_nothing_is_told(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}paste/")
    box = WebDriverWait(browser, 10).until(lambda driver: driver.find_element(By.ID, "pasted"))
    box.send_keys("how do I cook pasta for six people", Keys.CONTROL, Keys.ENTER)
    wait_for(browser, "none of the cases fits")
    wait_for(browser, "By meaning")
    link = browser.find_element(By.CSS_SELECTOR, ".paste-answer > p a")
    assert link.get_attribute("href") == f"{site_address}symptoms/"


def test_numbers_alone_are_told_not_to_be_read(browser: Chrome, site_address: str) -> None:
    show(browser, f"{site_address}paste/")
    paste(browser, "\n".join(f"epoch {n} train_loss {1 / (n + 1):.4f} val_loss 0.8733" for n in range(9)))
    wait_for(browser, "By")
    assert "This is almost all numbers" in browser.find_element(By.CSS_SELECTOR, ".paste-answer").text
    paste(browser, "why does the validation loss never change")
    wait_for(browser, "By meaning")
    assert "This is almost all numbers" not in browser.find_element(By.CSS_SELECTOR, ".paste-answer").text


def test_card_of_what_is_normal(pasting: Chrome, site_address: str) -> None:
    script = """
    const [root, normal, done] = arguments;
    import(`${root}javascripts/paste/cards.js`).then((cards) => done([cards.makeNormalCard(normal).textContent]));
    """
    normal = {"title": "Skipped <b>steps</b>", "reason": "The scale is sought.", "not_if": "they go on"}
    (text,) = run_script(pasting, script, site_address, normal)
    assert text == "Skipped <b>steps</b>This may be as it should be. The scale is sought.Not if: they go on"


@pytest.mark.parametrize("text", ["", " \n ", "?!", "5 5 5"])
def test_empty_paste_is_told(browser: Chrome, site_address: str, text: str) -> None:
    show(browser, f"{site_address}paste/")
    paste(browser, text)
    assert "There is nothing to match" in read_status(browser)
    assert not list_cards(browser)


@pytest.fixture
def without_model(site: Path, tmp_path: Path) -> Iterator[str]:
    with serve(site, tmp_path, missing="model.onnx") as address:
        yield address


def test_words_answer_where_the_encoder_is_missing(browser: Chrome, without_model: str) -> None:
    show(browser, f"{without_model}paste/")
    paste(browser, "RuntimeError: Numpy is not available")
    wait_for(browser, "the encoder could not be loaded")
    assert list_cards(browser)[0] == "vision-numpy-abi"
    assert not browser.find_element(By.CSS_SELECTOR, "#paste-log progress").is_displayed()
    assert not browser.find_elements(By.CSS_SELECTOR, ".paste-level")
    browser.get_log("browser")  # the missing file


# ---- what is shipped -----------------------------------------------------------------------


def test_page_says_what_it_loads(pages: dict[str, Page], site: Path) -> None:
    library = json.loads((site / "paste" / "library.json").read_text(encoding="utf-8"))
    sizes = {name: (site / file["path"]).stat().st_size for name, file in library["files"].items()}
    assert sizes == {name: file["bytes"] for name, file in library["files"].items()}
    total = sum(sizes.values()) + (site / "paste" / "library.json").stat().st_size
    assert total <= 40_000_000
    assert f"{total / 1e6:.1f} MB with the encoder" in pages["paste/"].text
    assert "repro match train.log" in "".join(pages["paste/"].code)


def test_modules_ask_for_nothing_elsewhere(site: Path) -> None:
    for script in (site / "javascripts" / "paste").glob("*.js"):
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"https?://|XMLHttpRequest|WebSocket|sendBeacon|innerHTML|eval\(", text), script
        assert "fetch(" not in text or script.name == "load.js"


def test_runtime_is_the_one_that_its_readme_names() -> None:
    folder = ROOT / "docs" / "javascripts" / "onnxruntime-web"
    told = (folder / "README.md").read_text(encoding="utf-8")
    for digest, name in re.findall(r"([0-9a-f]{64}) `([\w.-]+)`", told):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert {path.name for path in folder.iterdir()} - {"README.md", "LICENSE"} == set(
        re.findall(r"[0-9a-f]{64} `([\w.-]+)`", told)
    )


def test_figures_of_another_library_are_not_shown(tmp_path: Path) -> None:
    from site_pages.paste_data import PasteData
    from site_pages.paste_page import make_paste_page

    data = PasteData("abc", 700_000, 36_700_000)
    ways = {"meaning": {"top1": 0.8}, "words": {"top1": 0.6}}
    measured = {"version": "abc", "in_scope": 10, "ways": ways, "fits": {"good": {"count": 5, "right": 4}}}
    path = tmp_path / "paste.json"
    assert "Measured" not in make_paste_page(data, path)
    path.write_text(json.dumps(measured))
    assert "80% of them, and for 60%" in make_paste_page(data, path)
    path.write_text(json.dumps({**measured, "version": "older"}))
    assert "Measured" not in make_paste_page(data, path)


def test_files_that_are_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from site_pages import paste_data

    for name in paste_data.RUNTIME_FILES:
        path = tmp_path / paste_data.RUNTIME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.setattr(paste_data, "MOST_BYTES", 1_000_000)
    with pytest.raises(ValueError, match="pasting a log would load"):
        paste_data.write_paste_data(tmp_path)
