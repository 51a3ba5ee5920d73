"""What bytes become as text: `read_bytes` is given them, and the lines show what was understood."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import LogError
from kb.read import TrainingLog, read_bytes
from kb.read.decode import Decoder, iter_numbered_lines, mend_surrogates

EPOCHS = "Epoch 1 loss: 0.693 acc: 0.51\nEpoch 2 loss: 0.402 acc: 0.83\n"


def list_texts(log: TrainingLog) -> list[str]:
    return [line.text for line in log.lines]


def decode(data: bytes, size: int = 7) -> tuple[str, list[str]]:
    decoder = Decoder()
    chunks = [data[place : place + size] for place in range(0, len(data), size)]
    return "".join(decoder.decode(chunks)), decoder.notes


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"],
)
def test_unicode_is_read_with_and_without_mark(encoding: str) -> None:
    log = read_bytes(("训练 " + EPOCHS).encode(encoding))
    assert list(log.series["train_loss"].values) == [0.693, 0.402]
    assert log.lines[0].text.endswith("Epoch 1 loss: 0.693 acc: 0.51")
    assert not log.notes


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_of_powershell_keeps_its_line_numbers(mark: bytes) -> None:
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    log = read_bytes(mark + "start\r\nloss: 0.5 step: 1\r\n".encode(encoding))
    assert [(line.number, line.text) for line in log.lines] == [(1, "start"), (2, "loss: 0.5 step: 1")]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("gb18030", "第 1 轮 训练损失 0.69"),
        ("gb18030", "epoch 1 损失: 0.5"),
        ("gb18030", "保存检查点到磁盘，继续下一个阶段的计算"),
        ("big5", "開始訓練 epoch 1 loss 0.5"),
        ("cp932", "学習を開始します epoch 1"),
        ("euc_jp", "エポック 1 損失 0.69"),
        ("cp949", "에포크 1 손실 0.69"),
        ("cp1251", "Эпоха 1: потери 0.69"),
        ("cp1251", "Файл не найден, продолжаем работу дальше"),
        ("koi8_r", "Эпоха 1: потери 0.69"),
        ("cp866", "Эпоха 1: потери 0.69"),
        ("cp1252", "Träger bei 65 °C ± 2, Modell für später gesichert"),
        ("cp1252", "loss 0.5 ±0.1"),
        ("cp437", "epoch 1 50%|█████     | 5/10"),
    ],
)
def test_legacy_pages_are_guessed(page: str, text: str) -> None:
    log = read_bytes(f"loading\n{text}\nepoch 2 loss: 0.25\n".encode(page))
    assert text in list_texts(log) or "█" in text
    assert f"read as {page}, which is a guess" in log.notes[0]
    assert log.series["train_loss"].last == 0.25


def test_foreign_lines_deep_in_a_utf8_file_do_not_change_the_others() -> None:
    data = "验证 ok\n".encode() * 50_000 + "训练损失: 0.5\n".encode("gb18030") + "测试 ok\n".encode()
    text, notes = decode(data, 1 << 16)
    assert text.count("验证 ok\n") == 50_000
    assert text.endswith("训练损失: 0.5\n测试 ok\n")
    assert len(notes) == 1


def test_a_character_cut_off_at_the_edges_harms_only_its_line() -> None:
    data = "训练损失: 0.5\n训练损失: 0.4\n训练损失".encode()
    text, notes = decode(data[1:-1])
    assert "练损失: 0.5\n训练损失: 0.4\n训练损" in text
    assert notes == ["2 lines with bytes that are not UTF-8, shown as \ufffd"]


@pytest.mark.parametrize("page", ["latin-1", "cp1252"])
def test_mojibake_is_repaired(page: str) -> None:
    clean = "Epoche 1: 100%|██████| für Präzision – loss: 0.5"
    line = "".join(bytes([byte]).decode(page, "ignore") or bytes([byte]).decode("latin-1") for byte in clean.encode())
    text, notes = decode(f"{line}\nplain\n".encode(), 1 << 16)
    assert text == f"{clean}\nplain\n"
    assert notes == ["1 line of mojibake repaired: UTF-8 that was once read as cp1252"]


def test_mojibake_beside_proper_text_is_repaired() -> None:
    assert decode("训练 â–ˆâ–ˆâ–ˆ loss 0.5".encode(), 1 << 16)[0] == "训练 ███ loss 0.5"


def test_text_garbled_twice_is_repaired() -> None:
    garbled = "Größe 模型"
    for _ in range(2):
        garbled = garbled.encode().decode("latin-1")
    assert decode(garbled.encode(), 1 << 16)[0] == "Größe 模型"


@pytest.mark.parametrize("text", ["naïve Ärger, café", "À l’époque, Ça va", "训练 ██ ± 2 µs", "Â and Ã alone"])
def test_proper_text_is_left_alone(text: str) -> None:
    assert decode(text.encode()) == (text, [])


def test_lone_surrogates_are_harmless() -> None:
    log = read_bytes(b"bad \xed\xa0\xbd here loss: 0.5 step: 1\n" + EPOCHS.encode())
    for line in log.lines:
        line.text.encode()
    assert log.count


def test_surrogates_of_a_pair_are_joined() -> None:
    assert mend_surrogates("\ud83d\ude00 \ud83d") == "😀 \ufffd"
    assert mend_surrogates("plain 训练") == "plain 训练"


def test_nul_bytes_are_harmless() -> None:
    log = read_bytes(b"Epoch 1 lo\0ss: 0.5\nEpoch 2 loss: 0.25\n" + b"\0" * 10_000)
    assert list(log.series["train_loss"].values) == [0.5, 0.25]


@pytest.mark.parametrize("data", [b"\0" * 1000, bytes(range(256)) * 20, b"\x7fELF\x02\x01\x01" + b"\0\x01\x02" * 50])
def test_binary_input_is_refused_with_what_is_read(data: bytes) -> None:
    with pytest.raises(LogError, match=r"weights\.bin is .*; what is read: a text log, \.csv"):
        read_bytes(data, "weights.bin")


def test_a_character_is_never_cut_between_chunks() -> None:
    text = "损失 0.5 █ ä 😀 " * 50
    for size in (1, 2, 3, 5, 64):
        assert decode(text.encode(), size) == (text, [])


def test_a_line_without_any_blank_is_cut_between_characters() -> None:
    text = "损" * 1_000_000
    assert decode(text.encode(), 1 << 18) == (text, [])


def test_lines_are_numbered_and_long_ones_cut() -> None:
    lines = list(iter_numbered_lines(["a\r\n\nb", "c" * 50, "\nlast"], longest=10))
    assert lines == [(1, "a"), (2, ""), (3, "bccccccccc"), (4, "last")]


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200), st.integers(1, 50))
def test_ascii_lines_survive_any_neighbours(text: str, size: int) -> None:
    decoded, _ = decode(f"epoch 1 loss: 0.5\n{text}\nepoch 2 loss: 0.4\n".encode(), size)
    assert decoded.startswith("epoch 1 loss: 0.5\n")
    assert decoded.endswith("\nepoch 2 loss: 0.4\n")
    assert decoded.count("\n") == text.count("\n") + 3


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_decode_or_are_refused(data: bytes, size: int) -> None:
    try:
        text, notes = decode(data, size)
    except LogError as error:
        str(error).encode()
    else:
        text.encode()
        assert len(notes) <= 3
