"""What a trial found: figures, and each fault in a sentence."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic


@dataclass
class Report:
    """The figures of one trial; it is green where it has no fault."""

    name: str
    seed: int
    applied: int = 0
    lost: int = 0
    duplicated: int = 0
    unexpected: int = 0
    recovered: int = 0
    worst: float | None = None
    seconds: float = 0.0
    # What else was counted, such as kills: name -> number.
    counted: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def count(self, name: str, number: int = 1) -> None:
        """Count something."""
        self.counted[name] = self.counted.get(name, 0) + number

    def must(self, holds: object, fault: str) -> None:
        """Note a fault, and count it as unexpected, unless something holds."""
        if not holds:
            self.unexpected += 1
            self.faults.append(fault)

    def must_be(self, found: object, wanted: object, what: str) -> None:
        """Note a fault unless two values are the same."""
        self.must(found == wanted, f"{what}: {found!r:.300}, not {wanted!r:.300}")

    def lose(self, number: int, what: str) -> None:
        """Note what should have been written and was not."""
        if number:
            self.lost += number
            self.faults.append(f"{what}: {number} lost")

    def double(self, number: int, what: str) -> None:
        """Note what was written more than once."""
        if number:
            self.duplicated += number
            self.faults.append(f"{what}: {number} written more than once")

    def waited(self, seconds: float) -> None:
        """Note how long it took from a kill to what another one committed next."""
        self.worst = max(self.worst or 0.0, seconds)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of the trial."""
        began = monotonic()
        try:
            yield
        finally:
            self.seconds = monotonic() - began

    def text(self) -> str:
        """Return the report as people read it."""
        words = [f"{n:,} {name}" for name, n in self.counted.items()]
        words += [f"{n:,} {what}" for what, n in self.figures().items()]
        if self.worst is not None:
            words.append(f"worst recovery {self.worst:.1f} s")
        head = f"{self.name}: {', '.join(words)}; seed {self.seed}, {self.seconds:.0f} s"
        return "\n".join([head, *(f"  FAULT {fault}" for fault in self.faults[:20])])

    def figures(self) -> dict[str, int]:
        """Return the figures that each trial has."""
        return {
            name: getattr(self, name) for name in ("applied", "lost", "duplicated", "unexpected", "recovered")
        }

    def json(self) -> str:
        """Return the report as one line for programs."""
        return json.dumps(dataclasses.asdict(self))
