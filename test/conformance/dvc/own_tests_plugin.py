"""Puts tilth in front of DVC's own tests, as a pytest plugin.

TILTH_OWN_TESTS_PASS says where: "cli" replaces `dvc.cli.main`, which many of them call; "repo" replaces the methods of
`dvc.repo.Repo` where a test itself calls them (its fixtures go on with the real dvc, so both tools share one repository).
TILTH_OWN_TESTS_COMMAND is the command as a JSON list, TILTH_OWN_TESTS_RESULTS where to write what came out.
"""

import builtins
import glob
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import mock

import dvc.cli
import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.metrics import Metrics
from dvc.repo.params import Params
from dvc.utils import serialize

COMMAND = json.loads(os.environ["TILTH_OWN_TESTS_COMMAND"])
PASS = os.environ["TILTH_OWN_TESTS_PASS"]
RESULTS = os.environ["TILTH_OWN_TESTS_RESULTS"]
TESTS = os.environ["TILTH_OWN_TESTS_FOLDER"]

logger = logging.getLogger("dvc")
real_raises = pytest.raises
outcomes = {}


class Refused(DvcException):
    """Ours ended with an error; which class dvc's own would have, and what it carries, is nothing a command line tells."""

    result = mock.ANY
    errno = mock.ANY


class InAnyOrder(list):
    """A list of changed paths: in which order they are named is nothing that a user relies on."""

    __hash__ = None

    def __eq__(self, other):
        return isinstance(other, list) and sorted(self) == sorted(other)


def spawn(args, cwd=None):
    done = subprocess.run(  # noqa: S603
        [*COMMAND, *[os.fspath(one) for one in args]],
        cwd=cwd or os.getcwd(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def main(argv=None):
    code, out, err = spawn(argv or [])
    sys.stdout.write(out)
    sys.stderr.write(err)
    for line in err.splitlines():
        logger.error(line)
    for line in out.splitlines():
        logger.info(line)
    return code


class Flags:
    """A method's arguments as the flags of the command."""

    def __init__(self, verb, **known):
        self.verb, self.known = verb.split(), known

    def __call__(self, given):
        args = []
        # a list of targets would swallow revisions that follow it
        for name, value in sorted(given.items(), key=lambda one: self.known.get(one[0]) != ""):
            if name not in self.known:
                pytest.skip(f"no flag of the command line says {name}={value!r}")
            flag = self.known[name]
            if value is None or value is False or flag is None:
                continue
            if flag == "" and name == "b_rev":
                args += [value] if "a_rev" in given else ["HEAD", value]
            elif flag == "":
                args += [value] if isinstance(value, (str, os.PathLike)) else list(value)
            elif value is True:
                args.append(flag)
            elif isinstance(value, (list, tuple)):
                args += [flag, *value]
            else:
                args += [flag, str(value)]
        return [*self.verb, *args]


def method(flags, positional, answer):
    def proxied(repo, *args, **kwargs):
        given = {**dict(zip(positional, args)), **kwargs}
        code, out, err = spawn(flags(given), inside(repo) if os.path.isdir(repo.root_dir) else None)
        sys.stdout.write(out)
        sys.stderr.write(err)
        repo._reset()
        if code != 0:
            for line in err.splitlines():
                logger.error(line)
            raise Refused(err or out)
        return answer(repo, out, given)

    return proxied


def inside(repo):
    """Where the command is typed: commands find their repository by the folder they stand in."""
    here = os.path.realpath(os.getcwd())
    root = os.path.realpath(repo.root_dir)
    return here if os.path.join(here, "").startswith(os.path.join(root, "")) else root


def stages_of(repo, out, given):
    targets = given.get("targets") or given.get("target") or []
    targets = [targets] if isinstance(targets, (str, os.PathLike)) else list(targets)
    if given.get("glob"):
        targets = [path for one in targets for path in sorted(glob.glob(os.fspath(one), recursive=True))]
        targets = [path for path in dict.fromkeys(targets) if not path.endswith(".dvc")]
    if given.get("recursive") or not targets:
        return list(repo.index.stages)
    found = []
    for target in targets:
        path = f"{os.fspath(target).rstrip('/')}.dvc"
        if given.get("out"):
            path = f"{given['out']}.dvc"
        if os.path.exists(path):
            found.append(repo.stage.load_one(path))
        else:
            name = os.fspath(target)
            found += [
                one for one in repo.index.stages
                if name == one.addressing or any(name in (o.def_path, o.fs_path) for o in one.outs)
            ]
    return found


def reproduced(repo, out, given):
    verified = r"Verifying (?:data sources in|outputs in frozen) stage:"
    names = re.findall(rf"^(?:Running stage|Stage|{verified}) '(.+?)'(?: is cached|:| with command|$)", out, re.M)
    by_name = {one.addressing: one for one in repo.index.stages}
    return [by_name[name] for name in dict.fromkeys(names) if name in by_name]


def count_of(words):
    def answer(repo, out, given):
        found = re.search(rf"(\d+) files? {words}", out)
        return int(found[1]) if found else 0

    return answer


def changes(repo, out, given):
    found = {"added": InAnyOrder(), "deleted": InAnyOrder(), "modified": InAnyOrder()}
    for line in out.splitlines():
        change = re.match(r"([ADM])\s+(.+)$", line)
        if change:
            found[{"A": "added", "D": "deleted", "M": "modified"}[change[1]]].append(change[2])
    return {**found, "stats": mock.ANY}


def pulled(repo, out, given):
    counts = {name: count_of(name)(repo, out, given) for name in ("fetched", "added", "modified", "deleted")}
    return {**changes(repo, out, given), "stats": counts}


def asked(repo, out, given):
    return json.loads(out) if out.strip() else {}


def thrown(value):
    """Faults as the objects they are inside of the process: a command line tells their class and words."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("error"), dict):
        name = value["error"]["type"]
        kinds = [getattr(one, name, None) for one in (builtins, serialize)]
        kind = next((one for one in kinds if one), Exception)
        # whatever it is called with
        return {**value, "error": kind.__new__(kind)}
    return {key: thrown(item) for key, item in value.items()}


def shown(repo, out, given):
    return thrown(asked(repo, out, given))


class WithoutFaults(dict):
    """A difference as the command line tells it: without the files that could not be read."""

    __hash__ = None

    def __eq__(self, other):
        return dict(self) == {key: value for key, value in other.items() if key != "errors"}


def data_status(repo, out, given):
    # git's own state is left out of dvc's JSON too
    empty = {"committed": {}, "uncommitted": {}, "git": mock.ANY}
    lists = {"not_in_cache": [], "not_in_remote": [], "unchanged": [], "untracked": []}
    return {**empty, **lists, **asked(repo, out, given)}


def difference(repo, out, given):
    found = asked(repo, out, given)
    return {"not in cache": [], **found} if any(found.values()) else {}


def compared(repo, out, given):
    found = asked(repo, out, given)
    return WithoutFaults({"diff": found} if found else {})


nothing = lambda repo, out, given: None  # noqa: E731
COMMON = {"targets": "", "jobs": "-j", "remote": "-r", "all_branches": "-a", "all_tags": "-T", "all_commits": "-A"}
COMMON |= {"with_deps": "-d", "recursive": "-R", "force": "-f", "glob": "--glob", "run_cache": "--run-cache"}
SHOWN = {"targets": "--targets", "all_branches": "-a", "all_tags": "-T", "all_commits": "-A"}
DIFFED = {"a_rev": "", "b_rev": "", "targets": "--targets", "all": "--all"}
METHODS = {
    "add": (Flags("add", targets="", no_commit="--no-commit", glob="--glob", out="-o", remote="-r", to_remote="--to-remote", force="-f"), ["targets"], stages_of),
    "checkout": (Flags("checkout", targets="", with_deps="-d", force="-f", relink="--relink", recursive="-R", allow_missing="--allow-missing"), ["targets"], changes),
    "status": (Flags("status --json", **COMMON, cloud="-c"), ["targets"], asked),
    "data_status": (Flags("data status --json --unchanged", targets="", granular="--granular", untracked_files="--untracked-files", remote="-r", not_in_remote="--not-in-remote", remote_refresh=None, with_renames=None), ["targets"], data_status),
    "diff": (Flags("diff --json --show-hash", a_rev="", b_rev="", targets="--targets"), ["a_rev", "b_rev", "targets"], difference),
    "push": (Flags("push", **COMMON), ["targets"], count_of("pushed")),
    "pull": (Flags("pull", **COMMON, allow_missing="--allow-missing"), ["targets"], pulled),
    "fetch": (Flags("fetch", **COMMON, max_size="--max-size", types="--type"), ["targets"], count_of("fetched")),
    "gc": (Flags("gc -f", all_branches="-a", cloud="-c", remote="-r", all_tags="-T", all_commits="-A", all_experiments="--all-experiments", force=None, jobs="-j", repos="-p", workspace="-w", commit_date="--date", rev="--rev", num="-n", not_in_remote="--not-in-remote", dry="--dry", skip_failed="--skip-failed"), [], nothing),
    "reproduce": (Flags("repro", targets="", force="-f", single_item="-s", recursive="-R", pipeline="-p", all_pipelines="-P", downstream="--downstream", glob="--glob", dry="--dry", interactive="-i", force_downstream="--force-downstream", pull="--pull", no_commit="--no-commit", run_cache=None, allow_missing="--allow-missing", on_error=None), ["targets"], reproduced),
    "move": (Flags("move", from_path="", to_path=""), ["from_path", "to_path"], nothing),
    "remove": (Flags("remove", target="", outs="--outs"), ["target"], nothing),
    "commit": (Flags("commit", target="", with_deps="-d", recursive="-R", force="-f", data_only="--data-only", relink=None), ["target"], stages_of),
}  # fmt: skip
GROUPS = {
    ("metrics", "show"): (Flags("metrics show --json", targets="", all_branches="-a", all_tags="-T", all_commits="-A"), ["targets"], shown),
    ("params", "show"): (Flags("params show --json", targets="", all_branches="-a", all_tags="-T", all_commits="-A", deps_only="--deps"), ["targets"], shown),
    ("metrics", "diff"): (Flags("metrics diff --json", **DIFFED), ["a_rev", "b_rev"], compared),
    ("params", "diff"): (Flags("params diff --json", **DIFFED, deps_only="--deps"), ["a_rev", "b_rev"], compared),
}  # fmt: skip


def from_tests(depth=2):
    return sys._getframe(depth).f_code.co_filename.startswith(TESTS)


def choose(real, proxied):
    def chosen(self, *args, **kwargs):
        repo = getattr(self, "repo", self)
        if from_tests() and os.path.isdir(getattr(repo, "root_dir", "")) and not isinstance(real, mock.Mock):
            return proxied(repo, *args, **kwargs)
        return real(self, *args, **kwargs)

    return chosen


def lenient_raises(expected, *args, **kwargs):
    every = expected if isinstance(expected, tuple) else (expected,)
    if all(issubclass(one, Exception) for one in every) and not args:
        kwargs.pop("match", None)
        return real_raises((*every, Refused), **kwargs)
    return real_raises(expected, *args, **kwargs)


@pytest.fixture(scope="session")
def worker_id():
    """What pytest-xdist would give; they run one after the other here."""
    return "master"


def pytest_configure(config):
    if PASS == "cli":
        dvc.cli.main = main
    if PASS == "repo":
        pytest.raises = lenient_raises
        for name, parts in METHODS.items():
            setattr(Repo, name, choose(getattr(Repo, name), method(*parts)))
        for (group, name), parts in GROUPS.items():
            kind = {"metrics": Metrics, "params": Params}[group]
            setattr(kind, name, choose(getattr(kind, name), method(*parts)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when != "call" and report.outcome == "passed":
        return
    detail = "" if report.outcome == "passed" else str(report.longrepr)[-1500:]
    if detail:
        detail += "\n" + report.capstderr[-500:]
    if outcomes.get(item.nodeid, {}).get("outcome") == "failed":
        return
    outcomes[item.nodeid] = {"outcome": report.outcome, "detail": detail}


def pytest_sessionfinish():
    Path(RESULTS).write_text(json.dumps(outcomes, indent=1, sort_keys=True))
