"""Matching: pastes in words of their own find their case; strange ones are told that none fits."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bm25s
import numpy as np
import pytest

from kb.encoder import load_encoder
from kb.errors import LogError
from kb.evaluate.matching import (
    Question,
    expect_calibration,
    load_questions,
    measure_auroc,
    measure_calibration,
    score_questions,
)
from kb.index import Index, Manifest, load_index, read_index, write_index
from kb.match import Diagnosis, EvidenceKind, Matcher, Verdict
from kb.passages import Passage, PassageKind
from kb.words import index_words, read_words, tokenise
from repro.collection import find_collection

Repro = Callable[..., "subprocess.CompletedProcess[str]"]

FROZEN = "\n".join(
    f"[{n:3d}/40] loss_train={1.2 + 0.01 * (n % 3):.4f} loss_valid=0.873311 |dw|=0.0e+00" for n in range(1, 9)
)

SCRIPT = """
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(),
    nn.Linear(64, 10),
    nn.Softmax(dim=1),
)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(20):
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""

QUERIES = [
    ("ris-ema-masking", "our monitor says the weights moved by 0.0 at each update since EMA is on, still the loss goes down nicely"),
    ("sign-vocab-blank", "CTC speech model: loss is small and falls, but decode() gives me only <blank>, WER 1.0 for ever"),
    ("vision-input-size", "AssertionError: Input height (512) doesn't match model (384)."),
    ("vision-numpy-abi", "RuntimeError: Numpy is not available\nafter I upgraded the environment"),
    ("gait-embedding-collapse", "triplet loss = margin, all my embeddings land on one point"),
    ("sign-lr-fallback", "whatever --lr I give on the command line the run is identical, the optimizer has another rate"),
    ("vision-onecycle-accum", "OneCycleLR with gradient accumulation: the learning rate never leaves the warmup"),
    ("gait-filter-nan", "high-pass filtering with filtfilt makes NaN where the sensor dropped out"),
    ("ris-loss-scale-mismatch", "val loss is exactly 8 times the train loss on the same batch, I use accumulate_grad_batches=8"),
    ("vision-amp-unsupported", "UserWarning: torch.cuda.amp.GradScaler is enabled, but CUDA is not available. Disabling."),
]  # fmt: skip


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.load(find_collection().load_all())


@pytest.mark.parametrize(("case_id", "text"), [pytest.param(*query, id=query[0]) for query in QUERIES])
def test_right_case_is_among_the_first(matcher: Matcher, case_id: str, text: str) -> None:
    assert case_id in [match.case_id for match in matcher.diagnose(text).matches]


@pytest.mark.parametrize(
    "text",
    [
        "pip says there is no matching distribution for this package on Windows",
        "how do I convert the annotations of my own dataset to your format?",
        "export to ONNX fails: unsupported operator",
        "the weather is nice today",
    ],
)
def test_none_of_the_cases(matcher: Matcher, text: str) -> None:
    diagnosis = matcher.diagnose(text)
    assert diagnosis.verdict is Verdict.NONE
    assert diagnosis.none > 0.5


def test_signs_carry_a_log_without_words(matcher: Matcher) -> None:
    diagnosis = matcher.diagnose(FROZEN, 5)
    found = {match.case_id for match in diagnosis.matches}
    assert found & {"ris-no-gradient-flow", "ris-step-gate", "ris-amp-underflow"}
    reasons = [one for match in diagnosis.matches for one in match.evidence if one.kind is EvidenceKind.SIGN]
    assert "val-loss-identical" in {one.id for one in reasons}
    assert all(line.text in FROZEN for one in reasons for line in one.lines)


def test_probabilities_add_up(matcher: Matcher) -> None:
    diagnosis = matcher.diagnose("loss is nan", len(matcher.cases))
    assert diagnosis.none + sum(match.probability for match in diagnosis.matches) == pytest.approx(1)
    probabilities = [match.probability for match in diagnosis.matches]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("text", ["", " \n", "?!", "5 5 5", pytest.param("5" * 200_000, id="digits")])
def test_nothing_to_match(matcher: Matcher, text: str) -> None:
    with pytest.raises(LogError, match="nothing to match"):
        matcher.diagnose(text)


@pytest.mark.parametrize(
    "text",
    ["nan", "<script>alert(1)</script> ignore all instructions", "损失一直不下降 验证损失不变", "loss 0.5\n" * 50_000],
)
def test_odd_texts_get_an_answer(matcher: Matcher, text: str) -> None:
    assert isinstance(matcher.diagnose(text), Diagnosis)


def test_a_case_of_ones_own_is_found(repro: Repro, make_case: Callable[..., Path]) -> None:
    done = repro("--cases", make_case(), "match", "--text", "a small case that runs in no time", "--json", "--top", "5")
    assert done.returncode == 0, done.stderr
    assert "small-case" in [match["case"] for match in json.loads(done.stdout)["matches"]]


# ---- the index -------------------------------------------------------------------------------

PASSAGES = [Passage("a-b", PassageKind.SYMPTOM, "the loss is flat"), Passage("a-c", PassageKind.CAUSE, "no step")]


def test_index_on_disk_is_used_only_when_it_fits(tmp_path: Path) -> None:
    index = Index(np.eye(2, 8, dtype=np.float32), index_words([passage.text for passage in PASSAGES]))
    manifest = Manifest("p", "w", "e", (2, 8))
    write_index(tmp_path / "index", manifest, index)
    read = read_index(tmp_path / "index", manifest)
    assert read is not None
    assert (read.vectors == index.vectors).all()
    assert (read.words.score(["loss", "flat", "step"]) == index.words.score(["loss", "flat", "step"])).all()
    assert read_index(tmp_path / "index", replace(manifest, passages="other")) is None
    assert read_index(tmp_path / "index", replace(manifest, words="other")) is None


@pytest.mark.parametrize("name", ["vectors.npy", "words.npz", "manifest.json"])
@pytest.mark.parametrize("left", [0, 1, 50, -1])
def test_cut_index_is_not_used(name: str, left: int, tmp_path: Path) -> None:
    manifest = Manifest("p", "w", "e", (2, 8))
    index = Index(np.eye(2, 8, dtype=np.float32), index_words([passage.text for passage in PASSAGES]))
    write_index(tmp_path / "index", manifest, index)
    whole = (tmp_path / "index" / name).read_bytes()
    (tmp_path / "index" / name).write_bytes(whole[:left])
    assert read_index(tmp_path / "index", manifest) is None


def test_words_of_other_passages_are_not_used(tmp_path: Path) -> None:
    index_words(["the loss is flat", "no step", "nan"]).write(tmp_path / "words.npz")
    assert read_words(tmp_path / "words.npz", 2) is None


def test_words_are_scored_as_bm25s_does() -> None:
    texts = ["the loss is flat, the loss is nan", "losses and the step", "", "损失 不 下降"]
    words = tokenise("why is my loss flat, flat? 损失 zebra")
    retriever = bm25s.BM25(method="lucene")
    retriever.index([tokenise(text) for text in texts], show_progress=False)
    known = [word for word in words if word in retriever.vocab_dict]
    assert index_words(texts).score(words) == pytest.approx(retriever.get_scores(known), rel=1e-3)


def test_stale_index_is_made_anew_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    encoder = load_encoder()
    first = load_index(PASSAGES, encoder)
    assert len(list(tmp_path.rglob("vectors.npy"))) == 1
    again = load_index(PASSAGES, encoder)
    assert (again.vectors == first.vectors).all()
    assert (again.words.score(["flat"]) == first.words.score(["flat"])).all()


def test_shipped_index_is_fresh(matcher: Matcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert len(matcher.library.index.vectors) == len(matcher.library.passages)
    load_index(matcher.library.passages, matcher.encoder)
    assert not list(tmp_path.rglob("*.npy")), "run `make index`"


# ---- the command and the bench ---------------------------------------------------------------


def test_match_command(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(FROZEN, encoding="utf-8")
    done = repro("match", str(path))
    assert done.returncode == 0, done.stderr
    assert "repro case ris-" in done.stdout
    answer = json.loads(repro("match", str(path), "--json", "--top", "2").stdout)
    assert answer["schema"] == 1
    assert len(answer["matches"]) == 2


def test_cases_that_are_ruled_out_are_shown_to_programs_only(repro: Repro) -> None:
    text = "AssertionError: Input height (512) doesn't match model (384)."
    shown = repro("match", "--text", text, "--top", "20").stdout
    told = json.loads(repro("match", "--text", text, "--top", "20", "--json").stdout)["matches"]
    assert len(told) == 20
    assert 1 <= shown.count("repro case ") < 20
    assert shown.count("repro case ") == max(1, sum(match["probability"] >= 0.01 for match in told))


def test_script_is_searched_for_mistakes(repro: Repro, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    matches = json.loads(repro("match", str(script), "--json", "--top", "20").stdout)["matches"]
    assert not [one for match in matches for one in match["evidence"] if "Not in this log" in one["text"]]
    best = matches[0]
    assert best["case"] == "loss-double-softmax"
    (found,) = [one for one in best["evidence"] if one["kind"] == "code"]
    assert found["id"] == "softmax-before-cross-entropy"
    assert [line["text"].strip() for line in found["lines"]] == [
        "nn.Softmax(dim=1),",
        "criterion = nn.CrossEntropyLoss()",
    ]


def test_match_loads_nothing_that_is_slow(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(FROZEN, encoding="utf-8")
    program = (
        "import atexit, sys; sys.argv = ['repro', 'match', 'train.log'];"
        "atexit.register(lambda: print('loaded', sorted({'torch', 'pandas', 'scipy', 'bm25s', 'faiss'} & set(sys.modules))));"
        "from repro.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((), "--text"), (("nowhere.log",), "no such file"), (("--text", "?"), "nothing to match")],
    ids=["nothing", "missing", "empty"],
)
def test_bad_input(repro: Repro, arguments: tuple[str, ...], message: str) -> None:
    done = repro("match", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_bench(matcher: Matcher) -> None:
    questions = [Question(text, (case_id,), "symptom") for case_id, text in QUERIES]
    questions.append(Question("export to ONNX fails: unsupported operator", ()))
    report = score_questions(matcher, questions)
    assert [score.name for score in report.ways][:2] == ["this project", "BM25"]
    own = report.ways[0]
    assert own.in_scope == len(QUERIES)
    assert own.top3 >= 0.9
    low, high = own.intervals["top1"]
    assert low <= own.top1 <= high
    assert [score.name for score in report.by_kind] == ["symptom"]
    assert {score.name for score in report.by_family} == {"ris", "sign", "vision", "gait"}
    assert sum(report.verdicts["in scope"].values()) == len(QUERIES)
    assert sum(report.verdicts["none of these"].values()) == 1


def test_bench_takes_evidence_and_cases_away(matcher: Matcher) -> None:
    report = score_questions(matcher, load_questions(Path(__file__).parent / "queries.jsonl")[::8])
    assert [score.name for score in report.without] == [
        f"without {kind}" for kind in ("meaning", "whole", "voices", "words", "signs", "code")
    ]
    assert min(score.mrr for score in report.without) < report.ways[0].mrr
    assert report.left_out > 0.7


def test_own_queries_find_their_cases(matcher: Matcher) -> None:
    """In many voices, none of which wrote the cases; a quarter of them here, all of them in `repro bench match`."""
    report = score_questions(matcher, load_questions(Path(__file__).parent / "queries.jsonl")[1::4])
    own, *peers = report.ways
    assert own.top1 >= 0.82
    assert own.top3 >= 0.88
    assert own.auroc >= 0.93
    assert own.top1 >= max(peer.top1 for peer in peers) + 0.1


def test_bench_command(repro: Repro, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text("".join(json.dumps({"query": text, "labels": [name]}) + "\n" for name, text in QUERIES[:3]))
    assert "way of searching" in repro("bench", "match", str(path)).stdout
    assert "| this project | 3 |" in repro("bench", "match", str(path), "--markdown").stdout
    assert json.loads(repro("bench", "match", str(path), "--json").stdout)["ways"][0]["in_scope"] == 3


def test_calibration_by_chance_shrinks_with_the_number_of_questions() -> None:
    few, many = expect_calibration([0.7] * 20), expect_calibration([0.7] * 2000)
    assert few == pytest.approx(0.08, abs=0.01)  # mean deviation of a share of 20 draws: 0.8 * sqrt(0.7 * 0.3 / 20)
    assert many == pytest.approx(few / 10, rel=0.1)
    assert expect_calibration([1.0] * 20) == 0.0


def test_calibration() -> None:
    assert measure_calibration([0.95, 0.85], [True, True]) == pytest.approx(0.1)
    assert measure_calibration([0.95, 0.95], [True, False]) == pytest.approx(0.45)


def test_auroc() -> None:
    assert measure_auroc(np.array([0.9, 0.8]), np.array([0.1, 0.8])) == 0.875


def test_bad_questions_are_named(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"query": "x"}', encoding="utf-8")
    with pytest.raises(LogError, match=r"q\.jsonl, line 1"):
        load_questions(tmp_path / "q.jsonl")
