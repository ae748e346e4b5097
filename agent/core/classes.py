"""Class groups: which labels may be the same thing seen twice (a van is called car or truck from frame to frame)."""

from __future__ import annotations

from collections.abc import Sequence

GROUPS: dict[str, tuple[str, ...]] = {
    "person": ("person",),
    "vehicle": ("car", "truck", "bus", "train"),
    "two_wheeler": ("motorcycle", "bicycle"),
    "animal": ("cow", "horse", "sheep", "dog", "cat", "bird", "elephant", "bear", "zebra", "giraffe"),
}
_GROUP_OF = {label: group for group, labels in GROUPS.items() for label in labels}


def group_of(label: str) -> str:
    """Give the class group of a COCO label; a label without a group is its own group."""
    return _GROUP_OF.get(label, label)


def same_kind(first: str, second: str) -> bool:
    """Tell whether two labels may name one object."""
    return first == second or group_of(first) == group_of(second)


def group_ids(labels: Sequence[str]) -> tuple[int, ...]:
    """Number the groups of a model card's labels: entry ``i`` is the group number of class id ``i``."""
    numbers: dict[str, int] = {}
    return tuple(numbers.setdefault(group_of(label), len(numbers)) for label in labels)
