"""A host that fails again and again is left alone for a while: pure, with the time given."""

from dataclasses import dataclass

from crawler.reasons import FailReason

COUNTED = frozenset({FailReason.UNREACHABLE, FailReason.TIMEOUT, FailReason.SERVER_ERROR})


@dataclass(frozen=True, slots=True)
class BreakerRules:
    failures: int = 10
    """In a row, before the first pause."""
    pause_seconds: float = 30.0
    """The first pause; each following one is twice as long."""
    longest_seconds: float = 900.0


@dataclass(slots=True)
class Breaker:
    """The state of one host."""

    rules: BreakerRules
    failures: int = 0
    pauses: int = 0
    """In a row."""
    paused_until: float = 0.0

    def paused_for(self, now: float) -> float:
        """Seconds; 0 when the host may be asked."""
        return max(0.0, self.paused_until - now)

    def succeeded(self) -> None:
        self.failures = self.pauses = 0

    def failed(self, reason: FailReason, now: float) -> bool:
        """Whether this failure begins a pause. After one, a single failure begins the next."""
        if reason not in COUNTED:
            self.succeeded()  # the host answers
            return False
        self.failures += 1
        if self.failures < self.rules.failures or self.paused_for(now):
            return False
        pause = self.rules.pause_seconds * 2.0**self.pauses
        self.paused_until = now + min(pause, self.rules.longest_seconds)
        self.pauses += 1
        return True
