"""Which dirty rows of the engine may be acknowledged: those whose every status was written, or dropped for good."""

from __future__ import annotations


class Receipts:
    """Rows are (job id, version); a later version takes the place of an earlier one."""

    def __init__(self) -> None:
        self._held: dict[str, Receipt] = {}
        self._ready: dict[str, int] = {}

    def open(self, job: str, version: int) -> Receipt:
        receipt = Receipt(self, job, version)
        self._held[job] = receipt
        return receipt

    def knows(self, job: str, version: int) -> bool:
        """Whether that row is in hand already, written or not."""
        held = self._held.get(job)
        return (held is not None and held.version == version) or self._ready.get(job) == version

    @property
    def held(self) -> int:
        """Rows that must not be acknowledged yet."""
        return len(self._held)

    def take(self, most: int) -> tuple[tuple[str, int], ...]:
        taken = tuple(list(self._ready.items())[:most])
        for job, _ in taken:
            del self._ready[job]
        return taken

    def give_back(self, rows: tuple[tuple[str, int], ...]) -> None:
        """They were not acknowledged after all."""
        for job, version in rows:
            self._ready.setdefault(job, version)

    def _settle(self, receipt: Receipt) -> None:
        if self._held.get(receipt.job) is receipt:
            del self._held[receipt.job]
        self._ready[receipt.job] = max(receipt.version, self._ready.get(receipt.job, 0))


class Receipt:
    """Of one row. `hold` once for each status it leads to, `done` once for each that is written, and once at the end
    by who opened it."""

    __slots__ = ("_all", "_open", "job", "version")

    def __init__(self, receipts: Receipts, job: str, version: int) -> None:
        self._all = receipts
        self._open = 1
        self.job = job
        self.version = version

    def hold(self) -> Receipt:
        self._open += 1
        return self

    def done(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._all._settle(self)  # noqa: SLF001 - the two are one
