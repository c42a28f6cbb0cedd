"""The command line on real engines: one that runs, one of its own, and its own `up` and `down`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from prismlane.testing.engine_process import EngineProcess

without_engine = pytest.mark.parametrize("engine", ["none"], indirect=True)


@pytest.fixture
def sales_file(tmp_path, sales) -> Path:
    """`sales` as a file."""
    path = tmp_path / "sales.csv"
    path.write_bytes(sales)
    return path


@pytest.fixture
def command(engine, tmp_path):
    """Runs `prismlane` as users do, with an environment of the test's own; returns what came of it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PRISMLANE_")},
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "PRISMLANE_DATA__DIRECTORY": str(engine.data_directory if engine else tmp_path / "data"),
        "PRISMLANE_WORKER__N_WORKERS": "1",
        "PRISMLANE_SERVER__DRAIN_S": "1",
        "PRISMLANE_PLUGINS": '["prismlane.testing.analyses"]',
        "NO_COLOR": "1",
    }
    if engine is not None:
        environment["PRISMLANE_URL"] = engine.url

    def command(*arguments, code=0, **variables) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "prismlane", *map(str, arguments)],
            cwd=tmp_path,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return command


def test_run_prints_findings_and_writes_the_report(command, sales_file, tmp_path):
    done = command("run", "profile", sales_file, "--report", "out.html")
    assert "job job_0_" in done.stderr
    assert "40 rows and 4 columns" in done.stdout
    assert (tmp_path / "out.html").read_text().startswith("<!doctype html>")


def test_run_as_json_is_the_result(command, sales_file):
    result = json.loads(command("run", "profile", sales_file, "--json").stdout)
    assert result["dataset"]["n_rows"] == 40
    assert result["output"]


def test_story_of_a_job_is_told_by_its_commands(command, sales_file, tmp_path):
    job_id = command("jobs", "submit", "profile", sales_file, "--label", "by=cli").stdout.strip()
    watched = command("jobs", "watch", job_id)
    assert "job.accepted" in watched.stdout
    assert "job.succeeded" in watched.stdout
    assert json.loads(command("jobs", "show", job_id, "--json").stdout)["state"] == "succeeded"
    listed = json.loads(command("jobs", "list", "--label", "by=cli", "--json").stdout)
    assert job_id in [job["id"] for job in listed]
    assert job_id in command("jobs", "list").stdout
    assert json.loads(command("jobs", "result", job_id, "--json").stdout)["analysis"] == "profile"
    command("jobs", "report", job_id, "--out", "told.html")
    assert (tmp_path / "told.html").stat().st_size > 1000
    assert command("jobs", "wait", job_id, "--timeout", "10").stdout


def test_story_of_a_dataset_is_told_by_its_commands(command, sales_file):
    dataset = json.loads(command("datasets", "add", sales_file, "--name", "cli.csv", "--json").stdout)
    assert dataset["id"] in command("datasets", "list").stdout
    schema = json.loads(command("datasets", "schema", dataset["id"], "--json").stdout)
    assert [column["name"] for column in schema["columns"]] == ["day", "region", "units", "price"]
    preview = json.loads(command("datasets", "preview", dataset["id"], "--rows", "2", "--json").stdout)
    assert len(preview["rows"]) == 2
    command("datasets", "delete", dataset["id"])
    command("datasets", "show", dataset["id"], code=5)


def test_engine_and_catalogue_are_shown(command):
    listed = json.loads(command("analyses", "list", "--json").stdout)
    assert "profile" in [analysis["name"] for analysis in listed]
    assert json.loads(command("status", "--json").stdout)["ready"] is True
    assert "READY" in command("status").stdout
    assert command("doctor").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("run", "fail", "sales.csv"), 2, "error[invalid-parameters]"),
        (("run", "profil", "sales.csv"), 5, "error[analysis-not-found]"),
        (("run", "profile", "none.csv"), 7, "error[unreadable-data]"),
        (("run", "profile", "bad.csv"), 7, "error[unreadable-data]"),
        (("run", "profile", "sales.csv", "-P", "columns=unit"), 7, "error[unknown-column]"),
        (("run", "profile", "sales.csv", "-P", "colums=unit"), 2, "error["),
        (("jobs", "show", "job_0_00000000000000000000000000"), 5, "error[job-not-found]"),
        (("jobs", "list", "--state", "sleeping"), 2, "error[invalid-request]"),
        (("status", "--url", "http://127.0.0.1:9"), 3, "error[server-unreachable]"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_exit_code_and_text_say_what_went_wrong(command, sales_file, arguments, code, told):
    (sales_file.parent / "bad.csv").write_text('a,b\n1,2\n3,"4\n')
    failed = command(*arguments, code=code)
    assert told in failed.stderr
    assert failed.stdout == ""


def test_job_that_fails_makes_its_command_fail(command, sales_file, submit):
    failed = submit("fail", {"message": "The prices are negative."}, wait_s=30)
    told = command("jobs", "result", failed["id"], code=1)
    assert "The prices are negative." in told.stderr
    command("jobs", "watch", failed["id"], code=1)
    command("jobs", "wait", failed["id"], code=1)


def test_wait_that_is_over_has_a_code_of_its_own(command, submit):
    job = submit("sleep", {"seconds": 600})
    command("jobs", "wait", job["id"], "--timeout", "0.2", code=124)
    assert command("jobs", "cancel", job["id"], "--force").stdout


@without_engine
def test_run_without_a_server_starts_an_engine_for_itself(command, sales_file, tmp_path):
    done = command("run", "profile", sales_file, "--report", "own.html", PRISMLANE_URL="http://127.0.0.1:9")
    assert "starting an engine" in done.stderr
    assert "40 rows and 4 columns" in done.stdout
    assert (tmp_path / "own.html").stat().st_size > 1000


@without_engine
def test_local_client_brings_its_engine_and_ends_it(engine, tmp_path):
    program = """
import json, os
from prismlane import Client
from prismlane.common.settings import EngineSettings

with Client.local(EngineSettings(server={"port": 0, "drain_s": 1}, worker={"n_workers": 1})) as client:
    result = client.run("profile", client.datasets.add(b"a\\n1\\n2\\n", name="t.csv"), timeout=120)
print(json.dumps({"n_rows": result.dataset.n_rows, "url": client.url}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", program],
        env={**os.environ, "PRISMLANE_DATA__DIRECTORY": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_rows"] == 2
    assert done.stderr == ""


@without_engine
def test_engine_that_is_up_is_found_and_ended_by_down(command, sales_file, tmp_path):
    with EngineProcess.start(tmp_path / "data", n_workers=1) as up:
        again = command("up", code=6)
        assert up.url in again.stderr
        assert json.loads(command("status", "--json").stdout)["url"] == up.url
        command("down")
        assert up.process.wait(60) == 0, up.log.read_text()[-5000:]
    assert "no engine runs" in command("down").stderr
    command("status", code=3)
