import pytest

from prismlane.actors.attempt import judge
from prismlane.common.errors import (
    AnalysisError,
    ChildDiedError,
    DeadlineExceededError,
    InvalidParametersError,
    NotReadyError,
    OutOfMemoryError,
    RetryableAnalysisError,
    StorageFullError,
    UnreadableDataError,
)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (DeadlineExceededError(), ("timeout", False, False)),
        (OutOfMemoryError(), ("out_of_memory", False, False)),
        (ChildDiedError(), ("error", True, True)),
        (UnreadableDataError("bad"), ("invalid_data", False, False)),
        (InvalidParametersError("bad"), ("invalid_data", False, False)),
        (AnalysisError("no"), ("error", False, False)),
        (RetryableAnalysisError("no"), ("error", True, False)),
        (StorageFullError(), ("error", True, False)),
        (NotReadyError("later"), ("error", True, False)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_tried_again_only_where_that_may_help(error, verdict):
    assert judge(error) == verdict
