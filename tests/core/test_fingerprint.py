"""The code of stages: what counts, what does not, and which stages a change makes stale."""

from __future__ import annotations

import ast
import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.core.dvc.graph import ALONE, StageNode, read_graph
from components.core.dvc.survey import survey
from components.core.errors import BadInput
from components.core.files import write_json, write_text
from components.core.fingerprint import (
    DIRECTORY,
    PACKAGES,
    PAPERS,
    ROOT,
    SEAMS,
    STAGE,
    Code,
    Sources,
    changed_definitions,
    code_hash,
    stage_code,
    stage_names,
)
from components.tasks.kit.registry import family_modules

NANO = ROOT / "presets" / "nano.yaml"
FAMILIES = family_modules()
ENTRIES = tuple(yaml.safe_load(NANO.read_text())["curriculum"])
EVALUATED = {f"evaluate@{entry}" for entry in ENTRIES}
TRAINED = {f"pretrain@{entry}" for entry in ENTRIES}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository's sources and graph."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(ROOT / ".dvcignore", tmp_path)
    shutil.copy(NANO, tmp_path / "params.yaml")
    return tmp_path


@pytest.fixture
def project(tree: Path) -> Path:
    """The copy as a DVC project in which every stage is up to date, with made-up outputs."""
    from dvc.repo import Repo

    Repo.init(str(tree), no_scm=True).close()
    for stage, code in code_of_all(tree).items():
        write_json(tree / DIRECTORY / f"{stage}.json", code)
    for node in graph().values():
        for out in (tree / name for name in node.outs if name != str(DIRECTORY)):
            write_text(out if out.suffix else out / "manifest.json", node.name)
    with ALONE, contextlib.chdir(tree), Repo(".") as repo:
        repo.commit(force=True)
    return tree


@cache
def graph() -> dict[str, StageNode]:
    return read_graph(ROOT)


def code_of_all(root: Path) -> dict[str, Code]:
    sources = Sources(root)
    return {stage: stage_code(stage, FAMILIES, root=root, params=NANO, sources=sources) for stage in stage_names(root)}


def stale_after(tree: Path, change: Callable[[Path], None]) -> set[str]:
    """The stages of the graph whose own code a change makes another."""
    before = code_of_all(tree)
    change(tree)
    after = code_of_all(tree)
    files = {str(DIRECTORY / f"{stage}.json") for stage in before if before[stage] != after[stage]}
    return {node.name for node in graph().values() if files & set(node.deps)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path}: {old!r}"
    path.write_text(text.replace(old, new, 1))


def change_phrase(tree: Path, family: str) -> None:
    """Add a word to the first phrase in the package of a family."""
    package = (tree / FAMILIES[family].replace(".", "/")).parent
    for path in sorted(package.glob("*.py")):
        source = path.read_text()
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            for argument in call.args:
                text = ast.get_source_segment(source, argument) or ""
                if isinstance(argument, ast.Constant) and text.startswith('"') and " " in text:
                    edit(path, text, '"now ' + text[1:])
                    return
    raise AssertionError(f"{package}: no phrase to change")


def in_extra_family(tree: Path) -> None:
    change_phrase(tree, "express_coin")


def in_stream_the_preset_does_not_train(tree: Path) -> None:
    change_phrase(tree, "cot_schedule")


def comment_in_exporter(tree: Path) -> None:
    path = tree / "model" / "exchange" / "gguf.py"
    path.write_text(path.read_text() + "\n# A comment.\n")


def docstring_in_training(tree: Path) -> None:
    path = tree / "components" / "training" / "loop.py"
    path.write_text(path.read_text().replace('"""', '"""In other words. ', 1))


def code_of_one_family(tree: Path) -> None:
    path = tree / (FAMILIES["arithmetic_add"].replace(".", "/") + ".py")
    path.write_text(path.read_text() + "\n_MORE = 1\n")


def attention(tree: Path) -> None:
    edit(tree / "model" / "attention.py", "* rotation.score_scale", "* 2 * rotation.score_scale")


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (in_extra_family, set()),
        (in_stream_the_preset_does_not_train, set()),
        (comment_in_exporter, set()),
        (docstring_in_training, set()),
        (code_of_one_family, {"synthesize", "check_trajectories"} | EVALUATED),
        (attention, {"init_model", "release"} | TRAINED | EVALUATED),
    ],
)
def test_a_change_makes_stale_what_it_computes(tree: Path, change: Callable[[Path], None], stale: set[str]) -> None:
    assert stale_after(tree, change) == stale


def exporter(tree: Path) -> None:
    path = tree / "model" / "exchange" / "gguf.py"
    path.write_text(path.read_text() + "\n_MORE = 1\n")


def schema(tree: Path) -> None:
    path = tree / "components" / "core" / "params" / "model.py"
    path.write_text(path.read_text() + "\n_MORE = 1\n")


def benchmark_item(tree: Path) -> None:
    path = tree / "components" / "evaluation" / "tasks" / "arithmetic_cloze.jsonl"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")


@pytest.mark.parametrize(
    ("change", "stale"),
    [(exporter, {"release"}), (schema, set()), (benchmark_item, {"curate", "check_trajectories"} | EVALUATED)],
)
def test_exporters_seams_and_data(tree: Path, change: Callable[[Path], None], stale: set[str]) -> None:
    assert stale_after(tree, change) == stale


def test_naming_an_extra_family_makes_its_code_count(tree: Path, tmp_path: Path) -> None:
    params = yaml.safe_load(NANO.read_text())
    params["trajectories"]["families"]["express_coin"] = 1
    named = tmp_path / "named.yaml"
    named.write_text(yaml.safe_dump(params))
    before = stage_code("synthesize", FAMILIES, root=tree, params=named)
    in_extra_family(tree)
    after = stage_code("synthesize", FAMILIES, root=tree, params=named)
    (line,) = changed_definitions(before, after)
    assert line.startswith("components.tasks.extra.")


def test_every_stage_says_where_its_code_begins_and_depends_on_it() -> None:
    nodes = [node for node in graph().values() if node.name != STAGE]
    assert {node.name.partition("@")[0] for node in nodes} == set(stage_names())
    for node in nodes:
        assert str(DIRECTORY / f"{node.name.partition('@')[0]}.json") in node.deps
        assert not [dep for dep in node.deps if dep.startswith(PACKAGES)]


def test_data_files_belong_to_the_module_that_names_them() -> None:
    sources = Sources()
    found = {path for module in modules() for path in sources.data_files(module).values()}
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    files = {ROOT / name for name in listed.stdout.splitlines() if not name.endswith(".py")}
    assert {path for path in files if path.is_file() and not PAPERS.match(path.name)} == found & files


def test_seams_exist_and_compute_nothing_that_is_drawn_from() -> None:
    sources = Sources()
    for seam in SEAMS:
        sources.definitions(seam)
    code = stage_code("synthesize", FAMILIES, params=NANO, sources=sources)
    assert {"components.core.seeding", "components.core.special_tokens"} <= code.keys()
    assert not [module for module in code if module.startswith(SEAMS)]


def test_what_python_starts_from_a_string_or_a_file_counts() -> None:
    code = stage_code("synthesize", FAMILIES, params=NANO)
    assert {"components.sandbox.worker", "components.sandbox.examination"} <= code.keys()


def test_an_unknown_stage_is_refused() -> None:
    with pytest.raises(BadInput, match=r"stages\.yaml: distil: missing"):
        code_hash("distil")


def test_a_file_that_is_no_python_is_refused(tree: Path) -> None:
    (tree / "model" / "attention.py").write_text("def (")
    with pytest.raises(BadInput, match=r"attention\.py: line 1"):
        code_of_all(tree)


def modules() -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def definitions(directory: Path, source: str) -> dict[str, str]:
    (directory / "model").mkdir(exist_ok=True)
    (directory / "model" / "one.py").write_text(source)
    return Sources(directory).definitions("model.one")


def test_layout_and_comments_do_not_count(tmp_path: Path) -> None:
    """What is parsed and written out again has lost every comment, and every line break and quote of its own."""
    for path in (ROOT / "model").rglob("*.py"):
        source = path.read_text()
        again = ast.unparse(ast.parse(source)) + "\n# a comment\n"
        assert definitions(tmp_path, source) == definitions(tmp_path, again), path


CODE = '''
"""About the module."""
from pathlib import Path

LIMIT = {limit}
"""About the limit."""


def function(x, y={default}):
    """About the function."""
    return x + {text!r}


class Thing:
    """About the thing."""

    size = {size}
    """About the size."""

    def method(self):
        """About the method."""
        return {value}
'''
PLACES = {
    "limit": "(module)",
    "default": "function",
    "text": "function",
    "size": "Thing",
    "value": "Thing.method",
}


@given(st.data())
def test_a_constant_counts_where_it_stands_and_docstrings_nowhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("sources", numbered=True)
    number = st.integers(0, 9) | st.booleans()
    values = {name: data.draw(st.text(max_size=3) if name == "text" else number, name) for name in PLACES}
    place = data.draw(st.sampled_from(sorted(PLACES)), "place")
    other = data.draw(st.text(max_size=3) if place == "text" else number, "other")
    before = definitions(directory, CODE.format(**values))
    after = definitions(directory, CODE.replace("About", "Concerning").format(**{**values, place: other}))
    same = repr(values[place]) == repr(other)
    assert {name for name in before if before[name] != after[name]} == (set() if same else {PLACES[place]})
    assert before.keys() == after.keys() == {"(imports)", "(module)", "function", "Thing", "Thing.method"}


def test_imports_count_in_any_order_and_not_for_type_checkers(tmp_path: Path) -> None:
    one = definitions(tmp_path, "import b\nimport a\nif TYPE_CHECKING:\n    import c\n")
    assert one == definitions(tmp_path, "import a\nimport b\n")
    assert one != definitions(tmp_path, "import a\nimport d as b\n")


def test_changes_are_named() -> None:
    old: Code = {"m.a": {"f": "1", "C.g": "1", "(module)": "1"}, "m.gone": {"f": "1"}}
    new: Code = {"m.a": {"f": "2", "C.h": "1", "(module)": "2"}, "m.new": {"f": "1"}}
    assert changed_definitions(old, new) == [
        "m.a (module) changed",
        "m.a.C.g removed",
        "m.a.C.h added",
        "m.a.f changed",
        "m.gone removed",
        "m.new added",
    ]


def test_the_survey_takes_the_fingerprint_and_names_what_changed(project: Path) -> None:
    """Through DVC itself: `dvc repro` would decide the same."""
    comment_in_exporter(project)
    docstring_in_training(project)
    in_extra_family(project)
    assert not {name: work.reasons for name, work in survey(project).items() if not work.done}

    attention(project)
    exporter(project)
    ingest = project / "components" / "corpus" / "ingest.py"
    ingest.write_text(ingest.read_text() + "\n_MORE = 1\n")
    lock = yaml.safe_load((project / "dvc.lock").read_text())
    (md5,) = (dep["md5"] for dep in lock["stages"]["ingest"]["deps"] if dep["path"].endswith("ingest.json"))
    (project / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]).unlink()

    work = survey(project)
    assert work[STAGE].done
    assert work["ingest"].reasons == ("code changed",)  # the cache has lost what it was
    assert work["init_model"].reasons[0] == "model.attention.MLAttention.decode changed"
    assert "model.exchange.gguf (module) changed" in work["release"].reasons
    assert "model.exchange.gguf (module) changed" not in work["evaluate@stem"].reasons
    named = {name for name, one in work.items() if any(why.startswith("model.attention.") for why in one.reasons)}
    assert named == {"init_model", "release"} | TRAINED | EVALUATED
