"""The rules that measuring needs, whatever object carries them (usually the whole protocol)."""

from __future__ import annotations

from typing import Protocol

from lesionscore.protocol.rules import CompleteRule, EdgeRule, GrowthRule, MeasurableRule, SizeRule


class LesionRules(Protocol):
    """Anything with the protocol's rules about one lesion on CT."""

    @property
    def size(self) -> SizeRule:
        """When a lesion is smaller."""

    @property
    def measurable(self) -> MeasurableRule:
        """When a lesion can be measured."""

    @property
    def edge(self) -> EdgeRule:
        """When an edge is sclerotic."""

    @property
    def complete(self) -> CompleteRule:
        """When a lesion is gone."""

    @property
    def growth(self) -> GrowthRule:
        """When a lesion is growing."""
