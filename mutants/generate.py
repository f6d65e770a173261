"""All mutants of the package, by mutmut's operators, each a change of one expression or statement."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

from mutants.mutant import PACKAGE, ROOT, Mutant

WORDS = "words of a message or of a help text"
FOR_DEVELOPERS = "arguments of logger.debug"
TYPES = "read by the type checker only"
SAME_CODEC = "another case of a codec's name"
_TYPING = {"cast", "TypeVar", "NewType", "ParamSpec"}
_CODECS = {"utf-8", "ascii", "latin-1", "idna"}


class _Everywhere(MutationVisitor):
    """Also looks into functions with a decorator, because no trampoline is built here."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and bool(super()._skip_node_and_children(node))


class Module:
    """A module and the mutants that are tried."""

    def __init__(self, path: Path) -> None:
        self.path = path.relative_to(ROOT).as_posix()
        wrapper = MetadataWrapper(cst.parse_module(path.read_text(encoding="utf-8")))
        self._tree = wrapper.module
        visitor = _Everywhere(mutation_operators, IgnoredCode(set(), set(), set()))
        wrapper.visit(visitor)
        parents = wrapper.resolve(ParentNodeProvider)
        reasons = [(left_out(one, parents), one) for one in visitor.mutations]
        self.left_out = Counter(reason for reason, _ in reasons if reason)
        self.tried = [one for reason, one in reasons if not reason]

    def mutant(self, number: int) -> Mutant:
        mutation = self.tried[number]
        code = self._tree.deep_replace(mutation.original_node, mutation.mutated_node).code
        line, before, after = _difference(self._tree.code.splitlines(), code.splitlines())
        return Mutant(self.path, line, max(1, len(before)), _joined(before), _joined(after), code)


def modules() -> list[Module]:
    return [Module(path) for path in sorted((ROOT / PACKAGE).rglob("*.py"))]


def sample(found: list[Module], number: int, seed: int) -> list[Mutant]:
    """Choose by chance among all that are tried, each with the same chance."""
    places = [(module, index) for module in found for index in range(len(module.tried))]
    chosen = random.Random(seed).sample(places, min(number, len(places)))
    return [module.mutant(index) for module, index in chosen]


def left_out(mutation: Mutation, parents: dict[cst.CSTNode, cst.CSTNode]) -> str:
    """Why a mutant is not tried; decided before any is, and by rules only."""
    around = [mutation.original_node, *_ancestors(mutation.original_node, parents)]
    if _is_codec(mutation):
        return SAME_CODEC
    if any(_is_call_of(node, _TYPING) or _is_for_types(node) for node in around):
        return TYPES
    if any(isinstance(node, cst.Call) and _name(node.func) == "logger.debug" for node in around):
        return FOR_DEVELOPERS
    return WORDS if any(map(_is_prose, _changed(mutation))) else ""


def _changed(mutation: Mutation) -> list[cst.CSTNode]:
    """What a mutation takes away or replaces."""
    before, after = mutation.original_node, mutation.mutated_node
    if isinstance(before, cst.Call) and isinstance(after, cst.Call):
        return [arg.value for arg in before.args if not any(arg is kept for kept in after.args)]
    if isinstance(before, cst.Assign | cst.AnnAssign):
        return [before.value] if before.value else []
    return [before]


def _is_prose(node: cst.CSTNode) -> bool:
    """A string of several words: what a person reads."""
    if isinstance(node, cst.ConcatenatedString):
        return _is_prose(node.left) or _is_prose(node.right)
    if isinstance(node, cst.FormattedString):
        texts = [part.value for part in node.parts if isinstance(part, cst.FormattedStringText)]
        return any(" " in text.strip() for text in texts)
    return isinstance(node, cst.SimpleString) and " " in node.raw_value.strip()


def _is_codec(mutation: Mutation) -> bool:
    before, after = mutation.original_node, mutation.mutated_node
    strings = isinstance(before, cst.SimpleString) and isinstance(after, cst.SimpleString)
    return strings and before.raw_value in _CODECS and after.raw_value.lower() == before.raw_value


def _is_call_of(node: cst.CSTNode, names: set[str]) -> bool:
    return isinstance(node, cst.Call) and _name(node.func) in names


def _is_for_types(node: cst.CSTNode) -> bool:
    """What stands only where a type checker looks, and `__all__`, which says what may be imported from here."""
    if isinstance(node, cst.Assign):
        return _name(node.targets[0].target) == "__all__" or _is_call_of(node.value, _TYPING)
    return isinstance(node, cst.If) and _name(node.test) == "TYPE_CHECKING"


def _name(node: cst.BaseExpression) -> str:
    return cst.Module([]).code_for_node(node)


def _ancestors(node: cst.CSTNode, parents: dict[cst.CSTNode, cst.CSTNode]) -> Iterator[cst.CSTNode]:
    while (parent := parents.get(node)) is not None:
        yield parent
        node = parent


def _difference(old: list[str], new: list[str]) -> tuple[int, list[str], list[str]]:
    """The number of the first line that differs, and the lines that do."""
    start = next(
        (n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start + 1, old[start : len(old) - end], new[start : len(new) - end]


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
