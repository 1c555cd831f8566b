"""An import-linter contract: no module imports itself by way of others, at its top or within a function.

`acyclic_siblings` finds circles between the modules and packages of one folder; this one finds those that run through a
package and a module inside it as well, such as a package whose `__init__` imports a module that imports the package,
and through tables of modules that are imported by name.
"""

from __future__ import annotations

import ast
import graphlib
from importlib.util import find_spec
from pathlib import Path

import grimp
from importlinter import Contract, ContractCheck, output


class NoCircles(Contract):
    """Broken by a circle of imports; imports within functions, under `TYPE_CHECKING` and by `import_module` count."""

    type_name = "no_circles"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        """Look for one circle."""
        ours = {module for module in graph.modules if not graph.is_module_squashed(module)}
        imports = {module: graph.find_modules_directly_imported_by(module) | named_in(module, ours) for module in ours}
        try:
            graphlib.TopologicalSorter(imports).prepare()
        except graphlib.CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1][::-1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """The circle, importer first."""
        output.print_error(" -> ".join(check.metadata["circle"]))


BY_NAME = ("import_module", "__import__", "resolve_name", "run_module")
"""Functions that import a module by its name."""


def named_in(module: str, modules: set[str]) -> set[str]:
    """Modules whose names are texts in a module that imports by name.

    A text names a module as it stands, relative to a package (`.words`), or as the beginning of the names of a whole
    package (`f"tuned.cli.verbs.{name}"`).
    """
    root, *inner = module.split(".")
    spec = find_spec(root)
    assert spec is not None and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0], *inner)
    code = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
    if not any(function in code for function in BY_NAME):
        return set()
    nodes = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    texts = {text for text in nodes if isinstance(text, str)}
    packages = (modules & texts) | {module, module.rpartition(".")[0]}
    relative = {package + text for package in packages for text in texts if text.startswith(".")}
    within = {name for name in modules if f"{name.rpartition('.')[0]}." in texts}
    return {name for name in modules & (texts | relative) | within if "." in name and name != module}
