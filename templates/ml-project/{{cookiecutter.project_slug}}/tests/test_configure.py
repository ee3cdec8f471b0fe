import shutil
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException

from {{ cookiecutter.package }} import configure
from {{ cookiecutter.package }}.params import load_params


def test_params_are_what_conf_gives():
    assert configure.differences() == []


def test_an_override_is_written_down_and_kept(tmp_path):
    params = tmp_path / "params.yaml"
    assert configure.write(["train.candidate=forest", "data=january"], params)
    assert load_params(params)["train"]["candidate"] == "forest"
    assert load_params(params)["data"]["end"] == "2013-02-01"
    assert configure.overrides_of(params) == ["train.candidate=forest", "data=january"]
    assert configure.differences(params) == []
    assert not configure.write(configure.overrides_of(params), params)


def test_a_candidate_may_have_another_setting(tmp_path):
    params = tmp_path / "params.yaml"
    configure.write(["candidate@train.candidates.boosting=boosting_deep"], params)
    boosting = load_params(params)["train"]["candidates"]["boosting"]
    assert (boosting["max_leaf_nodes"], boosting["l2_regularization"]) == (31, 5.0)


def test_a_change_of_either_side_is_seen(tmp_path):
    folder = tmp_path / "conf"
    shutil.copytree("conf", folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("seed: 0", "seed: 7"), encoding="utf-8")
    params = tmp_path / "params.yaml"
    configure.write([], params)
    assert configure.differences(params, folder) == [f"train.seed: conf/ gives 7, {params} has 0"]
    params.write_text(params.read_text(encoding="utf-8").replace("seed: 0", "seed: 8"), encoding="utf-8")
    assert configure.differences(params) == [f"train.seed: conf/ gives 0, {params} has 8"]


def test_a_group_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MissingConfigException, match="june"):
        configure.write(["data=june"], tmp_path / "params.yaml")
    assert list(Path(tmp_path).iterdir()) == []
