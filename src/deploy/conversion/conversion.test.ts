import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { TilthError } from '../../platform/errors.ts';
import { convertModel, type Conversion } from './conversion.ts';
import { defaultCriteria } from './criteria.ts';

const python = process.env['TILTH_TEST_PYTHON'] ?? '';
const isMissing = python === '' && process.env['CI'] === undefined;
const execute = promisify(execFile);

/** Runs as a job does, without a job. */
const job = {
  signal: new AbortController().signal,
  progress: async () => undefined,
  run: async (
    command: string,
    args: readonly string[],
    { accept = [0], env }: { accept?: readonly number[]; env?: NodeJS.ProcessEnv } = {},
  ) => {
    try {
      return (await execute(command, [...args], { env: env ?? process.env })).stdout;
    } catch (thrown) {
      const { code, stderr } = thrown as { code: number | null; stderr: string };
      if (accept.includes(code ?? -1)) return '';
      throw new TilthError('JOB_COMMAND_FAILED', 500, `${command} ended with ${code}:\n${stderr}`);
    }
  },
};

/** What becomes of a model whose file does this when it is loaded. */
async function loading(reduce: string, limits = { seconds: 60, megabytes: 8192 }): Promise<Conversion> {
  const folder = mkdtempSync(join(tmpdir(), 'tilth-conversion-'));
  try {
    const modelFolder = join(folder, 'model');
    mkdirSync(modelFolder);
    const write = `import os, time, pickle, sys
class Model:
    def __reduce__(self):
        return ${reduce}
pickle.dump(Model(), open(sys.argv[1], 'wb'))`;
    await execute(python, ['-c', write, join(modelFolder, 'model.pkl')]);
    writeFileSync(
      join(modelFolder, 'MLmodel'),
      `flavors: {sklearn: {pickled_model: model.pkl}}\nsignature: {inputs: '[{"type": "double", "name": "x"}]'}\n`,
    );
    const rowsFile = join(folder, 'rows.json');
    writeFileSync(rowsFile, JSON.stringify({ columns: ['x'], data: [[1], [2]] }));
    return await convertModel(
      { modelFolder, outFolder: join(folder, 'out'), rowsFile, python, criteria: defaultCriteria, limits },
      job,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe(
  'a model whose own code misbehaves while it is converted',
  { skip: isMissing ? 'TILTH_TEST_PYTHON is not set: npm test sets it up' : false },
  () => {
    const reasonOf = (conversion: Conversion): string =>
      conversion.engine === 'python' ? `${conversion.code} ${conversion.reason}` : 'onnx';

    it('is served by Python when it crashes', async () => {
      assert.match(reasonOf(await loading('(os.abort, ())')), /^CONVERTER_FAILED Its conversion ended early/);
    });

    it('is served by Python when it takes too long', async () => {
      assert.match(
        reasonOf(await loading('(time.sleep, (60,))', { seconds: 5, megabytes: 8192 })),
        /^CONVERTER_SLOW .* 5 s/,
      );
    });

    it('is served by Python when it takes too much memory', async () => {
      assert.match(
        reasonOf(await loading('(bytearray, (2 ** 34,))', { seconds: 60, megabytes: 4096 })),
        /^MEMORY /,
      );
    });

    it('is served by Python when its file can’t be read', async () => {
      assert.match(reasonOf(await loading('(os.stat, ("/nowhere",))')), /^CONVERTER_FAILED .*nowhere/);
    });
  },
);
