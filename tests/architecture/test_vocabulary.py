"""Names: words of the field, every class name once, and no import cycles."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.test_tree import ROOT, SOURCES

# Words for which PyTorch, Textual, Qt or the papers have a better one; forbidden anywhere in a name.
FORBIDDEN = set(
    re.findall(
        r"\w+",
        """asked asks tells somebody nobody anybody obey obeys obeyed heard hears laid deed deeds whence anew swarm
        faces chance judge judges judged judging figures lies stands standing""",
    )
)
# Participles and pronouns that tell neither type nor role; forbidden as a whole name.
VAGUE = set(
    re.findall(
        r"\w+",
        """told tell said say seen shown drawn held kept found given taken put made moved settled chosen wanted known
        named sent begun what which who whose way ways thing things rest ours theirs""",
    )
)
# First docstring lines are prose, where some of these words can be right.
FORBIDDEN_IN_DOCSTRINGS = FORBIDDEN - {"chance", "lies", "stands", "standing", "asks", "tells"}


def names_in(tree: ast.AST) -> Iterator[str]:
    """Return the names that a module defines: functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def unclear_words(source: str) -> set[str]:
    """Return the names and the words of first docstring lines that break the rules."""
    tree = ast.parse(source)
    unclear = set()
    for name in names_in(tree):
        words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]
        if FORBIDDEN & set(words) or (len(words) == 1 and words[0] in VAGUE):
            unclear.add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first_line = (ast.get_docstring(node) or "").partition("\n")[0]
            unclear |= FORBIDDEN_IN_DOCSTRINGS & set(re.findall(r"[a-z]+", first_line.lower()))
    return unclear


def undeclared_arguments(source: str) -> set[str]:
    """Return the names that sections "Args" explain and that are no parameters or fields there."""
    undeclared = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or not (docstring := ast.get_docstring(node)):
            continue
        section = re.search(r"^Args:\n((?: .*\n|\n)*)", docstring + "\n", re.MULTILINE)
        explained = set(re.findall(r"^ {4}\*{0,2}(\w+):", section[1], re.MULTILINE) if section else ())
        # A class without a constructor of its own takes its fields; those of a base class are elsewhere.
        members = node.body if isinstance(node, ast.ClassDef) else []
        constructors = [each for each in members if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        function = node if isinstance(node, ast.FunctionDef) else next(iter(constructors), None)
        if function is not None:
            undeclared |= explained - {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
        else:
            annotated = (each.target for each in members if isinstance(each, ast.AnnAssign))
            fields = {each.id for each in annotated if isinstance(each, ast.Name)}
            undeclared |= explained - fields if fields else set()
    return undeclared


def test_docstrings_explain_the_parameters_that_there_are() -> None:
    undeclared = {str(path.relative_to(ROOT)): undeclared_arguments(path.read_text()) for path in SOURCES}
    assert not {path: names for path, names in undeclared.items() if names}
    assert undeclared_arguments('def f(a, *b):\n    """F.\n\n    Args:\n        c: C.\n        b: B.\n    """') == {"c"}


def test_names_are_words_of_the_field() -> None:
    unclear = {str(path.relative_to(ROOT)): unclear_words(path.read_text()) for path in SOURCES}
    assert not {path: words for path, words in unclear.items() if words}
    assert not [path for path in SOURCES if path.stem in FORBIDDEN | VAGUE]


@pytest.mark.parametrize(
    "source",
    [
        "def f(asked): pass",
        "chance_of_noise = 1",
        "for what in range(3): pass",
        "class JudgedModel: pass",
        "self.kept = 1",
        'def f():\n    """Return what somebody asked."""',
    ],
)
def test_an_unclear_name_is_detected(source: str) -> None:
    assert unclear_words(source)


@pytest.mark.parametrize("source", ["left_margin = 0", "rest_api = 1", 'def f():\n    """Give a chance."""'])
def test_ordinary_names_pass(source: str) -> None:
    assert not unclear_words(source)


def classes_of(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the modules that define each class at top level."""
    modules = defaultdict(list)
    for module, source in sources.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef):
                modules[node.name].append(module)
    return modules


def imports_of(source: str, module: str, modules: set[str]) -> set[str]:
    """Return which of some modules a module imports, also inside functions, but not for type checking alone."""
    tree = ast.parse(source)
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` imports the module; `from module import name` the module itself.
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & modules
            names |= submodules or {node.module}
    return (names & modules) - {module}


def import_cycles(sources: Mapping[str, str]) -> list[set[str]]:
    """Return the groups of modules that import each other."""
    graph = {module: imports_of(source, module, set(sources)) for module, source in sources.items()}
    reachable = {module: set(imported) for module, imported in graph.items()}
    for middle in graph:  # Warshall's transitive closure
        for start in graph:
            if middle in reachable[start]:
                reachable[start] |= reachable[middle]
    cycles = {frozenset(m for m in reachable[start] if start in reachable[m]) for start in graph}
    return [set(cycle) for cycle in cycles if cycle]


def all_sources() -> dict[str, str]:
    """Return the source of every module by its dotted name."""
    names = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in SOURCES}
    return {name: path.read_text() for path, name in names.items()}


def test_a_class_name_is_used_once() -> None:
    twice = {name: modules for name, modules in classes_of(all_sources()).items() if len(modules) > 1}
    assert not twice


def test_a_class_name_used_twice_is_detected() -> None:
    assert classes_of({"a": "class Plane: pass", "b": "class Plane: pass"}) == {"Plane": ["a", "b"]}


def test_modules_do_not_import_each_other() -> None:
    assert not import_cycles(all_sources())


def test_a_cycle_through_a_function_is_detected() -> None:
    sources = {
        "p.a": "from p import b",
        "p.b": "def f():\n    from p.c import x",
        "p.c": "import p.a",
        "p.d": "import p.a",
    }
    assert import_cycles(sources) == [{"p.a", "p.b", "p.c"}]
    typing_only = {"a": "import b", "b": "if TYPE_CHECKING:\n    import a"}
    assert not import_cycles(typing_only)
