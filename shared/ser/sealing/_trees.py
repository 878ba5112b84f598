"""The depth of ensembles of trees."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ser.sealing._reading import Message, UnsafeModel

MAX_DEPTH = 1000
"""Maximum depth of a tree. onnxruntime builds a tree by recursion, and deep ones exhaust the stack
of its thread: a chain of 20,000 nodes ends the process."""
LISTS = ("nodes_treeids", "nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids")


def refuse_deep_trees(attributes: Mapping[str, Message]) -> None:
    """Raise :class:`UnsafeModel` if a tree in ``attributes`` is too deep, or has a cycle."""
    trees, nodes, *children = (integers(attributes.get(name, {})) for name in LISTS)
    if len({len(trees), len(nodes), *map(len, children)}) > 1:
        raise UnsafeModel(f"the lists {', '.join(LISTS)} differ in length")
    if len(trees) <= MAX_DEPTH:
        return
    if max(each.max() for each in (trees, nodes, *children)) >> 32:
        raise UnsafeModel("a node of a tree has a number of more than 32 bits")
    identity = np.asarray(trees << 32 | nodes, np.uint64)
    order = np.argsort(identity, kind="stable")
    below = np.stack(
        [found(identity, order, np.asarray(trees << 32 | child, np.uint64)) for child in children]
    )
    # Leaves have no children, and say so by two zeros.
    below[:, (children[0] == 0) & (children[1] == 0)] = -1
    level = np.setdiff1d(np.arange(len(trees)), below)
    reached = np.zeros(len(trees), bool)
    for _ in range(MAX_DEPTH):
        reached[level] = True
        level = np.unique(below[:, level])
        level = level[level >= 0]
        if not len(level) and reached.all():
            return
    raise UnsafeModel(
        f"a tree is too deep, or has a cycle; allowed: {MAX_DEPTH:,} nodes below each other"
    )


def found(
    identity: NDArray[np.uint64], order: NDArray[np.int64], wanted: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Return the index of each of ``wanted`` in ``identity``, which ``order`` sorts; -1 without."""
    ordered = identity[order]
    place = np.searchsorted(ordered, wanted).clip(max=len(ordered) - 1)
    return np.where(ordered[place] == wanted, order[place], -1)


def integers(attribute: Message) -> NDArray[np.uint64]:
    """Return the list of integers in ``attribute``."""
    parts = [np.atleast_1d(np.asarray(each, np.uint64)) for each in attribute.get("ints", [])]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
