"""Continuous sign-language recognition with CTC: pose features to gloss indices, indices to words."""

import argparse
import json

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GLOSSES = ["YOU", "ME", "NAME", "WHAT", "HOUSE", "GO", "WANT", "TODAY", "WORK", "FRIEND"]
FEATURES, MAX_FRAMES, MIN_WORDS, MAX_WORDS = 16, 32, 2, 4  # pose features a frame; sizes of a sentence
TRAIN, VALIDATION, BATCH, SHOWN = 256, 64, 32, 2  # shown: sentences printed at the end
HIDDEN, EPOCHS, LEARNING_RATE, MAX_GRAD_NORM, NOISE = 32, 8, 1e-2, 1.0, 0.8
SPECIAL = {"<blank>", "<pad>"}  # tokens that are not words

Sentences = tuple[Tensor, Tensor, list[list[str]]]  # padded features, frame counts, glosses


# ---- data ------------------------------------------------------------------------------------


class Vocabulary:
    """Glosses to class indices and back."""

    def __init__(self, words: list[str]) -> None:
        self.word2idx = {"<blank>": 0, "<pad>": 0}  # [sign-vocab-blank] two names for index 0
        self.idx2word = {0: "<blank>"}
        self.blank_id = self.pad_id = 0
        for word in words:
            self.add_word(word)

    def add_word(self, word: str) -> int:
        if word not in self.word2idx:
            index = len(self.word2idx)
            self.word2idx[word] = index  # [sign-vocab-blank] only one of the two maps learns the word
        return self.word2idx[word]

    def encode(self, sentence: list[str]) -> list[int]:
        return [self.word2idx[word] for word in sentence]

    def decode(self, indices: list[int]) -> list[str]:
        return [self.idx2word.get(index, "<blank>") for index in indices]


def make_sentences(count: int, generator: torch.Generator) -> Sentences:
    """Signed sentences: each gloss has its movement, runs into the next and takes 6 to 8 frames."""
    signs = torch.randn(len(GLOSSES), 1, FEATURES, 3, generator=torch.Generator().manual_seed(0))
    features, frames, sentences = torch.zeros(count, MAX_FRAMES, FEATURES), [], []
    for n in range(count):
        words = int(torch.randint(MIN_WORDS, MAX_WORDS + 1, (1,), generator=generator))
        said = torch.randperm(len(GLOSSES), generator=generator)[:words].tolist()
        pace = torch.randint(6, 9, (words,), generator=generator).tolist()
        poses = [F.interpolate(signs[g], k, mode="linear") for g, k in zip(said, pace, strict=True)]
        moved = F.avg_pool1d(torch.cat(poses, 2), 3, 1, 1)[0].T
        features[n, : len(moved)] = moved + NOISE * torch.randn(moved.shape, generator=generator)
        frames.append(len(moved))
        sentences.append([GLOSSES[g] for g in said])
    return features, torch.tensor(frames), sentences


# ---- model -----------------------------------------------------------------------------------


class SignRecognizer(nn.Module):
    """Convolution over time, BiLSTM, log probabilities (sentence, frame, class)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(FEATURES, 48, 3, padding=1), nn.BatchNorm1d(48), nn.ReLU())
        self.lstm = nn.LSTM(48, HIDDEN, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN, classes)

    def forward(self, features: Tensor) -> Tensor:
        x, _ = self.lstm(self.encoder(features.transpose(1, 2)).transpose(1, 2))
        return self.output(x).log_softmax(-1)


# ---- train -----------------------------------------------------------------------------------


def ctc_loss(log_probs: Tensor, frames: Tensor, paths: list[list[int]], vocabulary: Vocabulary) -> Tensor:
    lengths = torch.tensor([len(path) for path in paths])
    targets = torch.tensor([index for path in paths for index in path])  # one after the other, no padding
    return F.ctc_loss(log_probs.transpose(0, 1), targets, frames, lengths, vocabulary.blank_id)


def train(model: nn.Module, vocabulary: Vocabulary, data: Sentences, held_out: Sentences) -> dict[str, float]:
    features, frames, sentences = data
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    scores: dict[str, float] = {}
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in torch.randperm(TRAIN).split(BATCH):
            said = [vocabulary.encode(sentences[n]) for n in batch]
            loss = ctc_loss(model.train()(features[batch]), frames[batch], said, vocabulary)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
            optimizer.step()
            losses.append(loss.item())
        scores = {"train_loss": sum(losses) / len(losses)} | evaluate(model, vocabulary, held_out)
        shown = "Train Loss: {train_loss:.4f} | Val Loss: {val_loss:.4f} | Val WER: {wer:.2%}"
        print(f"Epoch {epoch:2d}/{EPOCHS} |", shown.format(**scores))
    return scores


# ---- evaluate --------------------------------------------------------------------------------


def best_paths(log_probs: Tensor, frames: Tensor, blank: int) -> list[list[int]]:
    """Most probable class of each frame, repeats merged, blanks removed."""
    paths = [path[:n].unique_consecutive() for path, n in zip(log_probs.argmax(-1), frames, strict=True)]
    return [path[path != blank].tolist() for path in paths]


def edit_distance(said: list, heard: list) -> int:
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            last, row[j] = row[j], min(last + (a != b), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@torch.no_grad()
def evaluate(model: nn.Module, vocabulary: Vocabulary, data: Sentences, show: int = 0) -> dict[str, float]:
    """CTC loss, then the error rate of the indices and that of the words that they stand for."""
    features, frames, sentences = data
    log_probs = model.eval()(features)
    said = [vocabulary.encode(sentence) for sentence in sentences]
    paths = best_paths(log_probs, frames, vocabulary.blank_id)
    heard = [vocabulary.decode(path) for path in paths]
    for truth, guess in list(zip(sentences, heard, strict=True))[:show]:
        print(f"REF: {' '.join(truth)} | HYP: {' '.join(guess)}")
    words = [[word for word in line if word not in SPECIAL] for line in heard]
    wer = sum(map(edit_distance, sentences, words)) / sum(map(len, said))
    index_error_rate = sum(map(edit_distance, said, paths)) / sum(map(len, said))
    val_loss = ctc_loss(log_probs, frames, said, vocabulary).item()
    return {"val_loss": val_loss, "index_error_rate": index_error_rate, "wer": wer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    torch.set_num_threads(1)
    generator = torch.manual_seed(seed)
    data, held_out = make_sentences(TRAIN, generator), make_sentences(VALIDATION, generator)
    vocabulary = Vocabulary(GLOSSES)
    model = SignRecognizer(len(vocabulary.word2idx))
    scores = train(model, vocabulary, data, held_out)
    evaluate(model, vocabulary, held_out, SHOWN)
    print("metrics", json.dumps({name: round(value, 4) for name, value in scores.items()}))


if __name__ == "__main__":
    main()
