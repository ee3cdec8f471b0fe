"""Composes conf/ with Hydra into params.yaml, which the stages of dvc.yaml depend on.

python -m {{ cookiecutter.package }}.configure
python -m {{ cookiecutter.package }}.configure train.candidate=forest
python -m {{ cookiecutter.package }}.configure --refresh
python -m {{ cookiecutter.package }}.configure --check

As conf/ says; with overrides, in Hydra's own words; after a change of conf/, with the overrides of before;
and a check, which fails where params.yaml is not what conf/ gives. People edit conf/ and never params.yaml,
whose first line says which overrides it was made with.
"""

import argparse
import shlex
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from .params import PARAMS, load_params

CONF = Path("conf")
NOTE = "# Made from conf/, don't edit. Overrides:"


def composed(overrides: list[str], folder: Path = CONF) -> dict[str, Any]:
    """What Hydra makes of the folder's config.yaml, every reference resolved."""
    with initialize_config_dir(str(folder.resolve()), version_base="1.3"):
        return OmegaConf.to_container(compose("config", overrides), resolve=True, throw_on_missing=True)


def overrides_of(path: Path = PARAMS) -> list[str]:
    """The overrides with which the file was made."""
    first, _, _ = path.read_text(encoding="utf-8").partition("\n") if path.exists() else ("", "", "")
    return shlex.split(first.removeprefix(NOTE)) if first.startswith(NOTE) else []


def write(overrides: list[str], path: Path = PARAMS, folder: Path = CONF) -> bool:
    """Makes the file what conf/ and the overrides give; tells whether it changed."""
    body = OmegaConf.to_yaml(OmegaConf.create(composed(overrides, folder)))
    text = f"{NOTE} {shlex.join(overrides)}".rstrip() + f"\n{body}"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def differences(path: Path = PARAMS, folder: Path = CONF) -> list[str]:
    """Where the file is not what conf/ and its overrides give, one line each."""
    wanted = _leaves(composed(overrides_of(path), folder))
    found = _leaves(load_params(path)) if path.exists() else {}
    nothing = object()
    return [
        f"{name}: conf/ gives {wanted.get(name, 'nothing')}, {path} has {found.get(name, 'nothing')}"
        for name in {**wanted, **found}
        if wanted.get(name, nothing) != found.get(name, nothing)
    ]


def _leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in values.items():
        nested = isinstance(value, dict) and value
        leaves.update(_leaves(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value})
    return leaves


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("overrides", nargs="*", help="train.candidate=forest, data=january, ...")
    parser.add_argument("--refresh", action="store_true", help="compose again with the overrides of before")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where the two differ")
    options = parser.parse_args()
    if options.check:
        if found := differences():
            way = f"python -m {__package__}.configure --refresh"
            raise SystemExit("\n".join([*found, f"Change conf/, or take what it gives: {way}"]))
        return
    overrides = overrides_of() if options.refresh else options.overrides
    outcome = "is written" if write(overrides) else "is as it was"
    print(f"{PARAMS} {outcome}; overrides: {shlex.join(overrides) or 'none'}")


if __name__ == "__main__":
    main()
