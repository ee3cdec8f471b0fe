"""The real dvc, many commands in one process: each is a fork that has dvc imported already and nothing else in memory.

Reads one JSON object a line, {"cwd", "args"}, and answers one a line, {"code", "stdout", "stderr"}.
"""

import json
import os
import sys
import tempfile


def imported():
    """What a command would load, so that a fork needs to load nothing."""
    import dvc.api  # noqa: F401
    import dvc.cli
    import dvc.commands.repro
    import dvc.parsing
    import dvc.repo.reproduce
    import dvc.repo.worktree
    import dvc_data.index.checkout
    import dvc_data.index.save
    import dvc_objects.fs.local  # noqa: F401
    import ruamel.yaml  # noqa: F401
    from dvc.cli.parser import get_main_parser

    get_main_parser()
    return dvc.cli.main


def run(main, cwd, args):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        code = 250
        try:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.chdir(cwd)
            os.environ["PWD"] = cwd
            sys.argv = ["dvc", *args]
            code = main(args)
            code = 0 if code is None else code
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException as reason:  # a traceback is an answer too
            import traceback

            traceback.print_exception(reason)
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code & 0xFF)
    status = os.waitpid(child, 0)[1]
    return {"code": os.waitstatus_to_exitcode(status), "stdout": text(out), "stderr": text(err)}


def text(file):
    file.seek(0)
    return file.read().decode("utf-8", "backslashreplace")


def serve():
    main = imported()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        asked = json.loads(line)
        answers.write(json.dumps(run(main, asked["cwd"], asked["args"])) + "\n")
        answers.flush()


serve()
