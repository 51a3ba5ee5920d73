"""Measure speed: `repro list` from cold, and `repro verify` against the same with fresh processes.

    python tests/bench/bench_speed.py [--seeds N] [--runs N] [CASE ...]

Machines are shared and noisy: believe the ratios of one run, in which the two ways alternate.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time


def time_command(*arguments: str) -> tuple[float, str]:
    """Wall-clock seconds of the whole process, and what it printed."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "repro", *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, done.stdout


def bench_list(runs: int) -> None:
    """Print the median of a cold `repro list` beside that of Python itself."""
    time_command("list")
    times, empty = [], []
    for _ in range(runs):
        times.append(time_command("list")[0])
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        empty.append(time.perf_counter() - start)
    print(f"repro list: median {statistics.median(times):.3f} s, least {min(times):.3f} s of {runs} runs")
    print(f"  (python -c pass: median {statistics.median(empty):.3f} s)")


def bench_verify(cases: list[str], seeds: int, runs: int) -> None:
    """Print the ratio of `repro verify --fresh` to `repro verify`, run by turns."""
    ratios = []
    for number in range(runs):
        forked, found = time_command("verify", *cases, "--seeds", str(seeds), "--json")
        fresh, _ = time_command("verify", *cases, "--seeds", str(seeds), "--json", "--fresh")
        ratios.append(fresh / forked)
        print(f"verify {number + 1}: forked {forked:.1f} s, fresh {fresh:.1f} s, ratio {fresh / forked:.2f}")
    count = len(json.loads(found)["cases"])
    print(f"repro verify, {count} cases, {seeds} seeds: fresh / forked = {statistics.median(ratios):.2f}")


def bench_sides(cases: list[str]) -> None:
    """Print the slowest side of each case, run alone."""
    _, found = time_command("verify", *cases, "--jobs", "1", "--json")
    for case in json.loads(found)["cases"]:
        print(f"{case['case']}: slowest side {case['slowest_seconds']:.2f} s")


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    bench_list(10)
    bench_sides(options.cases)
    bench_verify(options.cases, options.seeds, options.runs)


if __name__ == "__main__":
    main()
