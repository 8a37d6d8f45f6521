"""Real projects of DVC: single model files come over, and DVC goes on with the rest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.helpers import messy, seal
from tests.helpers.messy import everything
from tests.helpers.sandbox import Sandbox, weights
from tests.migrations.conftest import with_dvc

BEST, MADE = "models/best.pt", "out/made.onnx"
PIPELINE = """\
# the pipeline
stages:
  train:
    cmd: mkdir -p out && head -c 5000 weights.src > out/made.onnx && cp out/made.onnx copy.dat && echo 1 > metrics.json
    deps: [weights.src]
    outs:
      - out/made.onnx   # what it is all about
      - copy.dat:
          persist: true
    metrics:
      - metrics.json:
          cache: false
"""


@pytest.fixture(scope="session")
def made_by_dvc(tmp_path_factory: pytest.TempPathFactory, _sealed_session: None) -> Path:
    """Made once: an added model, a data file, a folder, and a pipeline that makes a model; pushed to a folder."""
    folder = tmp_path_factory.mktemp("made-by-dvc")
    bare, work = Sandbox(folder / "origin.git"), Sandbox(folder / "repo")
    for each in (bare.root, work.root, folder / "shelf", folder / "place"):
        each.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, worth in seal.personal(tmp_path_factory.mktemp("dvc") / "home").items():
            patch.setenv(name, worth)
        with_dvc(patch, folder / "tools")
        bare.git("init", "--bare")
        work.git("init")
        work.git("remote", "add", "origin", bare.root.as_uri())
        work.run("dvc init -q && dvc remote add -q -d shelf ../shelf")
        work.weight(BEST, 20_000, seed=1)
        work.weight("data/all.csv", 3_000, seed=2)
        work.weight("folder/a.pt", 2_000, seed=3)
        work.write("weights.src", weights(6_000, 4))
        work.write("dvc.yaml", PIPELINE)
        work.run(f"dvc add -q {BEST} data/all.csv folder && dvc repro -q && dvc push -q")
        work.commit("With DVC")
        work.git("push", "-u", "origin", "main")
    return folder


@pytest.fixture
def project(made_by_dvc: Path, tools: None, tmp_path: Path) -> Sandbox:
    """A copy of it, whose models will go to `place`."""
    repo = messy.copy(made_by_dvc, tmp_path)
    repo.git("config", "models.remote", (tmp_path / "place").as_uri())
    return repo


def state(work: Sandbox) -> dict[str, str]:
    """All that must stay as it was; DVC notes its own commands below .dvc/tmp."""
    return {name: worth for name, worth in everything(work).items() if not name.startswith(".dvc/tmp/")}


def content(work: Sandbox) -> bool:
    return work.run("dvc status").out == "Data and pipelines are up to date.\n"


def test_single_models_come_over_and_dvc_is_content_with_the_rest(project: Sandbox, tmp_path: Path) -> None:
    assert content(project)
    before = {path: project.read(path) for path in (BEST, MADE)}
    project.models("migrate", "dvc")
    assert set(project.entries("HEAD")) == set(before) and project.status() == []
    assert {path: project.read(path) for path in before} == before
    assert not project.exists(f"{BEST}.dvc") and not project.exists("models/.gitignore")
    assert project.exists("data/all.csv.dvc") and project.exists("folder.dvc")
    assert content(project)
    assert project.read("dvc.yaml").decode() == PIPELINE.replace("out/made.onnx   #", "out/made.onnx:   #").replace(
        "all about\n", "all about\n          cache: false\n"
    )
    project.git("push")
    colleague = Sandbox(tmp_path / "origin.git").clone("colleague")
    colleague.models("pull", "--from", (tmp_path / "place").as_uri())
    assert {path: colleague.read(path) for path in before} == before


def test_the_pipeline_goes_on_and_the_new_version_is_recorded(project: Sandbox) -> None:
    project.models("migrate", "dvc")
    project.write("weights.src", weights(6_000, 5))
    project.run("dvc repro -q")
    assert project.read(MADE) == weights(6_000, 5)[:5000]
    project.git("commit", "-a", "-m", "Trained again")
    assert project.entries("HEAD")[MADE]["md5"] == project.md5(MADE)
    assert content(project) and MADE not in project.files_at()


def test_bytes_come_from_a_folder_when_cache_and_file_are_gone(project: Sandbox) -> None:
    shutil.rmtree(project / ".dvc/cache")
    (project / BEST).unlink()
    (project / MADE).unlink()
    project.models("migrate", "dvc")
    assert project.read(BEST) == weights(20_000, 1) and project.read(MADE) == weights(6_000, 4)[:5000]


def test_bytes_come_through_dvc_itself_from_places_that_only_it_knows(project: Sandbox, tmp_path: Path) -> None:
    project.run(f"dvc remote remove -q shelf && dvc remote add -q --global -d shelf '{tmp_path / 'shelf'}'")
    project.commit("Only this user's configuration names the remote")
    shutil.rmtree(project / ".dvc/cache")
    (project / BEST).unlink()
    (project / MADE).unlink()
    project.models("migrate", "dvc")
    assert project.read(BEST) == weights(20_000, 1) and project.read(MADE) == weights(6_000, 4)[:5000]


def test_what_is_nowhere_is_named_and_nothing_changes(project: Sandbox, tmp_path: Path) -> None:
    shutil.rmtree(project / ".dvc/cache")
    shutil.rmtree(tmp_path / "shelf")
    project.weight(BEST, 20_000, seed=99)  # other bytes than DVC names
    before = state(project)
    said = project.models("migrate", "dvc", code=1).err
    assert f"{BEST}, md5 " in said and "nothing was changed" in said
    assert state(project) == before


def test_undo_brings_dvc_back(project: Sandbox) -> None:
    before = state(project)
    project.models("migrate", "dvc")
    project.models("migrate", "undo")
    assert state(project) == before and content(project)
