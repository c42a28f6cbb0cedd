"""Who owns what, and for how long: leases by monotonic time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from prismlane.engine.jobs.heap import IdHeap


@dataclass(frozen=True, slots=True)
class Lease:
    """The ownership of a job by one attempt, until `expires_at` (monotonic seconds) unless it is renewed."""

    job_id: str
    fence: int
    worker: str
    expires_at: float


class LeaseBook:
    """The leases of all running jobs, at most one a job. All times are monotonic seconds."""

    def __init__(self, lease_s: float = 30.0) -> None:
        self.lease_s = lease_s
        self._leases: dict[str, Lease] = {}
        self._expiries: IdHeap[str] = IdHeap()
        #: Worker -> its jobs, in the order of their leases.
        self._jobs_of: dict[str, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def get(self, job_id: str) -> Lease | None:
        """The lease of a job, or None where nobody owns it."""
        return self._leases.get(job_id)

    def open(self, job_id: str, fence: int, worker: str, mono: float) -> None:
        """Give a full lease; a lease that the job had before is over."""
        before = self._leases.get(job_id)
        if before is not None:
            self.close(job_id, before.fence)
        self._leases[job_id] = Lease(job_id, fence, worker, mono + self.lease_s)
        self._expiries.push(job_id, mono + self.lease_s)
        self._jobs_of.setdefault(worker, {})[job_id] = None

    def renew(self, job_id: str, fence: int, mono: float) -> bool:
        """Make the lease a full one again; False where there is none with this fence: the asker is stale."""
        lease = self._leases.get(job_id)
        if lease is None or lease.fence != fence:
            return False
        self._extend(lease, mono)
        return True

    def close(self, job_id: str, fence: int) -> None:
        """End the lease, if it is still that one."""
        lease = self._leases.get(job_id)
        if lease is None or lease.fence != fence:
            return
        del self._leases[job_id]
        self._expiries.discard(job_id)
        jobs = self._jobs_of[lease.worker]
        del jobs[job_id]
        if not jobs:
            del self._jobs_of[lease.worker]

    def expired(self, mono: float) -> list[Lease]:
        """The leases that nobody renewed in time, longest overdue first. They stay until they are closed or renewed."""
        late: list[Lease] = []
        while (found := self._expiries.first()) is not None and found[1] <= mono:
            self._expiries.pop()
            late.append(self._leases[found[0]])
        self._keep(late)
        return late

    def of_worker(self, worker: str) -> list[Lease]:
        """The leases of a worker, oldest first."""
        return [self._leases[job_id] for job_id in self._jobs_of.get(worker, ())]

    def extend_all(self, mono: float) -> None:
        """Give every lease its full length again, after a time in which nobody could renew."""
        for lease in list(self._leases.values()):
            self._extend(lease, mono)

    def _extend(self, lease: Lease, mono: float) -> None:
        self._leases[lease.job_id] = replace(lease, expires_at=mono + self.lease_s)
        self._expiries.push(lease.job_id, mono + self.lease_s)

    def _keep(self, leases: Iterable[Lease]) -> None:
        for lease in leases:
            self._expiries.push(lease.job_id, lease.expires_at)
