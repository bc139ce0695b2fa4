"""The command `tlrun`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from launcher.exit_codes import EXIT_BAD_INPUT
from launcher.spec import SpecError, parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run `tlrun` and return its exit code.

    Args:
        argv: the arguments after the program's name; those of this process where None.

    Returns:
        0 when every rank ended with 0; 2 for bad input; 124 after `--timeout`; 128 + the number of the signal that
        ended `tlrun`; otherwise the exit code of the rank that failed first, or 128 + the signal that killed it.
    """
    try:
        spec = parse(sys.argv[1:] if argv is None else argv)
    except SpecError as error:
        print(f"tlrun: error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except SystemExit as done:  # argparse has printed the help or the version
        return int(done.code or 0)
    try:
        # Help and complaints come at once: what starts processes is loaded only when there is something to start.
        from launcher.supervise import run

        return run(spec)
    except KeyboardInterrupt:  # before there was anything to stop
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
