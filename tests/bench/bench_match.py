"""Measure `repro match`: a fresh process beside a plain script that does the same, and warm within one process.

    python tests/bench/bench_match.py [--model FOLDER] [--runs N]

The plain script (`plain_match.py`) wants the weights of all-MiniLM-L6-v2, by name from the hub or as a folder. Both
find their vectors on disk. Machines are shared and noisy: believe the ratios of one run, in which the two alternate.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kb.match import Matcher
from repro.collection import find_collection

ROOT = Path(__file__).parents[2]
LOG = "my validation loss does not move\n" + "".join(
    f"[{epoch:3d}/60] train_loss={2.3 + 0.01 * (epoch % 3):.4f} val_loss=2.311390 val_acc=0.1120 lr=3e-4\n"
    for epoch in range(1, 60)
)
"""Of 60 lines."""


def time_process(*arguments: str) -> float:
    """Wall-clock seconds of a whole process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def bench_cold(model: str, runs: int) -> None:
    """Print both medians and the ratio; the first run of each fills the file cache."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "train.log")
        log.write_text(LOG, encoding="utf-8")
        plain = (str(ROOT / "tests" / "bench" / "plain_match.py"), model, str(log), f"{folder}/plain.faiss")
        own = ("-m", "repro", "match", str(log))
        pairs = [(time_process(*plain), time_process(*own)) for _ in range(runs + 1)][1:]
    slow, fast = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    print(f"cold: plain script {slow:.2f} s, repro match {fast:.2f} s, ratio {ratio:.1f}, medians of {runs} runs")


def bench_warm(runs: int) -> None:
    """Print the median of a diagnosis in a process that has made one before; each is of another text."""
    matcher = Matcher.load(find_collection().load_all())
    matcher.diagnose(LOG)
    times = []
    for number in range(runs):
        start = time.perf_counter()
        matcher.diagnose(f"run {number}: {LOG}")
        times.append(time.perf_counter() - start)
    print(f"warm: median {1e3 * statistics.median(times):.1f} ms, worst {1e3 * max(times):.1f} ms of {runs} texts")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sentence-transformers/all-MiniLM-L6-v2")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    bench_warm(20)
    bench_cold(options.model, options.runs)


if __name__ == "__main__":
    main()
