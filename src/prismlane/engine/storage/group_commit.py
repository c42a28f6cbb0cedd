"""Many callers, few commits: durable need not mean slow."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from prismlane.common.errors import (
    DamagedStoreError,
    StaleEpochError,
    StorageFullError,
    StoreUnavailableError,
)
from prismlane.engine.ports import Store, Transaction

#: What concerns the store, and so every transaction of a group alike.
_OF_THE_STORE = (StaleEpochError, StorageFullError, StoreUnavailableError, DamagedStoreError)


@dataclass(frozen=True, slots=True)
class _Waiting:
    transaction: Transaction
    written: "asyncio.Future[None]"
    since_s: float


class GroupCommit:
    """Writes the transactions of concurrent callers in common commits, in the order in which they came.

    A caller that finds the store idle goes at once, after one turn of the event loop, together with all who called in
    that turn: someone who works alone never waits for company. Those who come while a commit is under way make the next
    group, so groups grow with load by themselves. If that commit answered more callers than wait at its end, most of them
    are about to come back: the next group waits until it is as large as the last one was, but no longer than the last
    commit took (to wait longer than a commit costs can never pay), and not once its oldest has waited `max_delay_s`.

    An error that concerns the store fails the whole group. Any other error belongs to one transaction, so each of the
    group is then written singly and its neighbours go through. A caller that is cancelled while it waits leaves the group
    as it is: its transaction is written all the same.
    """

    def __init__(
        self,
        store: Store,
        max_delay_s: float = 0.005,
        max_transactions: int = 256,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._max_delay_s = max_delay_s
        self._max_transactions = max_transactions
        self._waiting: deque[_Waiting] = deque()
        self._enough = asyncio.Event()
        self._n_expected = 0
        self._last_commit_s = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        #: Commits that were tried, those of single transactions after a failed group among them.
        self.n_commits = 0
        #: Transactions that became durable.
        self.n_transactions = 0

    async def write(self, transaction: Transaction) -> None:
        """Return when `transaction` is durable.

        Raises:
            StoreUnavailableError: `close` was called before.
            PrismlaneError: as `Store.commit`.
        """
        if self._closed:
            raise StoreUnavailableError("the engine is closing and writes nothing more")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(transaction, loop.create_future(), self._monotonic())
        self._waiting.append(waiting)
        if len(self._waiting) >= self._n_expected:
            self._enough.set()
        if self._task is None:
            self._task = loop.create_task(self._write_groups())
        await waiting.written

    async def close(self) -> None:
        """Refuse new transactions, and return when those that came before are written or have failed."""
        self._closed = True
        self._enough.set()
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                n_members = min(len(self._waiting), self._max_transactions)
                await self._write_group([self._waiting.popleft() for _ in range(n_members)])
                self._n_expected = n_members
        finally:
            self._n_expected = 0
            self._task = None

    async def _gather(self) -> None:
        await asyncio.sleep(0)
        self._n_expected = min(self._n_expected, self._max_transactions)
        if len(self._waiting) >= self._n_expected or self._closed:
            return
        waited_s = self._monotonic() - self._waiting[0].since_s
        patience_s = min(self._last_commit_s, self._max_delay_s - waited_s)
        if patience_s > 0:
            self._enough.clear()
            try:
                async with asyncio.timeout(patience_s):
                    await self._enough.wait()
            except TimeoutError:
                return

    async def _write_group(self, group: list[_Waiting]) -> None:
        error = await self._commit(group)
        if error is None or len(group) == 1 or isinstance(error, _OF_THE_STORE):
            _answer(group, error)
            return
        for waiting in group:
            _answer([waiting], await self._commit([waiting]))

    async def _commit(self, group: list[_Waiting]) -> Exception | None:
        """Commit `group`; returns why it failed, if it did."""
        started_s = self._monotonic()
        self.n_commits += 1
        try:
            await self._store.commit([waiting.transaction for waiting in group])
        except Exception as error:  # noqa: BLE001 - each caller is told
            return error
        except BaseException:
            for waiting in group:
                waiting.written.cancel()
            raise
        finally:
            self._last_commit_s = self._monotonic() - started_s
        self.n_transactions += len(group)
        return None


def _answer(group: list[_Waiting], error: Exception | None) -> None:
    for waiting in group:
        # A caller that was cancelled has a future that is done.
        if waiting.written.done():
            continue
        if error is None:
            waiting.written.set_result(None)
        else:
            waiting.written.set_exception(error)
