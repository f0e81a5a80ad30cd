"""How often each rule of a state machine was taken, over all runs of the process."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict

from hypothesis.stateful import rule

STEPS: defaultdict[str, Counter[str]] = defaultdict(Counter)


def counted(**strategies):
    """A rule that counts how often it was taken."""

    def wrap(method):
        @functools.wraps(method)
        def step(self, **drawn):
            STEPS[self.store][method.__name__] += 1
            self.steps += 1
            return method(self, **drawn)

        return rule(**strategies)(step)

    return wrap
