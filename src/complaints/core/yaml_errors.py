"""Messages about invalid YAML that name the line to correct."""

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.tokens import ScalarToken

TOO_DEEP = "its lists and mappings are nested too deep"


def invalid_yaml(path: Path, error: YAMLError | UnicodeDecodeError | RecursionError) -> str:
    """Return the file, the line and the problem of invalid YAML, on one line.

    The parser notices a quote or bracket that is not closed much later, often at the end of the file. The line is the
    one on which it is opened.
    """
    if isinstance(error, RecursionError):
        return f"{path}: {TOO_DEEP}"
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return f"{path}: {str(error).splitlines()[0]}"
    line, problem = error.problem_mark.line + 1, str(error.problem).splitlines()[0]
    if error.context == "while scanning a quoted scalar":
        return f"{path}, line {error.context_mark.line + 1}: a quote is opened and never closed ({problem})"
    if error.context in ("while parsing a flow sequence", "while parsing a flow mapping"):
        return f"{path}, line {error.context_mark.line + 1}: a bracket is not closed (seen on line {line}: {problem})"
    if (opened := _long_quote(path, error.problem_mark)) is not None:
        return f"{path}, line {opened}: a quote is not closed (seen on line {line}: {problem})"
    return f"{path}, line {line}: {problem}"


def _long_quote(path: Path, problem: StringMark) -> int | None:
    """Return the line of a quote that ends later, on the line of the problem; None if there is none."""
    try:
        for token in YAML(typ="safe", pure=True).scan(path.read_bytes()):
            if isinstance(token, ScalarToken) and not token.plain and token.end_mark.line == problem.line:
                return None if token.start_mark.line == problem.line else int(token.start_mark.line) + 1
    except YAMLError:
        pass
    return None
