"""Everything once: tests, data, pipeline, metrics. What did not change since is not done again.

python -m {{ cookiecutter.package }}
"""

import argparse
import json

from . import configure, dataset
from .evaluate import METRICS_FILE
from .programs import first_of, run, run_module
from .tracked import tracked

STAGES = ["prepare", "train", "evaluate"]


def run_pipeline() -> None:
    """The stages of dvc.yaml, by tilth, else by dvc, else one after the other."""
    program = first_of("tilth", "dvc") if dataset.VERSION.exists() else None
    if program == "tilth":
        run("tilth", "pipeline", "run")
    elif program == "dvc":
        run("dvc", "repro")
    else:
        for stage in STAGES:
            run_module(f"{__package__}.{stage}")


def report() -> list[str]:
    """What came out of it, for people."""
    facts = tracked()
    if facts is None:
        metrics = json.loads(METRICS_FILE.read_text(encoding="utf-8"))
        return [f"the model on flights that it has not seen: {_shown(metrics)}"]
    best = facts["runs"][-1]
    return [
        *(f"{each['candidate']:<10} {_shown(each['metrics'])}" for each in reversed(facts["runs"])),
        f"tracked at {facts['tracking_uri']}: run {best['run_id']}, model {best['model_id']}",
    ]


def _shown(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--skip-tests", action="store_true")
    options = parser.parse_args()
    if changes := configure.differences():
        print("params.yaml follows conf/:", *changes, sep="\n  ")
        configure.write(configure.overrides_of())
    if not options.skip_tests:
        run_module("pytest")
    dataset.ensure()
    run_pipeline()
    print("", *report(), sep="\n")


if __name__ == "__main__":
    main()
