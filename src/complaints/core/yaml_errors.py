"""Lines of invalid YAML that are to be corrected."""

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.tokens import ScalarToken


def line_and_problem(text: str, error: Exception) -> tuple[int | None, str]:
    """Return the line to correct, None if the error has none, and the problem on one line.

    The parser notices a quote or bracket that is not closed much later, often at the end of the file. The line is the
    one on which it is opened.

    Args:
        text: The text that was parsed.
        error: The error of the parser.
    """
    problem = next(iter(str(getattr(error, "problem", None) or error).splitlines()), type(error).__name__)
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return None, problem
    line = error.problem_mark.line + 1
    if error.context == "while scanning a quoted scalar":
        return error.context_mark.line + 1, f"a quote is opened and never closed ({problem})"
    if error.context in ("while parsing a flow sequence", "while parsing a flow mapping"):
        return error.context_mark.line + 1, f"a bracket is not closed (seen on line {line}: {problem})"
    if (opened := _long_quote(text, error.problem_mark)) is not None:
        return opened, f"a quote is not closed (seen on line {line}: {problem})"
    return line, problem


def _long_quote(text: str, problem: StringMark) -> int | None:
    """Return the line of a quote that ends later, on the line of the problem; None if there is none."""
    try:
        for token in YAML(typ="safe", pure=True).scan(text):
            if isinstance(token, ScalarToken) and not token.plain and token.end_mark.line == problem.line:
                return None if token.start_mark.line == problem.line else int(token.start_mark.line) + 1
    except YAMLError:
        pass
    return None
