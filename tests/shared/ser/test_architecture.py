"""The borders between library, service and command, and the one way in which imports point."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ser

PACKAGE = Path(ser.__file__).parent

LAYERS = (
    {"_secrets"},
    {
        "errors",
        "limits",
        "sealing",
        "_csv",
        "_decoding",
        "_features",
        "_labels",
        "_progress",
        "_runs",
    },
    {"_json", "_packing", "_s3_data", "_sessions", "_spectra", "_threads", "_wire"},
    {"_addresses", "_required_inputs", "_s3", "_weights"},
    {"_schemas", "_metadata", "_prediction", "fetching", "parallel", "sounds"},
    {"store", "_model_properties", "_profile", "_promote_if", "_segments", "_speech_graph"},
    {"_model_file", "_timeline"},
    {"_domain_profile", "_speaker_profile"},
    {"encoders"},
    {"frontends"},
    {"model", "_graph"},
    {"registry", "classifiers", "corpora"},
    {"client", "dataset"},
    {"evaluation"},
    {"training"},
    {"service"},
    {"command"},
)
"""The modules and packages of ``ser``, from the ground up; the last ones are the service and the
command."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    """The dotted name below ``ser`` of each module, and its syntax tree."""
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name:
            yield name, ast.parse(file.read_text())


def imported(tree: ast.Module) -> set[str]:
    """The dotted names below ``ser`` of all modules that are imported anywhere in ``tree``."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name.removeprefix("ser.") for name in names if name.startswith("ser.")} & {*MODULES}


MODULES = dict(modules())


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    rank = {name: level for level, names in enumerate(LAYERS) for name in names}
    own = module.split(".")[0]
    upward = {
        name
        for name in imported(MODULES[module])
        if name.split(".")[0] != own and rank[name.split(".")[0]] >= rank[own]
    }
    assert not upward


def test_every_module_has_its_layer() -> None:
    assert {name.split(".")[0] for name in MODULES} == set().union(*LAYERS)


@pytest.mark.parametrize("module", MODULES)
def test_a_private_module_is_imported_by_its_own_package_alone(module: str) -> None:
    for name in imported(MODULES[module]):
        package, _, last = name.rpartition(".")
        if last.startswith("_") and package:
            assert f"{module}.".startswith(f"{package}."), f"{module} imports {name}"


LIBRARY = [name for name in MODULES if name.split(".")[0] not in ("service", "command")]


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_reads_no_environment(module: str) -> None:
    reads = {
        ast.unparse(node)
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv")
    }
    # Neither setting what other libraries read is reading, nor handing on to a process of this
    # machine what the loader of programs reads.
    assert reads <= ({"os.environ"} if module in SETS_THE_ENVIRONMENT else set())


SETS_THE_ENVIRONMENT = {"parallel._remote_work", "corpora.contents._table_reader"}


@pytest.mark.parametrize("module", LIBRARY)
def test_the_library_knows_no_setting_of_the_service(module: str) -> None:
    strings = [
        node.value
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not [text for text in strings if "SER_" in text or "allowed_" in text]


USE_THE_SERVICE = {"command._doctor", "command._keys", "command.both"}
"""The modules of the command that serve, examine the settings of servers, or make keys."""


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("command")])
def test_the_command_uses_the_service_only_to_serve_and_to_examine_it(module: str) -> None:
    used = {name for name in imported(MODULES[module]) if name.split(".")[0] == "service"}
    assert not used or module in USE_THE_SERVICE


def test_the_client_knows_neither_the_service_nor_the_front_ends() -> None:
    used = {
        name.split(".")[0]
        for module in MODULES
        if module.startswith("client")
        for name in imported(MODULES[module])
    }
    assert not used & {"service", "frontends", "training", "evaluation"}
