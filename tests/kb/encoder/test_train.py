"""Making the encoder: the base must be the right one, and fine-tuning ships only if it found more."""

from pathlib import Path

import pytest

from kb.encoder.finetune import Recipe
from kb.encoder.measure import Hits, load_posts
from kb.encoder.train import Comparison, describe_choice, fetch_base, main
from kb.errors import EncoderError

PLAIN = Hits(count=10, first=5, among_three=7)
BETTER = Hits(count=10, first=6, among_three=7)


def test_base_with_other_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"has no model\.safetensors"):
        fetch_base(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(EncoderError, match="its sha256 is"):
        fetch_base(str(tmp_path))


def test_command_ends_with_one_line_on_a_wrong_base(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^error: .* has no model\.safetensors"):
        main(["--base", str(tmp_path)])


def test_fine_tuning_ships_only_if_it_found_more() -> None:
    assert Comparison(PLAIN, BETTER).tuned_is_better
    assert not Comparison(PLAIN, PLAIN).tuned_is_better
    assert not Comparison(BETTER, PLAIN).tuned_is_better
    assert not Comparison().tuned_is_better


def test_card_says_why() -> None:
    won = describe_choice(32, Recipe(), Comparison(PLAIN, BETTER), Comparison(PLAIN, BETTER))
    assert won["why"] == "the fine-tuned model found more of 10 posts from outside than the plain one"
    assert won["measured"]["posts_from_outside"] == {
        "plain": "hit@1 0.500  hit@3 0.700  of 10",
        "tuned": "hit@1 0.600  hit@3 0.700  of 10",
    }
    alone = describe_choice(32, Recipe(), Comparison(), Comparison(PLAIN, BETTER))
    assert alone["why"] == "there were no posts from outside to judge fine-tuning by"


def test_posts_of_cases_that_do_not_exist_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"query": "a", "labels": ["x-a", "x-b"]}\n{"query": "b", "labels": ["x-c"]}\n', encoding="utf-8")
    (post,) = load_posts(path, ["x-a"])
    assert (post.text, post.labels) == ("a", {"x-a"})


@pytest.mark.parametrize("text", ["[]", "no json", '{"query": "a"}', '{"query": "a", "labels": 3}'])
def test_file_that_holds_no_posts(tmp_path: Path, text: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EncoderError, match="is no file of posts"):
        load_posts(path, ["x-a"])
