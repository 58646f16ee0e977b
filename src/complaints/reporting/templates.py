"""Jinja templates of pages."""

from collections.abc import Callable
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


@cache
def load_template(package: str, name: str, cell: Callable[..., str] | None = None) -> Template:
    """Return a template, which escapes every value and knows no undefined one.

    Args:
        package: The package that has the template, such as `complaints.reporting`.
        name: Its file.
        cell: The filter `cell`, if the template uses one.
    """
    environment = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    if cell is not None:
        environment.filters["cell"] = cell
    return environment.get_template(name)
