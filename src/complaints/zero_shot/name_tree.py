"""Class names as a tree of tokens, so that a decoder computes equal beginnings of names once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class NameTree:
    """The beginnings of names that are followed by a token, N nodes, and the T tokens that follow.

    State 0 is the end of the prompt, state i + 1 is that after node i.
    """

    tokens: np.ndarray
    """Last token of each beginning, int64 [N]; parents come before their children."""
    depths: np.ndarray
    """Tokens before it, int64 [N]: its position after the prompt."""
    attends: np.ndarray
    """Whether a node (first axis) attends to another: itself and its ancestors, bool [N, N]."""
    states: np.ndarray
    """State that predicts each token of each name, int64 [T]."""
    targets: np.ndarray
    """Tokens of all names, one name after the other, int64 [T]."""
    names: np.ndarray
    """Index of the name of each token, int64 [T]."""

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each name, int64 [names]."""
        return np.bincount(self.names)

    @property
    def depth(self) -> int:
        """Tokens of the longest name."""
        return int(self.lengths.max())


def name_tree(names: Sequence[Sequence[int]]) -> NameTree:
    """Return the tree of names, each a sequence of at least one token id.

    Raises:
        ValueError: if a name has no token.
    """
    nodes: dict[tuple[int, ...], int] = {}
    states, targets, owners = [], [], []
    for number, name in enumerate(names):
        if not name:
            raise ValueError(f"name {number} has no token")
        for length, token in enumerate(name):
            begin = tuple(name[:length])
            states.append(nodes.setdefault(begin, len(nodes) + 1) if begin else 0)
            targets.append(token)
            owners.append(number)
    attends = np.zeros((len(nodes), len(nodes)), bool)
    for begin, state in nodes.items():
        if len(begin) > 1:
            attends[state - 1] = attends[nodes[begin[:-1]] - 1]
        attends[state - 1, state - 1] = True
    return NameTree(
        tokens=np.array([begin[-1] for begin in nodes], np.int64),
        depths=np.array([len(begin) - 1 for begin in nodes], np.int64),
        attends=attends,
        states=np.array(states, np.int64),
        targets=np.array(targets, np.int64),
        names=np.array(owners, np.int64),
    )
