"""The shipped encoder: right vectors, the same everywhere, without torch, and clear words when it cannot work."""

import json
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from kb.encoder import SHIPPED_MODEL, Encoder, OnnxEncoder, SentenceTransformerEncoder, load_encoder
from kb.encoder.encode import ENCODER_VARIABLE
from kb.errors import EncoderError

TEXTS = [
    "validation loss does not change from epoch to epoch",
    "the val loss is the same number after every epoch",
    "pip cannot find a wheel for this version of Python",
    "RuntimeError: stack expects each tensor to be equal size, but got [3, 448, 448] at entry 0",
    "损失在几个epoch之后变成了nan",
    "epoch 1 | loss nan\n" * 400,
    "",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return OnnxEncoder()


@pytest.fixture
def model_copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODEL, tmp_path / "model"))


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENCODER_VARIABLE, raising=False)


# ---- vectors ---------------------------------------------------------------------------------


def test_rows_are_of_length_one(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimension) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_texts_no_rows(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_a_text_has_one_vector_whatever_is_beside_it(encoder: Encoder) -> None:
    together = encoder.encode(TEXTS)
    alone = np.concatenate([OnnxEncoder().encode([text]) for text in reversed(TEXTS)])[::-1]
    assert np.abs(together - alone).max() <= 1e-5
    assert np.array_equal(together, encoder.encode(TEXTS))


def test_near_in_meaning_is_near(encoder: Encoder) -> None:
    same, again, other = encoder.encode(TEXTS[:3])
    assert same @ again > 0.5
    assert same @ other < 0.3


@pytest.mark.parametrize(
    ("symptom", "cause", "others"),
    [
        (
            "Gradient overflow, skipping step, reducing loss scale again and again",
            "a small constant underflows in half precision and the gradient scaler skips each step",
            ["the learning rate schedule is over too early", "images of different sizes cannot be stacked in a batch"],
        ),
        (
            "all embeddings end up in the same point",
            "the triplet loss stays at its margin because the network has collapsed",
            ["the checkpoint refuses to load, keys are missing", "NumPy 2 does not fit this build of torch"],
        ),
    ],
)
def test_a_symptom_is_nearest_to_its_cause(encoder: Encoder, symptom: str, cause: str, others: list[str]) -> None:
    asked, *answers = encoder.encode([symptom, cause, *others])
    assert np.argmax(np.array(answers) @ asked) == 0


def test_only_the_beginning_of_a_long_text_counts(encoder: Encoder) -> None:
    log = "epoch 1 loss 0.5 val_loss 0.7\n" * 100
    short, long = encoder.encode([log, log + "RuntimeError: CUDA error\n" * 200_000])
    assert np.array_equal(short, long)


def test_text_that_utf8_has_not_and_control_characters(encoder: Encoder) -> None:
    vectors = encoder.encode(["loss \ud800 is nan", "\x00\x1b[31mloss\x1b[0m is nan", " \n\t "])
    assert np.isfinite(vectors).all()


# ---- without torch ---------------------------------------------------------------------------


def test_a_cold_start_imports_neither_torch_nor_what_needs_it() -> None:
    program = (
        "import sys, kb.encoder as e; assert 'onnxruntime' not in sys.modules; e.load_encoder().encode(['x']);"
        "sys.exit(', '.join({'torch', 'transformers', 'sentence_transformers', 'pandas'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_name_and_digest_are_known_before_the_model_is_read(model_copy: Path) -> None:
    digest = OnnxEncoder().digest
    (model_copy / "model.onnx").unlink()
    assert (OnnxEncoder(model_copy).digest, OnnxEncoder(model_copy).name) == (digest, OnnxEncoder().name)


# ---- files that are not as they should be ----------------------------------------------------


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "card.json"])
def test_missing_file_is_named(model_copy: Path, name: str) -> None:
    (model_copy / name).unlink()
    with pytest.raises(EncoderError, match=rf"{name}: cannot be read .*install the package anew"):
        OnnxEncoder(model_copy).encode(["x"])


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("harm", [lambda data: data[: len(data) // 2], lambda data: data[:-1] + b"!"])
def test_cut_or_changed_file_is_refused(model_copy: Path, name: str, harm: object) -> None:
    path = model_copy / name
    path.write_bytes(harm(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(EncoderError, match=rf"{name}: is damaged or was changed: its sha256"):
        OnnxEncoder(model_copy).encode(["x"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "x", "dimension": "many"}', "\xff"])
def test_damaged_card_is_refused(model_copy: Path, text: str) -> None:
    (model_copy / "card.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(EncoderError, match=r"card.json: is damaged"):
        OnnxEncoder(model_copy).encode(["x"])


def test_damage_is_told_by_the_first_text_though_the_model_was_prepared(model_copy: Path) -> None:
    (model_copy / "model.onnx").write_bytes(b"cut")
    encoder = load_encoder(str(model_copy))
    encoder.prepare()
    with pytest.raises(EncoderError, match=r"model.onnx: is damaged"):
        encoder.encode(["x"])


@pytest.mark.parametrize(("name", "user"), [("model.onnx", "onnxruntime"), ("tokenizer.json", "tokenizers")])
def test_file_of_another_kind_is_refused_though_its_card_fits(model_copy: Path, name: str, user: str) -> None:
    import hashlib

    (model_copy / name).write_bytes(b"{}")
    card = json.loads((model_copy / "card.json").read_text(encoding="utf-8"))
    card["files"][name] = hashlib.sha256(b"{}").hexdigest()
    (model_copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(EncoderError, match=rf"{name}: {user} cannot"):
        OnnxEncoder(model_copy).encode(["x"])


def test_the_card_says_where_the_model_comes_from() -> None:
    about = OnnxEncoder().card.about
    assert about["licence"] == "Apache-2.0"
    assert about["source"].endswith("sentence-transformers/all-MiniLM-L6-v2")
    assert isinstance(about["fine_tuned"], bool)
    assert about["why"]
    assert about["measured_as_exported"]["cosine_to_the_exact_model"]["mean"] > 0.98


# ---- which encoder ---------------------------------------------------------------------------


def test_the_shipped_encoder_is_the_default() -> None:
    assert load_encoder().digest == load_encoder("shipped").digest == OnnxEncoder().digest


def test_option_wins_over_the_variable(monkeypatch: pytest.MonkeyPatch, model_copy: Path) -> None:
    monkeypatch.setenv(ENCODER_VARIABLE, "some/model")
    assert load_encoder().name == "some/model"
    assert isinstance(load_encoder(), SentenceTransformerEncoder)
    assert isinstance(load_encoder("shipped"), OnnxEncoder)
    assert load_encoder(str(model_copy)).digest == OnnxEncoder().digest


def test_folder_that_is_not_there() -> None:
    with pytest.raises(EncoderError, match="there is no such folder"):
        load_encoder("./no/such/folder")


# ---- sentence-transformers, a stand-in for it: the real one takes ten seconds to import ------


class FakeTensor:
    def __init__(self, values: np.ndarray) -> None:
        self._values = values

    def detach(self) -> "FakeTensor":
        return self

    cpu = float = contiguous = detach

    def numpy(self) -> np.ndarray:
        return self._values


class FakeModel:
    max_seq_length, prompts = 128, {"query": ""}

    def __init__(self, name: str, local_files_only: bool = False) -> None:
        if "broken" in name:
            raise OSError("no weights here\nand more words")
        self.weights = np.full((2, 2), len(Path(name).name), dtype=np.float32)

    def __str__(self) -> str:
        return "FakeModel"

    def state_dict(self) -> dict[str, FakeTensor]:
        return {"weight": FakeTensor(self.weights)}

    def encode(self, texts: list[str], normalize_embeddings: bool, show_progress_bar: bool) -> np.ndarray:
        assert normalize_embeddings
        assert not show_progress_bar
        return np.eye(8)[[len(text) % 8 for text in texts]]


@pytest.fixture
def _fake_library(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = FakeModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)


@pytest.mark.usefixtures("_fake_library")
def test_any_sentence_transformers_model_is_an_encoder() -> None:
    encoder: Encoder = load_encoder("some/model")
    vectors = encoder.encode(["a", "bb"])
    assert (vectors.shape, vectors.dtype, encoder.dimension) == ((2, 8), np.float32, 8)
    assert encoder.encode([]).shape == (0, 8)
    assert encoder.digest == load_encoder("other/model").digest != load_encoder("other/larger-model").digest


@pytest.mark.usefixtures("_fake_library")
def test_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(EncoderError, match=r"cannot load it \(no weights here\); give the name"):
        load_encoder(str(folder)).encode(["x"])


def test_without_sentence_transformers_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderError, match=r'pip install "repro-cases\[train\]"'):
        load_encoder("all-mpnet-base-v2").encode(["x"])
