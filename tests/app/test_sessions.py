"""Many at once: every session gets the answer to what it asked itself."""

from concurrent.futures import ThreadPoolExecutor

from tests.app.conftest import App
from tests.app.sessions import visit

ASKED = {
    "vision-numpy-abi": "RuntimeError: Numpy is not available, since I upgraded NumPy to 2.0",
    "vision-input-size": "AssertionError: Input height (512) doesn't match model (384).",
    "sign-vocab-blank": "CTC decode gives only <blank>, WER is 1.0 for ever, the loss falls",
    "vision-amp-unsupported": "UserWarning: torch.cuda.amp.GradScaler is enabled, but CUDA is not available.",
}
VISITORS = 20


def ask(app: App, number: int) -> tuple[str, str, float]:
    """What a visitor asked for, what was shown, and how long it took."""
    case_id = list(ASKED)[number % len(ASKED)]
    with visit(app.address) as visitor:
        return case_id, *visitor.ask(f"{ASKED[case_id]}\n({mark(number)})")


def mark(number: int) -> str:
    """Words that only this visitor writes."""
    return f"run number {number} of mine"


def test_twenty_sessions_at_once_get_their_own_answers(app: App) -> None:
    with ThreadPoolExecutor(VISITORS) as pool:
        answers = list(pool.map(lambda number: ask(app, number), range(VISITORS)))
    for number, (case_id, shown, _) in enumerate(answers):
        assert f"`{case_id}`" in shown
        assert [other for other in range(VISITORS) if mark(other) in shown] == [number]
    print(f"twenty answers at once: the last after {max(seconds for *_, seconds in answers):.2f} s")
