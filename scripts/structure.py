"""Measure the shape of the package, and fail where it breaks a rule of ARCHITECTURE.md.

A room is a folder of the package, or a module at its top. `FLOORS` lists the rooms from the ground up: a room imports
only from rooms on floors below its own.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "certbot_external_auth"
MAX_TOP_MODULES = 12
NAMED_BY_PYTHON = ("__init__.py", "__main__.py")
"""These count neither as rooms nor as modules at the top."""
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 50
COPIED = f"{PACKAGE}.client"
"""Other programs copy this module, so it stays one file however long it is."""
FLOORS = (
    ("client", "endpoint", "files", "interfaces", "option", "signals", "text", "threads"),
    ("errors", "registration", "settings"),
    ("console", "lineages", "processes", "progress"),
    ("accounts",),
    ("persistent_records",),
    ("challenges", "cli", "doctor", "extensions"),
    ("handler_setup", "journal", "protocol", "validation_certificates", "visibility"),
    ("dialects", "metrics", "notification", "permission", "routes"),
    ("providers",),
    ("backends",),
    ("configuration",),
    ("recovery",),
    ("run", "sessions"),
    ("check", "persist", "plan", "plugin", "thumbprint"),
    ("rehearsal",),
)

Trees = Mapping[str, ast.Module]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def read() -> dict[str, Path]:
    """Return the path of every module of the package, by the module's dotted name."""
    return {_dotted(path): path for path in sorted((ROOT / PACKAGE).rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """Return the room of a module. The package itself is a room without a name, and so is what starts it."""
    return module.split(".")[1].replace("__main__", "") if "." in module else ""


def imported(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of the package that a module imports when it runs, also within functions."""
    for node in _running(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.module in known:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through a tree, without what only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def arrows(trees: Trees, known: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return the rooms that each room imports from."""
    found: dict[str, set[str]] = {}
    for module, tree in trees.items():
        targets = {room(target) for target in imported(tree, known)} - {room(module), ""}
        found.setdefault(room(module), set()).update(targets)
    found.pop("", None)
    return found


def upward(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the imports that do not run to a lower floor."""
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    return [
        f"{name} imports {target}, which does not stand on a lower floor"
        for name in sorted(graph)
        for target in sorted(graph[name])
        if floor.get(target, len(FLOORS)) >= floor.get(name, -1)
    ]


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the rooms that import each other, however far around."""
    left = dict(graph)
    while ground := [name for name, targets in left.items() if not targets & left.keys()]:
        left = {name: targets for name, targets in left.items() if name not in ground}
    return sorted(left)


def functions(trees: Trees) -> Iterator[tuple[int, str]]:
    """Yield the length in lines and the name of every function."""
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{module}.{node.name}"


def faces_with_logic(trees: Trees, known: Mapping[str, Path]) -> list[str]:
    """Return the packages whose ``__init__`` does more than hand names on."""
    kinds = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
    packages = (module for module, path in known.items() if path.name == "__init__.py")
    return [module for module in packages if not all(isinstance(node, kinds) for node in trees[module].body)]


def main() -> int:
    """Print the figures, then what breaks a rule; return 1 if anything does."""
    known = read()
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in known.items()}
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in known.items()}
    lengths = sorted(functions(trees))
    graph = arrows(trees, known)
    top = [
        module for module, path in known.items() if path.parent == ROOT / PACKAGE and path.name not in NAMED_BY_PYTHON
    ]
    longest = max((count, module) for module, count in lines.items() if module != COPIED)
    print(f"{len(known)} modules with {sum(lines.values())} lines, {len(top)} of them at the top; {len(graph)} rooms")
    print(f"longest module: {longest[1]}, {longest[0]} lines")
    print(f"functions: median {statistics.median(count for count, _ in lengths):g} lines")
    print(f"longest function: {lengths[-1][1]}, {lengths[-1][0]} lines")
    print(f"imports between rooms: {sum(map(len, graph.values()))}, upwards {len(upward(graph))}")
    print(f"rooms in circles: {len(circles(graph))}")
    wrong = [*upward(graph), *(f"{name} stands in a circle of imports" for name in circles(graph))]
    too_long = [module for module, count in lines.items() if count > MAX_MODULE_LINES and module != COPIED]
    wrong += [f"{module} has {lines[module]} lines" for module in too_long]
    wrong += [f"{name} has {count} lines" for count, name in lengths if count > MAX_FUNCTION_LINES]
    wrong += [f"{module}/__init__.py does more than hand names on" for module in faces_with_logic(trees, known)]
    if len(top) > MAX_TOP_MODULES:
        wrong.append(f"{len(top)} modules at the top of the package, {MAX_TOP_MODULES} are allowed")
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
