"""YAML text as plain values: refused are dates, aliases that multiply, deep nesting, and conflict markers of git."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from complaints.core.errors import UserError

REPEATED_VALUES = 10_000
"""Values that the aliases of a file may repeat. A few lines of nested aliases can stand for billions of values."""

CONFLICT = re.compile(r"^(<{7} |={7}\r?$|>{7} )", re.MULTILINE)


class PlainConstructor(SafeConstructor):
    """Constructor of plain YAML values that refuses dates, as DVC does: in quotes a date is a string."""

    def construct_document(self, node: Any) -> Any:
        """Return the values of a document.

        Raises:
            ConstructorError: if aliases repeat more than REPEATED_VALUES values, or an alias contains itself.
        """
        _check_aliases(node)
        return super().construct_document(node)

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        """Raise ConstructorError, with the line."""
        raise ConstructorError(None, None, f"{node.value} is a date to YAML; put it in quotes", node.start_mark)


PlainConstructor.add_constructor("tag:yaml.org,2002:timestamp", PlainConstructor.construct_yaml_timestamp)


def _check_aliases(document: Any) -> None:
    """Raise ConstructorError if a document has far more values than it has nodes, or a node contains itself."""
    values: dict[int, int | None] = {}

    def count(node: Any) -> int:
        """Return the number of values that a node stands for."""
        if id(node) in values:
            known = values[id(node)]
            if known is None:
                raise ConstructorError(None, None, "an alias contains itself; write its value out", node.start_mark)
            return known
        values[id(node)] = None
        if isinstance(node, MappingNode):
            total = 1 + sum(count(key) + count(value) for key, value in node.value)
        else:
            total = 1 + sum(count(item) for item in node.value) if isinstance(node, SequenceNode) else 1
        values[id(node)] = total
        return total

    if count(document) - len(values) > REPEATED_VALUES:
        problem = f"its aliases repeat more than {REPEATED_VALUES:,} values; write the values out"
        raise ConstructorError(None, None, problem)


def parse_yaml(text: str, name: str | Path) -> Any:
    """Return YAML 1.2 text (where 5e-5 is a number) as plain dicts and lists.

    Args:
        text: The content of a file, or a value.
        name: Name of the file or value in errors.

    Raises:
        UserError: if it is not valid YAML; the message names the line.
    """
    if marker := CONFLICT.search(text):
        raise UserError(
            f"{name}, line {text.count(chr(10), 0, marker.start()) + 1}: conflict markers of an unfinished git merge; "
            f"keep one side of each conflict (of all: `git checkout --ours {name}`), then run `dvc repro`"
        )
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = PlainConstructor
    try:
        return yaml.load(text)
    except RecursionError:
        raise UserError(f"{name}: its values are nested too deeply") from None
    except (YAMLError, ValueError, TypeError, ArithmeticError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = next(iter(str(getattr(error, "problem", None) or error).splitlines()), type(error).__name__)
        raise UserError(f"{name}{line}: {problem}") from None
