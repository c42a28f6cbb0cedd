import os
import subprocess
import sys

import pytest

from prismlane.cli.messages import Messages
from prismlane.cli.output import Output
from prismlane.cli.terminal import kept_for_us
from prismlane.common.errors import StoreUnavailableError

PROGRAM = """
import os, sys
from pathlib import Path
from prismlane.cli.messages import Messages
from prismlane.cli.output import Output
from prismlane.cli.terminal import kept_for_us

with kept_for_us(Path(sys.argv[1])):
    os.write(1, b"native out\\n")
    os.write(2, b"native err\\n")
    print("python out")
    print("python err", file=sys.stderr)
    Messages().say("ours")
    Output().text("data")
print("after")
"""


def test_only_our_own_words_reach_the_terminal(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("data\nafter\n", "ours\n")
    told = sorted((tmp_path / "ray.log").read_text().splitlines())
    assert told == ["native err", "native out", "python err", "python out"]


def test_streams_that_are_no_descriptors_stay_ours(tmp_path, capsys):
    with kept_for_us(tmp_path):
        os.write(2, b"native\n")
        Messages().say("ours")
        Output().text("data")
    assert (capsys.readouterr().out, (tmp_path / "ray.log").read_text()) == ("data\n", "native\n")


def test_a_folder_of_logs_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "logs").touch()
    with pytest.raises(StoreUnavailableError, match="cannot be written"), kept_for_us(tmp_path / "logs"):
        pass
