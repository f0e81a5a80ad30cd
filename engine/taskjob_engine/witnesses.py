"""What peers saw of the store: signed when it is told, checked when it comes back.

A witness above the store's own proves a rollback and voids every lease, so only what this store itself once said
may be one. The key stands in the store and its back-ups: a store that was restored knows its own word again.
"""

from __future__ import annotations

import hmac
import logging

from taskjob_engine.store import JobStore, Standing
from taskjob_engine.telemetry import Recorder

log = logging.getLogger(__name__)


class Witnesses:
    """Belongs to one engine. Needs the store open."""

    def __init__(self, store: JobStore, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        self._warned = False

    def signed(self) -> tuple[Standing, str]:
        """Where the store stands, and its signature under that."""
        standing = self._store.standing()
        return standing, self._signature(standing.incarnation, standing.seq)

    async def heed(self, incarnation: str, seq: int, signature: str) -> Standing:
        """Tell the store what a peer saw. Costs nothing where it proves nothing; what is not signed by this store
        is ignored and counted."""
        standing = self._store.standing()
        if incarnation != standing.incarnation or seq <= standing.seq:
            return standing
        if not self._is_genuine(incarnation, seq, signature):
            self._refuse(seq)
            return standing
        standing = await self._store.witness(incarnation, seq)
        if standing.rolled_back:
            self._recorder.rolled_back()
            log.critical(
                "the store lost commits that a peer had seen (seq %d): every lease is void, the incarnation is now %s",
                seq,
                standing.incarnation,
            )
        return standing

    def _refuse(self, seq: int) -> None:
        self._recorder.witness_refused()
        if not self._warned:
            self._warned = True
            log.warning(
                "a peer brought a witness (seq %d) that this store never signed; it is ignored, and so are "
                "further ones, which taskjob_witnesses_refused_total counts",
                seq,
            )

    def _is_genuine(self, incarnation: str, seq: int, signature: str) -> bool:
        return hmac.compare_digest(self._signature(incarnation, seq).encode(), signature.encode())

    def _signature(self, incarnation: str, seq: int) -> str:
        """128 bits of HMAC-SHA256, in hex."""
        said = f"taskjob-witness-1:{incarnation}:{seq}".encode()
        return hmac.digest(self._store.witness_key(), said, "sha256").hex()[:32]
