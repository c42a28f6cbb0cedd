"""When to send a request again: a pure policy. Time and chance come in as arguments."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

#: Answers after which the same request may well succeed.
RETRYABLE_STATUSES: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True)
class Failure:
    """How one try went wrong."""

    #: None where no answer came.
    status: int | None = None
    retry_after_s: float | None = None
    #: Whether the server may have done what was asked although it did not say so.
    maybe_done: bool = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is sent again, and how long to wait before that."""

    n_retries: int = 2
    first_delay_s: float = 0.25
    longest_delay_s: float = 8.0
    #: A server that asks for a longer pause is not waited for: the caller is told instead.
    longest_retry_after_s: float = 60.0

    def delay_s(self, failure: Failure, *, n_retried: int, repeatable: bool, jitter: float) -> float | None:
        """Seconds to wait before the next try, or None for no further try.

        Args:
            failure: what came of the latest try.
            n_retried: retries made so far.
            repeatable: whether doing it twice has the effect of doing it once.
            jitter: a random number, 0 to 1.
        """
        if n_retried >= self.n_retries or not self._is_worth_it(failure, repeatable):
            return None
        backoff_s = min(self.longest_delay_s, self.first_delay_s * 2.0**n_retried) * (0.5 + jitter / 2)
        if failure.retry_after_s is None:
            return backoff_s
        if failure.retry_after_s > self.longest_retry_after_s:
            return None
        return max(failure.retry_after_s, 0.0)

    @staticmethod
    def _is_worth_it(failure: Failure, repeatable: bool) -> bool:
        if failure.status is None:
            return repeatable or not failure.maybe_done
        if failure.status == HTTPStatus.TOO_MANY_REQUESTS:
            return True
        return repeatable and failure.status in RETRYABLE_STATUSES
