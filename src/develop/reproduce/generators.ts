import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * Python that runs before a script: gives every generator that would seed itself from the system a seed of ours, and leaves alone what
 * a script seeds itself. `os.urandom`, the time and the order of threads stay as they are.
 */
const fixed = `
import os, sys
_seed = int(os.environ["TILTH_GENERATOR_SEED"])
_count = [0]
def _next():
    _count[0] += 1
    return (_seed * 1000003 + _count[0]) % (2 ** 32)
import random
random.seed(_next())
class _Random(random.Random):
    def __init__(self, x=None):
        super().__init__(_next() if x is None else x)
    def seed(self, a=None, version=2):
        super().seed(_next() if a is None else a, version)
random.Random = _Random
_plain = random.seed
random.seed = lambda a=None, version=2: _plain(_next() if a is None else a, version)
def _numpy(module):
    module.seed(_next())
    # what numpy asks for a seed that was not given
    sys.modules["numpy.random.bit_generator"].randbits = lambda count: _Random(_next()).getrandbits(count)
def _torch(module):
    module.manual_seed(_next())
def _tensorflow(module):
    module.random.set_seed(_next())
_hooks = {"numpy.random": _numpy, "torch": _torch, "tensorflow": _tensorflow}
import importlib.abc
class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        hook = _hooks.get(name)
        if hook is None:
            return None
        del _hooks[name]
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None and hasattr(spec.loader, "exec_module"):
                run = spec.loader.exec_module
                def exec_module(module, run=run):
                    run(module)
                    try:
                        hook(module)
                    except Exception as thrown:
                        print("tilth: generators of " + name + " keep their own seed: " + repr(thrown), file=sys.stderr)
                spec.loader.exec_module = exec_module
                return spec
        return None
sys.meta_path.insert(0, _Finder())
_own = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != _own]
_me = sys.modules.pop("sitecustomize", None)
try:
    import sitecustomize
except ImportError:
    if _me is not None:
        sys.modules["sitecustomize"] = _me
`;

/** Variables with which every Python that a command starts has generators with fixed seeds. */
export function fixedGenerators(
  seed: number,
  environment: NodeJS.ProcessEnv,
): { variables: NodeJS.ProcessEnv; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-generators-'));
  writeFileSync(join(folder, 'sitecustomize.py'), fixed);
  const before = 'PYTHONPATH' in environment ? environment['PYTHONPATH'] : process.env['PYTHONPATH'];
  return {
    variables: {
      TILTH_GENERATOR_SEED: String(seed),
      PYTHONPATH: [folder, ...(before === undefined || before === '' ? [] : [before])].join(delimiter),
      // of a run that asked for random hashes
      PYTHONHASHSEED: String(seed % 4_294_967_295),
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
