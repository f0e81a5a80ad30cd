"""All TaskJobs that are known, by uid, by name and by job."""

from __future__ import annotations

from collections.abc import Iterator

from taskjob_operator.record import Record


class Index:
    """A name has the object that was seen last under it; a job has its owner and whoever mirrors it."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Record] = {}
        self._by_name: dict[tuple[str, str], Record] = {}
        self._by_job: dict[str, tuple[Record, ...]] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def __iter__(self) -> Iterator[Record]:
        """A copy: what comes and goes meanwhile disturbs nobody."""
        return iter(list(self._by_uid.values()))

    def get(self, uid: str) -> Record | None:
        return self._by_uid.get(uid)

    def named(self, namespace: str, name: str) -> Record | None:
        return self._by_name.get((namespace, name))

    def of_job(self, job: str) -> tuple[Record, ...]:
        return self._by_job.get(job, ())

    def add(self, record: Record) -> None:
        self._by_uid[record.uid] = record
        self._by_name[(record.namespace, record.name)] = record
        if record.job is not None:
            self.link(record, record.job)

    def link(self, record: Record, job: str) -> None:
        """It shows this job from now on."""
        if record.job is not None and record.job != job:
            self._unlink(record)
        record.job = job
        if record.uid in self._by_uid and record not in self._by_job.get(job, ()):
            self._by_job[job] = (*self._by_job.get(job, ()), record)

    def remove(self, record: Record) -> None:
        self._by_uid.pop(record.uid, None)
        if self._by_name.get((record.namespace, record.name)) is record:
            del self._by_name[(record.namespace, record.name)]
        self._unlink(record)

    def _unlink(self, record: Record) -> None:
        if record.job is None:
            return
        rest = tuple(one for one in self._by_job.get(record.job, ()) if one is not record)
        if rest:
            self._by_job[record.job] = rest
        else:
            self._by_job.pop(record.job, None)
