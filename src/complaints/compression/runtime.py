"""Libraries of ONNX, which are optional: imported where they are needed, and named if they are missing."""

import importlib
from typing import Any

from complaints.backbones.published import INSTALL_ARCHIVES
from complaints.core.errors import UserError


def need(module: str) -> Any:
    """Return a module of onnx, onnxruntime or onnxscript.

    Raises:
        UserError: if it is not installed, with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UserError(
            f"compressed models need the package {error.name}, which is not installed: `{INSTALL_ARCHIVES}` installs it"
        ) from None
