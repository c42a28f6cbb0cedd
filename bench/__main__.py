"""The driver: alternates the subjects over rounds, prints medians and ratios, one JSON line a figure.

A ratio is the median of the ratios within each round, so that a noisy machine harms it less than it harms the values.
"""

import argparse
import importlib
import json
import subprocess
import sys
from statistics import median

from bench.comparison import Comparison, Figures, Subject
from bench.environment import environment

COMPARISONS = ("engine_noop", "profile")
SUBJECT_TIMEOUT_S = 1800


class SubjectFailedError(Exception):
    """A subject ended without figures."""


def main() -> int:
    """Run what the command line asks for; 1 where a subject failed, whose figures are then missing."""
    asked = _arguments()
    failed = False
    for name in asked.names or COMPARISONS:
        comparison = importlib.import_module(f"bench.{name}").COMPARISON
        subjects = {
            title: subject
            for title, subject in comparison.subjects.items()
            if not (asked.peers_only and subject.is_product)
        }
        rounds, failures = run(subjects, n_rounds=1 if asked.quick else asked.rounds, quick=asked.quick)
        for line in lines(comparison, rounds):
            print(json.dumps(line | {"quick": asked.quick} | environment()), flush=True)
        for failure in failures:
            print(f"bench {name}: {failure}", file=sys.stderr)
        failed = failed or bool(failures)
    return int(failed)


def run(
    subjects: dict[str, Subject], *, n_rounds: int, quick: bool
) -> tuple[list[dict[str, Figures]], list[SubjectFailedError]]:
    """The figures of each subject in each round. A subject that fails is left out of the rounds after."""
    rounds: list[dict[str, Figures]] = []
    failures: list[SubjectFailedError] = []
    left = dict(subjects)
    for number in range(n_rounds):
        figures: dict[str, Figures] = {}
        # Every other round backwards: no subject always has the machine as the same neighbour left it.
        for title in list(left)[:: -1 if number % 2 else 1]:
            print(f"round {number + 1} of {n_rounds}: {title}", file=sys.stderr, flush=True)
            try:
                figures[title] = measure(title, left[title], quick=quick)
            except SubjectFailedError as error:
                failures.append(error)
                del left[title]
        rounds.append(figures)
    return rounds, failures


def measure(title: str, subject: Subject, *, quick: bool) -> Figures:
    """Measure `subject` once, in a process of its own."""
    command = [sys.executable, "-m", "bench.subject", subject.module]
    try:
        done = subprocess.run(
            [*command, json.dumps({"quick": quick, **subject.options})],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=SUBJECT_TIMEOUT_S,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise SubjectFailedError(f"{title} gave no figures: {error}") from error
    return {figure: (value, unit) for figure, (value, unit) in json.loads(done.stdout).items()}


def lines(comparison: Comparison, rounds: list[dict[str, Figures]]) -> list[dict[str, object]]:
    """One line for each figure of each subject, in the order of the comparison's subjects."""
    found = []
    for title in comparison.subjects:
        measured = [figures[title] for figures in rounds if title in figures]
        for figure, (_, unit) in measured[0].items() if measured else ():
            values = [figures[figure][0] for figures in measured]
            ratios = _ratios(rounds, title, comparison.baseline, figure)
            found.append(
                {
                    "bench": comparison.name,
                    "figure": figure,
                    "subject": title,
                    "value": round(median(values), 4),
                    "unit": unit,
                    "ratio_to": comparison.baseline if ratios else None,
                    "ratio": round(median(ratios), 3) if ratios else None,
                    "values": [round(value, 4) for value in values],
                }
            )
    return found


def _ratios(rounds: list[dict[str, Figures]], title: str, baseline: str, figure: str) -> list[float]:
    both = [figures for figures in rounds if title in figures and figure in figures.get(baseline, {})]
    return [
        figures[title][figure][0] / figures[baseline][figure][0]
        for figures in both
        if figures[baseline][figure][0]
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(COMPARISONS)}; all by default"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one small round: does it run?")
    parser.add_argument("--peers-only", action="store_true", help="leave the product out")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(COMPARISONS):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
