import pytest

from prismlane.common.errors import (
    ERRORS_BY_CODE,
    AnalysisError,
    CancelledByRequestError,
    ChildDiedError,
    DeadlineExceededError,
    NotEnoughDataError,
    OutOfMemoryError,
    StaleFenceError,
)
from prismlane.engine.sandbox.problems import MAX_TRACEBACK_LINES, error_of, frames_of, problem_of


def raised(function):
    try:
        function()
    except BaseException as error:
        return error
    raise AssertionError


def dive(depth):
    if depth == 0:
        raise KeyError("key")
    dive(depth - 1)


OutOfMemoryException = type("OutOfMemoryException", (Exception,), {"__module__": "_duckdb"})


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError


def test_error_of_the_tree_makes_the_round_trip():
    error = NotEnoughDataError(
        "Two rows.", hint="More.", facts={"n": 2}, errors=[{"pointer": "/x", "detail": "y"}]
    )
    again = error_of(problem_of(error, None), None)
    assert type(again) is NotEnoughDataError
    assert again.to_dict() == error.to_dict()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryException("duckdb"),
        OSError(12, "ENOMEM"),
        RuntimeError("can't start new thread"),
    ],
)
def test_every_way_to_lack_memory_is_out_of_memory(error):
    assert type(error_of(problem_of(error, None), None)) is OutOfMemoryError


def test_other_exceptions_are_told_by_name_and_text():
    problem = problem_of(raised(lambda: dive(50)), None)
    assert problem["code"] == "analysis-failed"
    assert problem["detail"] == "KeyError: 'key'"
    assert problem["facts"] == {"exception": "KeyError"}


def test_frames_of_an_exception_are_the_innermost_ones():
    frames = frames_of(raised(lambda: dive(50)))
    assert len(frames) == MAX_TRACEBACK_LINES
    assert frames[-1].endswith('in dive: raise KeyError("key")')


def test_error_of_the_tree_explains_itself_without_frames():
    def refuse():
        raise NotEnoughDataError("Two rows.")

    assert frames_of(raised(refuse)) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[Errno 2] No such file: '/srv/data/scratch/w0/part.arrow'", "[Errno 2] No such file: 'part.arrow'"),
        ('IO Error: cannot open "/srv/my data/x.parquet": gone', 'IO Error: cannot open "x.parquet": gone'),
        ("/srv/data/x.csv: line 3", "x.csv: line 3"),
        (
            "ratio a/b of km/h is 1/2, see https://host/page",
            "ratio a/b of km/h is 1/2, see https://host/page",
        ),
    ],
)
def test_texts_of_exceptions_name_files_without_their_directories(text, told):
    assert problem_of(RuntimeError(text), None)["detail"] == f"RuntimeError: {told}"


def test_exception_that_cannot_describe_itself_is_told_by_its_name():
    assert problem_of(UnspeakableError(), None)["detail"] == "UnspeakableError"


@pytest.mark.parametrize(
    ("asked", "cls"), [("cancelled", CancelledByRequestError), ("deadline", DeadlineExceededError)]
)
def test_any_exception_of_a_call_that_was_asked_to_end_is_the_consequence(asked, cls):
    assert type(error_of(problem_of(RuntimeError("interrupted"), asked), asked)) is cls


def test_cancel_that_nobody_asked_for_is_the_analysis_error():
    assert type(error_of(CancelledByRequestError().to_dict(), None)) is AnalysisError


def test_error_that_a_child_has_no_business_with_is_the_analysis_error():
    error = error_of(StaleFenceError("Give up.").to_dict(), None)
    assert type(error) is AnalysisError
    assert not error.retryable
    assert error.facts == {"code": "stale-fence"}


@pytest.mark.parametrize("code", sorted(ERRORS_BY_CODE))
def test_every_code_becomes_an_error_that_concerns_the_attempt_alone(code):
    error = error_of({"code": code, "detail": "x"}, None)
    assert error.status in {400, 413, 415, 422, 500}
    assert error.code == code or type(error) is AnalysisError


@pytest.mark.parametrize(
    "problem",
    [
        {"code": "invalid-data", "facts": [1]},
        {"code": "invalid-data", "facts": None},
        {"code": "invalid-data", "errors": "text"},
        {"code": "invalid-data", "errors": [1]},
        {"code": "invalid-data", "retry_after_s": "soon"},
        {"code": "invalid-data", "request_id": 1},
    ],
)
def test_malformed_problem_is_the_childs_death(problem):
    assert type(error_of(problem, None)) is ChildDiedError


@pytest.mark.parametrize("problem", [{}, {"code": ["x"]}, {"code": "new-in-a-later-release", "detail": 3}])
def test_problem_of_no_known_code_is_the_analysis_error(problem):
    assert type(error_of(problem, None)) is AnalysisError
