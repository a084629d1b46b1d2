"""The named SUV policies, and the notebook in which a reading of a header collects its doubts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lesionscore.errors import Finding, Severity


class SuvPolicy(StrEnum):
    """Whose rules turn a PET header into SUV where published rules differ."""

    IBSI = "ibsi"
    """IBSI-SUV 3.0: reference time per image, Philips activity factor first, MBq recognised."""
    QIBA = "qiba"
    """QIBA vendor-neutral pseudo-code of 2018-06-26: strict about units and decay correction."""


DEFAULT_POLICY = SuvPolicy.IBSI
"""Per image, so beds and reprocessed series come out right; see ``docs/dicom.md``."""


@dataclass(slots=True)
class Notes:
    """Findings collected while one series is read; each code and message once."""

    policy: SuvPolicy = DEFAULT_POLICY
    findings: list[Finding] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @property
    def is_strict(self) -> bool:
        """Whether a header that needs an interpretation is refused."""
        return self.policy is SuvPolicy.QIBA

    def add(
        self, code: str, message: str, severity: Severity = Severity.WARNING, *, once: str = ""
    ) -> None:
        """Record a doubt, unless the same one, or one with the same `once`, is there already."""
        key = f"{code} {once or message}"
        if key not in self.seen:
            self.seen.add(key)
            self.findings.append(Finding(code=code, message=message, severity=severity))
