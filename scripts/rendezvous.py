"""Processes that are killed or stopped while they look for each other by multicast: those that live must meet.

    .venv/bin/python scripts/rendezvous.py                  # seeds 0 to 19, about four seconds each
    .venv/bin/python scripts/rendezvous.py --seeds 1 --first 7 --group ff15::77

Of each seed, three processes come first and are killed or stopped at random times; four come at random times and are
left alone. Exit code 1 if those four do not meet, all in one group of four, within the time.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZE, VICTIMS = 4, 3
SECONDS = 25.0
PROGRAM = """
import sys
from dist.errors import DistError
from dist.rendezvous import rendezvous

try:
    met = rendezvous(sys.argv[1], -1, int(sys.argv[2]), timeout=float(sys.argv[3]))
    met.store.set(str(met.rank), b"")
    met.store.wait([str(rank) for rank in range(met.size)])
except DistError as error:
    print(f"failed: {error}")
else:
    print(met.rank, met.secret.hex())
    met.close()
"""


def main() -> int:
    """Run all seeds; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--group", default="239.255.77.77", help="multicast address, IPv4 or IPv6")
    parser.add_argument("--port", type=int, default=24077)
    arguments = parser.parse_args()
    group = f"[{arguments.group}]" if ":" in arguments.group else arguments.group
    failed = 0
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        said = run_seed(seed, f"tcp://{group}:{arguments.port}")
        good = met(said)
        failed += not good
        print(f"seed {seed}: " + ("met" if good else "\n    ".join(["did not meet", *said])), flush=True)
    print(f"{arguments.seeds - failed} of {arguments.seeds} seeds well")
    return int(failed > 0)


def met(said: list[str]) -> bool:
    """Tell whether all have met each other."""
    ranks, _, secrets = zip(*(line.partition(" ") for line in said), strict=True)
    return sorted(ranks) == [str(rank) for rank in range(SIZE)] and len(set(secrets)) == 1


def run_seed(seed: int, url: str) -> list[str]:
    """Return what each of those that were left alone said in the end."""
    dice = random.Random(seed)
    begun = time.monotonic()
    victims = [start(url) for _ in range(VICTIMS)]
    ends = [(dice.uniform(0.2, 1.2), dice.choice([signal.SIGKILL, signal.SIGSTOP]), victim) for victim in victims]
    # Late enough not to be in a group with one that is killed then.
    events = [*ends, *((dice.uniform(1.0, 2.0), None, None) for _ in range(SIZE))]
    others = []
    for at, number, victim in sorted(events, key=lambda event: event[0]):
        time.sleep(max(0.0, begun + at - time.monotonic()))
        if victim and number:
            victim.send_signal(number)
        else:
            others.append(start(url))
    try:
        return [outcome(process) for process in others]
    finally:
        for process in [*victims, *others]:
            process.kill()
            process.communicate()


def start(url: str) -> subprocess.Popen[str]:
    """Start a process that looks for the others."""
    command = [sys.executable, "-c", PROGRAM, url, str(SIZE), str(SECONDS)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def outcome(process: subprocess.Popen[str]) -> str:
    """Return what a process says in the end."""
    try:
        return process.communicate(timeout=3 * SECONDS)[0].strip()
    except subprocess.TimeoutExpired:
        return "hung"


if __name__ == "__main__":
    sys.exit(main())
