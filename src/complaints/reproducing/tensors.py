"""Sizes of differences between two safetensors files, tensor by tensor."""

from dataclasses import dataclass
from pathlib import Path

MOST_TENSORS = 5
"""Tensors with the largest differences that are shown."""


@dataclass(frozen=True)
class _Difference:
    """Absolute differences of the values of one tensor, in float64."""

    name: str
    maximum: float
    mean: float
    values: int

    @property
    def line(self) -> str:
        """The difference in words."""
        return f"  {self.name}: maximum {self.maximum:.2g}, mean {self.mean:.2g}"


def tensor_sizes(old: Path, new: Path) -> list[str]:
    """Return the maximum and mean absolute difference over all tensors that differ, and of those with the largest."""
    from safetensors import safe_open

    found: list[_Difference] = []
    lines = []
    with safe_open(old, framework="pt") as before, safe_open(new, framework="pt") as after:
        names = sorted({*before.keys(), *after.keys()})
        common = {*before.keys()} & {*after.keys()}
        for name in names:
            if name not in common:
                lines.append(f"only one of the files has the tensor {name}")
                continue
            a, b = before.get_tensor(name), after.get_tensor(name)
            if a.shape != b.shape or a.dtype != b.dtype:
                lines.append(f"{name} is {b.dtype} {list(b.shape)}, was {a.dtype} {list(a.shape)}")
                continue
            difference = (a.double() - b.double()).abs()
            if bool((difference != 0).any()):
                found.append(_Difference(name, float(difference.max()), float(difference.mean()), difference.numel()))
    if not found and not lines:
        return ["all tensors are equal; the file differs in its metadata"]
    if found:
        found.sort(key=lambda one: -one.maximum)
        mean = sum(one.mean * one.values for one in found) / sum(one.values for one in found)
        lines.append(f"{len(found)} of {len(names)} tensors differ: maximum {found[0].maximum:.2g}, mean {mean:.2g}")
    return lines + [one.line for one in found[:MOST_TENSORS]]
