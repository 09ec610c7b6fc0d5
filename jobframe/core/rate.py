"""How often jobs of a type may start: arithmetic only."""

from __future__ import annotations

import math
import re

import attrs

from jobframe.core.form import takes
from jobframe.core.shown import shown

__all__ = ["Rate", "parse_rate"]

_PERIODS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RATE = re.compile(r"([1-9][0-9]{0,6})/([smhd])")
_BURST_MS = 50
_MOST_PER_S = 100_000


@attrs.frozen
class Rate:
    """
    At most *count* starts in any *period_ms* milliseconds.

    The generic cell rate algorithm (ITU-T I.371) lets *burst* jobs start at once and then one each *interval_us*; a
    window of one period sees at most burst + ceil(period / interval) - 1 of them. The burst is what flows in 50 ms, at
    least one job, and the interval makes up for it, so that no window ever sees more than *count*.

    Attributes:
        count: Starts, from 1.
        period_ms: In how many milliseconds.

    """

    count: int
    period_ms: int

    @property
    def burst(self) -> int:
        """Jobs that may start at once after a pause."""
        return max(1, self.count * _BURST_MS // self.period_ms)

    @property
    def interval_us(self) -> int:
        """Whole microseconds between the starts of a steady flow, rounded up so that no window ever holds one more."""
        return math.ceil(1_000 * self.period_ms / (self.count - self.burst + 1))

    @property
    def spacing_us(self) -> int:
        """Whole microseconds between starts that are spread evenly, with no burst, rounded up for the same reason."""
        return math.ceil(1_000 * self.period_ms / self.count)

    def __str__(self) -> str:
        """Write it as jobs.toml does: ``100/m``."""
        (unit,) = [unit for unit, ms in _PERIODS_MS.items() if ms == self.period_ms]
        return f"{self.count}/{unit}"


@takes(type="string", pattern=f"^{_RATE.pattern}$")
def parse_rate(value: object) -> Rate:
    """
    Read ``"100/m"``: a whole number from 1 to 9,999,999 per s, m, h or d, at most 100,000 a second.

    Starts are spaced in whole microseconds, which is too coarse for more.

    Raises:
        ValueError: It is no such text, or it is faster.

    """
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        msg = f'expected a rate such as "10/s", "100/m", "1000/h" or "5000/d", got {shown(value)}'
        raise ValueError(msg)
    rate = Rate(int(found[1]), _PERIODS_MS[found[2]])
    if rate.count * 1_000 > _MOST_PER_S * rate.period_ms:
        msg = f"expected at most {_MOST_PER_S} a second, got {shown(value)}: leave the key out instead"
        raise ValueError(msg)
    return rate
