"""Find what turns data into code, in the text of a module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from engines.runtime.settings import REPO_ROOT

# Their formats run what is in a file when it is read.
UNPICKLERS = frozenset(
    (
        *("_pickle", "cPickle", "cloudpickle", "dill", "joblib"),
        *("jsonpickle", "marshal", "pickle", "shelve"),
    )
)
# Naming pickle's errors reads nothing.
HARMLESS = frozenset(["pickle.UnpicklingError", "pickle.PickleError"])
BUILTINS = frozenset(["eval", "exec", "compile", "__import__", "breakpoint"])
SAFE_YAML = frozenset(["yaml.safe_load", "yaml.safe_load_all", "yaml.safe_dump", "yaml.YAMLError"])
PANDAS = frozenset(["read_pickle", "to_pickle", "read_hdf"])
SHELLS = frozenset(["os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"])


def modules(*folders: str) -> list[Path]:
    """List the modules of some folders of the project and app.py, sorted."""
    found = {path for folder in folders for path in (REPO_ROOT / folder).rglob("*.py")}
    return sorted(found | {REPO_ROOT / "app.py"})


def imported(tree: ast.AST) -> set[str]:
    """Return the dotted names that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {str(node.module)}
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def findings(source: str, *, safe_loaders: frozenset[str] = frozenset()) -> list[str]:
    """Return what in a module runs or may run data, each with its line.

    Args:
        source: the text of the module.
        safe_loaders: names of YAML loaders that build plain values alone.
    """
    tree = ast.parse(source)
    renamed = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    return [
        f"line {getattr(node, 'lineno', 0)}: {what}"
        for node in ast.walk(tree)
        for what in _of(node, renamed, safe_loaders)
    ]


def _of(node: ast.AST, renamed: dict[str, str], safe_loaders: frozenset[str]) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in UNPICKLERS:
        wrong = {f"{node.module}.{alias.name}" for alias in node.names} - HARMLESS
        yield from (f"imports {name}" for name in sorted(wrong))
    elif isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            if top in UNPICKLERS - {"pickle"}:
                yield f"imports {alias.name}"
    elif isinstance(node, ast.Attribute):
        name = _name(node, renamed)
        is_pickle = name.startswith("pickle.") and name not in HARMLESS
        if is_pickle or name in SHELLS or node.attr in PANDAS:
            yield f"uses {name}"
    elif isinstance(node, ast.Call):
        yield from _of_call(node, renamed, safe_loaders)


def _of_call(
    node: ast.Call, renamed: dict[str, str], safe_loaders: frozenset[str]
) -> Iterator[str]:
    name = _name(node.func, renamed)
    given = {word.arg: word.value for word in node.keywords}
    if isinstance(node.func, ast.Name) and name in BUILTINS:
        yield f"calls {name}"
    if name == "torch.load" and not _is(given.get("weights_only"), True):
        yield "calls torch.load without weights_only=True"
    if name.startswith("yaml.") and "load" in name and name not in SAFE_YAML:
        loader = given.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
        loader_name = _name(loader, renamed) if loader is not None else "none"
        if name != "yaml.load" or loader_name not in safe_loaders | {"yaml.SafeLoader"}:
            yield f"calls {name} with {loader_name}"
    for option in ("allow_pickle", "trust_remote_code", "shell"):
        if option in given and not _is(given[option], False):
            yield f"calls {name} with {option}"


def _is(node: ast.AST | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _name(node: ast.AST, renamed: dict[str, str]) -> str:
    """Write a dotted name as it was before it was renamed by an import."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(renamed.get(node.id, node.id))
    return ".".join(reversed(parts))
