"""Rows of the printed table: a figure, its floor and its peers of the same run, as ratios."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Row:
    """`better` says which way is good; `target` is the figure to reach, None where there is none."""

    name: str
    unit: str
    figure: float
    floor: float | None = None
    peers: dict[str, float] = field(default_factory=dict)
    target: float | None = None
    better: str = "higher"
    note: str = ""

    @property
    def reached(self) -> bool | None:
        if self.target is None:
            return None
        return self.figure >= self.target if self.better == "higher" else self.figure <= self.target

    def _times(self, peer: float) -> float:
        """How many times better than the peer."""
        return self.figure / peer if self.better == "higher" else peer / self.figure

    def cells(self) -> list[str]:
        ratio = f"{self.figure / self.floor:.2f}" if self.floor else "-"
        peers = ", ".join(f"{name} {_short(rate)} ({self._times(rate):.1f}x)" for name, rate in self.peers.items())
        verdict = {None: "", True: "yes", False: "NO"}[self.reached]
        return [
            self.name,
            f"{_short(self.figure)} {self.unit}",
            _short(self.floor) if self.floor else "-",
            ratio,
            _short(self.target) if self.target is not None else "-",
            verdict,
            "; ".join(part for part in (peers, self.note) if part),
        ]


HEAD = ["measure", "figure", "floor", "/ floor", "target", "met", "peers and notes"]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def render(rows: list[Row]) -> str:
    lines = [HEAD, *[row.cells() for row in rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
