"""The process that measures one subject once: `python -m bench.subject MODULE JSON`, figures as JSON on stdout."""

import importlib
import json
import os
import sys

from bench.measure import adopt_orphans


def main() -> None:
    """Run `measure` of the named module with the given arguments."""
    module, arguments = sys.argv[1:]
    # What the subject and its children print must not mix with the figures.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    adopt_orphans()
    figures = importlib.import_module(module).measure(**json.loads(arguments))
    answer.write(json.dumps(figures))
    answer.close()


if __name__ == "__main__":
    main()
