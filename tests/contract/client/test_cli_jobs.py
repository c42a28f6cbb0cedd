# ruff: noqa: F811 - fixtures are imported by name and asked for by name
import json

import pytest
from cli_fixtures import data_directory, gateway, invoke, surroundings, url  # noqa: F401 - fixtures

from prismlane.common import errors
from prismlane.common.errors import ERRORS_BY_CODE, JobFailedError, PrismlaneError, UnknownColumnError


def test_jobs_are_listed_as_a_table_newest_first(invoke, gateway, url):
    ids = [gateway.add_job(), gateway.add_job("failed", error={"code": "out-of-memory", "detail": "x"})]
    shown = invoke("jobs", "list")
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "ANALYSIS", "CREATED", "SECONDS", "WHY"]
    assert [line.split()[0] for line in lines[1:]] == ids[::-1]
    assert lines[1].endswith("out-of-memory")
    assert shown.exit_code == 0


@pytest.mark.parametrize(
    "place", [["--json", "jobs", "list"], ["jobs", "list", "--json"], ["jobs", "-o", "json", "list"]]
)
def test_json_is_one_document_wherever_the_option_stands(invoke, gateway, url, place):
    id_ = gateway.add_job()
    assert [job["id"] for job in json.loads(invoke(*place).stdout)] == [id_]


def test_ndjson_is_one_job_a_line(invoke, gateway, url):
    for _ in range(3):
        gateway.add_job()
    assert [
        json.loads(line)["state"] for line in invoke("jobs", "list", "-o", "ndjson").stdout.splitlines()
    ] == ["queued"] * 3


def test_a_limit_over_several_pages_is_kept(invoke, gateway, url):
    for _ in range(5):
        gateway.add_job()
    assert len(json.loads(invoke("jobs", "list", "--limit", 4, "--json").stdout)) == 4


def test_an_id_may_be_shortened(invoke, gateway, url):
    id_ = gateway.add_job()
    for short in (id_[:-3], id_.removeprefix("job_0_")[:-3]):
        assert json.loads(invoke("jobs", "show", short, "--json").stdout)["id"] == id_


def test_a_beginning_of_several_ids_is_refused_and_names_them(invoke, gateway, url):
    ids = [gateway.add_job(), gateway.add_job()]
    shown = invoke("jobs", "show", "job_0_")
    assert shown.exit_code == 2
    assert all(id_ in shown.stderr for id_ in ids)


def test_an_unknown_job_exits_with_5(invoke, url):
    shown = invoke("jobs", "show", "job_0_zzz")
    assert shown.exit_code == 5
    assert shown.stderr.startswith("error[job-not-found]: ")
    assert "\n    List the jobs: prismlane jobs list" in shown.stderr
    assert shown.stdout == ""


def test_a_submitted_job_prints_its_id_only(invoke, gateway, url):
    shown = invoke("jobs", "submit", "profile", gateway.add_dataset(), "-P", "top=3", "-P", "columns=a, b")
    assert shown.stdout.strip() in gateway.jobs
    submitted = [asked for asked in gateway.asked if asked.method == "POST"][-1]
    assert submitted.json()["params"] == {"top": 3, "columns": ["a", "b"]}


def test_a_misspelt_analysis_is_told_before_the_file_is_sent(invoke, gateway, url, tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    shown = invoke("jobs", "submit", "profil", "x.csv")
    assert shown.exit_code == 5
    assert gateway.datasets == {}


def test_watching_prints_each_event_and_exits_as_the_job_ended(invoke, gateway, url):
    id_ = gateway.add_job()
    shown = invoke("jobs", "watch", id_)
    assert [line.split()[-1] for line in shown.stdout.splitlines()] == ["job.accepted", "job.succeeded"]
    gateway.end_state = "failed"
    assert invoke("jobs", "watch", gateway.add_job()).exit_code == 1


def test_events_are_listed_without_waiting(invoke, gateway, url):
    shown = invoke("jobs", "events", gateway.add_job(), "--after", 1, "--json")
    assert [event["seq"] for event in json.loads(shown.stdout)] == [2, 3]


def test_a_wait_that_is_too_short_exits_with_124_and_says_that_the_job_goes_on(invoke, gateway, url):
    gateway.looks_until_end = 10**9
    shown = invoke("jobs", "wait", gateway.add_job(), "--timeout", 0)
    assert shown.exit_code == 124
    assert "it goes on" in shown.stderr


def test_waiting_for_a_job_that_failed_exits_with_1_and_says_why(invoke, gateway, url):
    gateway.end_state = "failed"
    gateway.end_error = UnknownColumnError('"churn" is not a column', hint="closest: churned").to_dict()
    shown = invoke("jobs", "wait", gateway.add_job())
    assert shown.exit_code == 1
    assert 'attempts: "churn" is not a column\n    closest: churned\n' in shown.stderr


def test_a_result_is_findings_for_people_and_json_for_programs(invoke, gateway, url):
    id_ = gateway.add_job()
    shown = invoke("jobs", "result", id_)
    assert shown.stdout == (
        "Profile of flights\n"
        "\n"
        "  1. WARNING  tailnum looks like a key\n"
        "              -> Leave it out.\n"
        "  2. info     dep_time is missing in 2 % of the rows\n"
        "\n"
        "caution: one column is empty\n"
    )
    assert json.loads(invoke("jobs", "result", id_, "--json").stdout)["findings"][1]["score"] == 0.9


def test_a_report_goes_to_stdout_or_to_a_file(invoke, gateway, url, tmp_path):
    id_ = gateway.add_job("succeeded")
    html = invoke("jobs", "report", id_).stdout
    shown = invoke("jobs", "report", id_, "--out", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == html
    assert shown.stdout == ""
    assert "write" in shown.stderr


def test_a_report_that_cannot_be_written_exits_with_2(invoke, gateway, url, tmp_path):
    shown = invoke("jobs", "report", gateway.add_job("succeeded"), "--out", tmp_path / "none" / "r.html")
    assert shown.exit_code == 2
    assert "No such file or directory" in shown.stderr


def test_cancel_says_how_and_why(invoke, gateway, url):
    shown = invoke("jobs", "cancel", gateway.add_job(), "--force", "--reason", "wrong file")
    assert "cancelled" in shown.stdout
    assert gateway.asked[-1].json() == {"mode": "force", "grace_s": 10.0, "reason": "wrong file"}


def test_nothing_at_the_address_exits_with_3_and_says_what_to_do(invoke):
    shown = invoke("jobs", "list", "--url", "http://127.0.0.1:1")
    assert shown.exit_code == 3
    assert shown.stderr == (
        "error[server-unreachable]: nothing answers at http://127.0.0.1:1 (connection refused)\n"
        "    start one:  prismlane up     or run without a server:  prismlane run … --engine local\n"
    )


EXPECTED = {
    errors.AuthenticationError: 4,
    errors.ForbiddenError: 4,
    errors.DatasetInUseError: 6,
    errors.InvalidTransitionError: 6,
    errors.InvalidParametersError: 2,
    errors.UnknownColumnError: 7,
    errors.UnsupportedMediaError: 7,
    errors.TooLargeError: 8,
    errors.StorageFullError: 75,
    errors.InternalError: 1,
}


@pytest.mark.parametrize(("error", "code"), EXPECTED.items(), ids=lambda value: getattr(value, "code", value))
def test_the_exit_code_tells_what_kind_of_error_it_was(invoke, gateway, url, error, code):
    gateway.refuse = lambda asked: error("what", hint="how")
    shown = invoke("analyses", "list")
    assert shown.exit_code == code
    assert shown.stderr.startswith(f"error[{error.code}]: what\n    how\n")


def test_every_error_has_an_exit_code_that_is_documented():
    from prismlane.cli.exit_codes import exit_code_of

    documented = {1, 2, 3, 4, 5, 6, 7, 8, 75, 124}
    assert {exit_code_of(cls()) for cls in ERRORS_BY_CODE.values()} <= documented
    assert exit_code_of(JobFailedError()) == 1


def test_a_traceback_is_shown_with_v_only(invoke, gateway, url):
    gateway.refuse = lambda asked: PrismlaneError("what")
    assert "Traceback" not in invoke("analyses", "list").stderr
    assert "Traceback" in invoke("analyses", "list", "-v").stderr


def test_a_defect_is_told_without_a_traceback(invoke, gateway, url, monkeypatch):
    def broken(self):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("prismlane.client.analyses.Analyses.list", broken)
    shown = invoke("analyses", "list")
    assert shown.exit_code == 1
    assert shown.stderr.startswith("error[internal]: ZeroDivisionError: oops\n    ")
    assert "Traceback" not in shown.stderr
    assert "Traceback" in invoke("analyses", "list", "-v").stderr


def test_control_characters_in_data_never_reach_the_terminal(invoke, gateway, url):
    gateway.add_dataset("evil\x1b[2J\u202e.csv")
    shown = invoke("datasets", "list", "--color", "always").stdout
    assert "\x1b[2J" not in shown
    assert "\\x1b[2J\\u202e.csv" in shown


def test_colour_is_used_when_it_is_wanted_and_never_otherwise(invoke, gateway, url, monkeypatch):
    gateway.add_job()
    assert "\x1b[" not in invoke("jobs", "list").stdout
    assert "\x1b[1m" in invoke("jobs", "list", "--color", "always").stdout


@pytest.mark.parametrize(
    "arguments",
    [["jobs", "lst"], ["run"], ["run", "profile", "x", "--engine", "cloud"], ["--color", "pink", "status"]],
)
def test_a_wrong_call_exits_with_2(invoke, arguments):
    assert invoke(*arguments).exit_code == 2


def test_the_version_is_told(invoke):
    import prismlane

    assert invoke("--version").stdout == f"prismlane {prismlane.__version__}\n"
