"""What was seen of a fault: one row of the table in docs/reliability.md."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from tests.faults.clients import Progress
from tests.faults.site import Account

HEAD = (
    "| what was done | accepted | meanwhile | other answers | well again | lost | twice | leaked |\n" + "|---" * 8 + "|"
)


@dataclass
class Seen:
    """What was seen.

    Attributes:
        fault: What was done, in words.
        total: Requests that succeeded.
        meanwhile: Those of them while the fault lasted.
        statuses: Answers by status.
        broken: Requests without an answer.
        wrong: Answers that no service may give.
        recovery: Seconds from the end of the fault until a read and a write over new connections succeeded.
        late: Requests that failed although they were sent after that, in words.
        account: What became of what was written.
        leaked: What was held afterwards that was not before.
        unkept: What of the scenario's own expectations did not come true.
    """

    fault: str
    total: Progress
    meanwhile: Progress
    statuses: Counter[int]
    broken: int
    wrong: list[str]
    recovery: float
    late: list[str]
    account: Account
    leaked: list[str]
    unkept: list[str] = field(default_factory=list)

    @classmethod
    def of_failure(cls, fault: str, what: str) -> Seen:
        """Of a fault after which it did not go on, as `what` says."""
        nothing = Progress(0, 0)
        return cls(fault, nothing, nothing, Counter(), 0, [], math.inf, [], Account(), [], [what])

    @property
    def complaints(self) -> list[str]:
        """What was not as promised, in words."""
        found = [f"lost: {key}" for key in self.account.lost] + [f"twice: {key}" for key in self.account.twice]
        found += [f"wrong answer: {answer}" for answer in self.wrong] + [f"leaked: {thing}" for thing in self.leaked]
        return found + [f"after the recovery: {failure}" for failure in self.late] + self.unkept

    @property
    def row(self) -> str:
        """The line of the table."""
        cells = [
            self.fault,
            f"{self.total.reads} reads, {self.total.writes} writes",
            f"{self.meanwhile.reads}, {self.meanwhile.writes}",
            self._others() or "none",
            self._again(),
            *(str(len(keys)) for keys in (self.account.lost, self.account.twice)),
            ", ".join(self.leaked) or "nothing",
        ]
        return f"| {' | '.join(cells)} |"

    def _again(self) -> str:
        if not math.isfinite(self.recovery):
            return "**not**"
        return f"{self.recovery:.1f} s" + f", then **{len(self.late)} failed**" * bool(self.late)

    def _others(self) -> str:
        found = [f"{number} of {status}" for status, number in sorted(self.statuses.items()) if status >= 300]
        found += [f"**{len(self.wrong)} of them not as documented**"] * bool(self.wrong)
        found += [f"{self.broken} cut off"] * bool(self.broken)
        return ", ".join(found + [f"{len(self.account.interrupted)} recorded as lost"] * bool(self.account.interrupted))
