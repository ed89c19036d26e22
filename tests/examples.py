"""Property tests that say how many of their examples must come as far as the assertion."""

from collections import Counter
from contextlib import suppress
from functools import wraps

import pytest
from hypothesis import HealthCheck, settings

# newer versions of Hypothesis also take numbers from the source of what is imported: other examples in every process
with suppress(ImportError):
    from hypothesis.internal.conjecture import providers
    if hasattr(providers, "is_local_module_file"): providers.is_local_module_file = lambda path: False

_seen: Counter[str] = Counter()


def reached(*places):
    "Note that an example has come to these places of its test."
    _seen.update(places)


def examples(n, **least):
    """Hypothesis's settings for a test: `n` examples, always the same. Each keyword names a place that the test notes
    by `reached`, and how many examples must come to it: a test whose examples are all refused fails."""
    fixed = settings(max_examples=n, derandomize=True, database=None, deadline=None,
                     suppress_health_check=list(HealthCheck))
    if not least: raise TypeError("say which place must be reached, and by how many examples")

    def decorate(test):
        test = fixed(test)

        @wraps(test)
        def counted(*args, **kw):
            _seen.clear()
            test(*args, **kw)
            few = {place: _seen[place] for place in least if _seen[place] < least[place]}
            if few: pytest.fail(f"of {n} examples reached: {few}; wanted: {least}")
        return counted
    return decorate
