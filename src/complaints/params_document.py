"""Edits of params.yaml that keep its comments and its form, which is that of DVC's own edits."""

import copy
import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from complaints import params
from complaints.core import paths
from complaints.core.config import PARAMS_FILE, read_yaml
from complaints.core.errors import UserError
from complaints.core.files import replacing_file
from complaints.core.yaml_text import parse_yaml


def flatten(tree: dict[str, Any], values: frozenset[str] = frozenset(), prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as {dotted key: value}; a mapping whose key is in `values` is one value."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and f"{prefix}{name}" not in values:
            flat |= flatten(value, values, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


class ParamsDocument:
    """The text of params.yaml under edit; only `write` changes the file."""

    def __init__(self) -> None:
        """Read params.yaml in the working directory.

        Raises:
            UserError: if it is missing or not valid YAML, or has no entries of `models:`.
        """
        self.before: Any = read_yaml(PARAMS_FILE)
        with PARAMS_FILE.open(encoding="utf-8") as stream:
            self.text = stream.read()
            ends = stream.newlines
        # A file with several kinds of line ends has a tuple of them, and gets the usual one.
        self.line_end = ends if isinstance(ends, str) else "\n"
        self.models()

    def tree(self) -> Any:
        """Return the present values as plain dicts and lists."""
        return parse_yaml(self.text, PARAMS_FILE)

    def models(self) -> dict[str, Any]:
        """Return the present entries of `models:`.

        Raises:
            UserError: if there are none, or one of them is not a mapping.
        """
        tree = self.tree()
        models = tree.get("models") if isinstance(tree, dict) else None
        pairs = models.items() if isinstance(models, dict) else [(None, None)]
        if not all(isinstance(name, str) and isinstance(entry, dict) for name, entry in pairs):
            raise UserError(
                f"{PARAMS_FILE}: models must be a mapping of names to entries; `complaints check` says what else is "
                f"wrong, and `git checkout {PARAMS_FILE}` restores the committed file"
            )
        return dict(pairs)

    def set(self, values: dict[str, Any]) -> None:
        """Set values by dotted key.

        Raises:
            UserError: if params.yaml has no section for a key.
        """
        yaml = _dvc_yaml()
        document = yaml.load(self.text)
        for key, value in values.items():
            *sections, last = key.split(".")
            node = document
            for section in sections:
                if not isinstance(node.get(section), dict):
                    raise UserError(
                        f"{PARAMS_FILE} has no section {section} for the key {key}; add it, or restore the committed "
                        f"file with `git checkout {PARAMS_FILE}`"
                    )
                node = node[section]
            if isinstance(value, dict) and isinstance(node.get(last), dict):
                node[last].clear()
                node[last].update(value)
            else:
                node[last] = CommentedMap(value) if isinstance(value, dict) else copy.deepcopy(value)
        stream = io.StringIO()
        yaml.dump(document, stream)
        self.text = stream.getvalue()

    def _block(self, name: str) -> tuple[int, int]:
        """Return the index of the first line of the entry `name` of `models:`, and the index after its last."""
        lines = self.text.splitlines()
        header = re.compile(rf"  {re.escape(name)}:\s*(#.*)?")
        models = next((i for i, line in enumerate(lines) if re.fullmatch(r"models:\s*(#.*)?", line)), len(lines))
        first = next((i for i in range(models + 1, len(lines)) if header.fullmatch(lines[i])), None)
        if first is None:
            raise UserError(
                f"{PARAMS_FILE}: write `models:` and `  {name}:` on lines of their own, without braces or anchors, "
                "and their keys below them"
            )
        inside = [i for i in range(first + 1, len(lines)) if re.match(r" {4}|$", lines[i])]
        last = first
        for i in inside:
            if i != last + 1:
                break
            last = i
        while not lines[last].strip():
            last -= 1
        return first, last + 1

    def add_entry(self, name: str, like: str, values: dict[str, Any]) -> None:
        """Add the entry `name` to `models:`, a copy of the entry `like` with other values.

        Where `like` begins with the weights of its own `pretrain` stage, so does the new entry, and it computes no
        features for other stages, unless `values` say otherwise.

        Args:
            name: The new entry.
            like: The entry to copy, comments included.
            values: New values by dotted key within the entry; `key_problem` has nothing against them.

        Raises:
            UserError: if `like` is missing, or `name` exists or is not allowed.
        """
        models = self.models()
        if problem := params.name_problem(name):
            raise UserError(f"models.{name} cannot be added: the name must {problem}")
        if name in models:
            raise UserError(f"{PARAMS_FILE} has models.{name} already; change it there, or remove it first")
        if like not in models:
            raise UserError(f"{PARAMS_FILE} has no models.{like} to copy; its models are {', '.join(models)}")
        lines = self.text.splitlines()
        first, end = self._block(like)
        _, after = self._block(list(models)[-1])
        lines[after:after] = [f"  {name}:", *lines[first + 1 : end]]
        self.text = "\n".join(lines) + "\n"
        pretrained = models[like].get("weights") == (paths.PRETRAINED / like).as_posix()
        own: dict[str, Any] = {"weights": (paths.PRETRAINED / name).as_posix()} if pretrained else {}
        own |= {"features": False} if "features" in models[like] else {}
        self.set({f"models.{name}.{key}": value for key, value in (own | values).items()})

    def key_problem(self, name: str, key: str) -> str | None:
        """Return why a dotted key cannot be set in a copy of the entry `name`, None if it can."""
        known = flatten(self.models()[name])
        inner = [other for other in known if other.startswith(f"{key}.")]
        if key in params.MOVED:
            return f"models.{name} has no key {key}; it is {params.MOVED[key]} now"
        if inner:
            return f"it is a section; give one of its keys: {', '.join(inner)}"
        return None if key in known else f"models.{name} has no key {key}; its keys are {', '.join(known)}"

    def remove_entry(self, name: str) -> None:
        """Remove the entry `name` of `models:`.

        Raises:
            UserError: if params.yaml has no such entry, or no other.
        """
        models = self.models()
        if name not in models:
            raise UserError(f"{PARAMS_FILE} has no models.{name}; its models are {', '.join(models)}")
        if len(models) == 1:
            raise UserError(
                f"models.{name} is the last model of {PARAMS_FILE} and cannot be removed; add another one first, with "
                f"`complaints model add NAME --like {name}`"
            )
        first, end = self._block(name)
        lines = self.text.splitlines()
        self.text = "\n".join([*lines[:first], *lines[end:]]) + "\n"

    def write(self, name: str = f"the changed {PARAMS_FILE}") -> list[str]:
        """Check the result, replace params.yaml and return the keys that changed.

        Args:
            name: Name of the result in errors.

        Raises:
            UserError: if the result is not valid; params.yaml then stays unchanged.
        """
        changed = self.changes(name)
        with replacing_file(PARAMS_FILE) as temporary:
            Path(temporary).write_text(self.text, encoding="utf-8", newline=self.line_end)
        return changed

    def changes(self, name: str = f"the changed {PARAMS_FILE}") -> list[str]:
        """Check the result and return the keys that changed; a new or removed entry is one key.

        Args:
            name: Name of the result in errors.

        Raises:
            UserError: if the result is not valid.
        """
        after = self.tree()
        params.parse(after, name)
        old, new = flatten(self.before), flatten(after)
        changed = {key for key in old.keys() | new.keys() if old.get(key, ...) != new.get(key, ...)}
        for entry in set(self.before.get("models") or ()) ^ set(after.get("models") or ()):
            inside = {key for key in changed if key.startswith(f"models.{entry}.")}
            changed = (changed - inside) | {f"models.{entry}"}
        return sorted(changed)


def _dvc_yaml() -> YAML:
    """Return a YAML reader and writer with DVC's settings (dvc.utils.serialize)."""
    yaml = YAML()
    yaml.default_flow_style = False
    return yaml
