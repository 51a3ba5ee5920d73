"""How fast logs are read, and in how much memory: `python tests/bench/bench_read.py [--megabytes 100]`.

Machines differ and are shared: take the figures of one run together.
"""

import argparse
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator

STYLES = {
    "one statement": "2026-11-21 00:23:{s:02d},400 - INFO - Epoch [{e}][{i}/1000]  lr: {a:.3e}, eta: 0:00:24, "
    "time: 0.152, loss_cls: {b:.4f}, acc: {c:.4f}, loss: {b:.4f}, grad_norm: {d:.4f}",
    "dicts": "{{'loss': {b:.4f}, 'grad_norm': {d:.4f}, 'learning_rate': {a:.3e}, 'epoch': {i}.{e}}}",
    "no numbers of a run": "2026-11-21 00:23:{s:02d} worker {e} loaded shard-{i:05d}.tar from cache in {s} ms",
}


def write_lines(style: str, megabytes: float) -> Iterator[str]:
    """Chunks of log lines in a style."""
    random.seed(0)
    written, n = 0, 0
    while written < megabytes * 1e6:
        lines = []
        for _ in range(2000):
            n += 1
            a, b, c, d = (random.random() for _ in range(4))
            lines.append(STYLES[style].format(s=n % 60, e=n // 1000, i=n % 1000, a=a, b=b, c=c, d=d))
        chunk = "\n".join(lines) + "\n"
        written += len(chunk)
        yield chunk


def measure_style(style: str, megabytes: float) -> None:
    """Read one style; printed in MB/s, with the peak of the memory of this process."""
    from kb.read.text import TextReader

    chunks = list(write_lines(style, min(megabytes, 10))) * max(1, round(megabytes / 10))
    started = time.process_time()
    log = TextReader().read(chunks)
    seconds = time.process_time() - started
    size = sum(map(len, chunks)) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{style:22s} {size:6.0f} MB  {size / seconds:6.1f} MB/s  {log.count:9,} records  peak {peak:.0f} MB")


def measure_paste() -> None:
    """A paste of 100 lines, warm: reading, and measuring all signs."""
    from kb.read import read_text
    from kb.signs import measure_signs

    text = "".join(f"epoch {n} train_loss {1 / n:.4f} val_loss {2 / n:.4f} lr 1e-3\n" for n in range(1, 101))
    measure_signs(read_text(text))
    started = time.process_time()
    for _ in range(20):
        log = read_text(text)
    middle = time.process_time()
    for _ in range(20):
        measure_signs(log)
    ended = time.process_time()
    print(f"100 lines, warm: read {(middle - started) * 50:.1f} ms, signs {(ended - middle) * 50:.1f} ms")


def main() -> None:
    """Each style in a process of its own, so that the peaks are its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--style", choices=STYLES)
    chosen = parser.parse_args()
    if chosen.style:
        measure_style(chosen.style, chosen.megabytes)
        return
    for style in STYLES:
        subprocess.run([sys.executable, __file__, "--style", style, "--megabytes", str(chosen.megabytes)], check=True)
    measure_paste()


if __name__ == "__main__":
    main()
