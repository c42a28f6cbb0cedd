# ruff: noqa: F811 - fixtures are imported by name and asked for by name
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
from cli_fixtures import data_directory, engine, gateway, invoke, surroundings, url  # noqa: F401 - fixtures

from prismlane.cli import checks
from prismlane.cli.engine_record import FILE_NAME, EngineRecord, read_record, running_engine
from prismlane.cli.stop_signals import stop_signals
from prismlane.cli.up import safety
from prismlane.common.settings import EngineSettings


@pytest.fixture
def child():
    """A process that lives until it is told to end."""
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"], stdout=-1
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


ON = {"on": True, "reason": "RLIMIT_AS"}
OFF = {"on": False, "reason": "this system refuses it"}


def record_of(process):
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    return EngineRecord(process.pid, ticks, "http://127.0.0.1:1")


def test_up_announces_itself_leaves_a_private_record_and_stops_on_a_signal(
    invoke, engine, data_directory, monkeypatch
):
    seen = []

    class Stop:
        def listen(self):
            seen.append("listens")

        def wait(self):
            seen.append(read_record(data_directory))
            seen.append(stat.S_IMODE((data_directory / FILE_NAME).stat().st_mode))

    monkeypatch.setattr("prismlane.cli.up.stop_signals", lambda: nullcontext(Stop()))
    shown = invoke("up", "--port", 0, "--workers", 3, "--front", "haproxy", "--json")
    assert shown.exit_code == 0
    assert json.loads(shown.stdout) == {
        "url": engine.url,
        "pid": os.getpid(),
        "data_directory": str(data_directory),
    }
    assert seen == ["listens", "listens", EngineRecord.of_this_process(engine.url), 0o600]
    assert (engine.settings.server.port, engine.settings.worker.n_workers) == (0, 3)
    assert engine.settings.server.front == "haproxy"
    assert engine.n_stops == 1
    assert not (data_directory / FILE_NAME).exists()
    for told in (
        "start Ray",
        "/openapi.json",
        "/metrics",
        str(data_directory),
        str(data_directory / "logs"),
        "this machine only, no login",
        "Ctrl-C",
    ):
        assert told in shown.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_asks_to_end_is_heard(number):
    before = signal.getsignal(number)
    with stop_signals() as stop:
        assert not stop.wait(0)
        os.kill(os.getpid(), number)
        assert stop.wait(10)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(
    ("number", "raised"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit), (signal.SIGHUP, SystemExit)],
)
def test_a_signal_before_the_wait_interrupts_once(number, raised):
    with stop_signals() as stop:
        with pytest.raises(raised):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        assert stop.wait(0)


def test_signals_that_something_else_took_are_taken_back():
    with stop_signals() as stop:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop.listen()
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_engine_on_the_same_data_is_refused(invoke, engine, data_directory, child):
    record_of(child).write(data_directory)
    shown = invoke("up")
    assert shown.exit_code == 6
    assert f"http://127.0.0.1:1 (process {child.pid})" in shown.stderr
    assert engine.settings is None


def test_down_ends_the_recorded_engine_and_waits_for_it(invoke, data_directory, child):
    record_of(child).write(data_directory)
    shown = invoke("down")
    assert shown.exit_code == 0
    assert child.wait(10) == -signal.SIGTERM
    assert f"(process {child.pid})" in shown.stderr


def test_down_touches_no_process_that_got_the_same_number_later(invoke, data_directory, child):
    EngineRecord(child.pid, "12345", "http://127.0.0.1:1").write(data_directory)
    assert "no engine runs" in invoke("down").stderr
    assert child.poll() is None


def test_down_without_an_engine_says_so(invoke, data_directory):
    assert invoke("down").exit_code == 0
    (data_directory / FILE_NAME).write_text("{}")
    assert "no engine runs" in invoke("down").stderr


def test_an_engine_that_does_not_end_is_told_about(child):
    ignoring = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()",
        ],
        stdout=-1,
    )
    with ignoring as process:
        process.stdout.readline()
        assert record_of(process).stop(timeout_s=0.05) is False
        process.kill()


def test_a_process_that_ended_is_no_running_engine(data_directory, child):
    record = record_of(child)
    record.write(data_directory)
    assert running_engine(data_directory) == record
    child.kill()
    child.wait()
    assert running_engine(data_directory) is None
    assert record.stop(1) is True


def test_status_shows_the_engine(invoke, gateway, url):
    shown = json.loads(invoke("status", "--json").stdout)
    assert (shown["url"], shown["ready"], shown["n_workers"]) == (url, True, 2)


def test_status_of_an_engine_that_is_not_ready_exits_with_75(invoke, gateway, url):
    gateway.ready = False
    assert invoke("status").exit_code == 75


def test_status_without_an_engine_exits_with_3(invoke, monkeypatch):
    monkeypatch.setenv("PRISMLANE_URL", "http://127.0.0.1:1")
    assert invoke("status").exit_code == 3


@pytest.mark.parametrize(
    ("host", "has_key", "told"),
    [
        ("127.0.0.1", False, "this machine only, no login"),
        ("::1", True, "this machine only, with the API key from PRISMLANE_AUTH__API_KEY"),
        ("0.0.0.0", True, "reachable by other machines on 0.0.0.0, with the API key"),
    ],
)
def test_who_can_reach_an_engine_is_told(monkeypatch, host, has_key, told):
    if has_key:
        monkeypatch.setenv("PRISMLANE_AUTH__API_KEY", "k" * 16)
    assert safety(EngineSettings.load(server={"host": host})).startswith(told)


def test_the_file_that_holds_the_key_is_named_but_not_the_key(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("k" * 16)
    monkeypatch.setenv("PRISMLANE_AUTH__API_KEY_FILE", str(tmp_path / "key"))
    told = safety(EngineSettings.load())
    assert str(tmp_path / "key") in told
    assert "kkkk" not in told


def test_a_front_that_does_not_exist_is_refused(invoke, engine):
    assert invoke("up", "--front", "nginx").exit_code == 2
    assert engine.settings is None


def test_a_wrong_setting_names_its_variable(invoke, monkeypatch):
    monkeypatch.setenv("PRISMLANE_SERVER__PORT", "70000")
    shown = invoke("up")
    assert shown.exit_code == 2
    assert "PRISMLANE_SERVER__PORT" in shown.stderr


def test_status_tells_which_limits_are_off_and_why(invoke, gateway, url):
    gateway.sandbox = {"memory": ON, "network": {"on": False, "reason": "no Landlock here"}}
    shown = invoke("status").stdout
    assert "1 of 2 limits in force" in shown
    assert "no Landlock here" in shown


def test_doctor_says_ok_and_knows_the_sandbox(invoke, gateway, url):
    found = {each["check"]: each for each in json.loads(invoke("doctor", "--json").stdout)}
    assert found["python"]["verdict"] == "ok"
    assert found["server"]["what"] == f"{url} is ready"
    assert found["sandbox"]["what"] == "1 of 1 limits in force"
    assert found["ray"]["verdict"] == "ok"
    assert found["sqlite"]["verdict"] == "ok"


def test_doctor_exits_with_1_when_something_is_wrong_and_says_how_to_mend_it(
    invoke, monkeypatch, data_directory
):
    data_directory.rmdir()
    data_directory.write_text("a file")
    shown = invoke("doctor", "--url", "http://127.0.0.1:1")
    assert shown.exit_code == 1
    assert "FAIL  data directory:" in shown.stdout
    assert "-> chown" in shown.stdout


def test_old_versions_are_problems():
    assert checks.python_version((3, 10, 1)).verdict == "problem"
    assert checks.ray_version("2.9.0").verdict == "problem"
    assert checks.ray_version(None).verdict == "problem"


def test_an_old_sqlite_is_a_problem(monkeypatch):
    old = type("apsw", (), {"sqlite_lib_version": staticmethod(lambda: "3.51.2")})
    monkeypatch.setattr(checks.importlib, "import_module", lambda name: old)
    assert checks.sqlite_version().verdict == "problem"


def test_a_token_that_others_can_read_is_a_warning(tmp_path):
    token = tmp_path / "token"
    assert checks.ray_token(token).verdict == "ok"
    token.touch(0o644)
    assert checks.ray_token(token).fix == f"chmod 600 {token}"
    token.chmod(0o600)
    assert checks.ray_token(token).verdict == "ok"


def test_a_taken_port_is_a_problem():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert checks.port_free("127.0.0.1", port).verdict == "problem"
    assert checks.port_free("127.0.0.1", 0).verdict == "ok"


def test_a_directory_yet_to_be_made_is_judged_by_where_it_will_be(tmp_path, monkeypatch):
    verdicts = [finding.verdict for finding in checks.data_directory_usable(tmp_path / "a" / "b")]
    assert verdicts == ["ok", "ok"]
    monkeypatch.setattr(checks, "LOW_SPACE_BYTES", 10**18)
    assert [finding.verdict for finding in checks.data_directory_usable(tmp_path)] == ["ok", "warning"]


@pytest.mark.parametrize(
    ("sandbox", "verdict"),
    [
        ({}, "problem"),
        ({"memory": OFF}, "problem"),
        ({"memory": ON, "network": OFF}, "warning"),
        ({"memory": ON, "network": ON}, "ok"),
    ],
)
def test_the_strength_of_the_sandbox_is_judged(sandbox, verdict):
    assert checks.sandbox_strength(sandbox).verdict == verdict


def test_only_the_client_installed_is_a_warning():
    assert checks.engine_installed(False).fix == "pip install 'prismlane[engine]'"
