"""An import-linter contract: no module imports itself by way of others, at its top or within a function.

`acyclic_siblings` finds circles between the modules and packages of one folder; this one finds those that run through a
package and a module inside it as well, such as a package whose `__init__` imports a module that imports the package.
"""

from __future__ import annotations

import graphlib

import grimp
from importlinter import Contract, ContractCheck, output


class NoCircles(Contract):
    """Broken by a circle of imports; imports within functions and under `TYPE_CHECKING` count."""

    type_name = "no_circles"

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        """Look for one circle."""
        imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
        try:
            graphlib.TopologicalSorter(imports).prepare()
        except graphlib.CycleError as error:
            return ContractCheck(kept=False, metadata={"circle": error.args[1][::-1]})
        return ContractCheck(kept=True)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """The circle, importer first."""
        output.print_error(" -> ".join(check.metadata["circle"]))
