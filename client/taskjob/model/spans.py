"""Spans of time as people read them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """`25ms`, `2.5s`, `12s`, `5m12s`, `3h20m`, `4d6h`: at most the two largest units."""
    seconds = max(seconds, 0.0)
    if seconds < 1:
        return f"{round(seconds * 1000)}ms" if seconds >= 0.001 else "<1ms"
    if seconds < 10:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = int(seconds)
    days, hours, minutes = whole // 86_400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d{hours}h" if hours else f"{days}d"
    if whole >= 3600:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if whole >= 60:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    return f"{whole}s"
