"""Which dirty rows of the engine may be acknowledged: those whose every status was written, or dropped for good."""

from __future__ import annotations

import asyncio


class Receipts:
    """Belongs to one event loop. Rows are (job id, version); a later version takes the place of an earlier one."""

    def __init__(self) -> None:
        self._held: dict[str, Receipt] = {}
        self._ready: dict[str, int] = {}
        self._wake = asyncio.Event()

    def open(self, job: str, version: int) -> Receipt:
        receipt = Receipt(self, job, version)
        self._held[job] = receipt
        return receipt

    def knows(self, job: str, version: int) -> bool:
        """Whether that row is in hand already, written or not."""
        held = self._held.get(job)
        return (held is not None and held.version == version) or self._ready.get(job) == version

    @property
    def holding(self) -> bool:
        """Whether there are rows that must not be acknowledged yet."""
        return bool(self._held)

    def take(self, most: int) -> tuple[tuple[str, int], ...]:
        taken = tuple(list(self._ready.items())[:most])
        for job, _ in taken:
            del self._ready[job]
        self._wake.clear()
        return taken

    def give_back(self, rows: tuple[tuple[str, int], ...]) -> None:
        """They were not acknowledged after all."""
        for job, version in rows:
            self._ready.setdefault(job, version)

    async def some_ready(self, seconds: float) -> None:
        """Until a row may be acknowledged, or the time is over."""
        if not self._ready:
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                return

    def _settle(self, receipt: Receipt) -> None:
        if self._held.get(receipt.job) is receipt:
            del self._held[receipt.job]
        self._ready[receipt.job] = max(receipt.version, self._ready.get(receipt.job, 0))
        self._wake.set()


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
