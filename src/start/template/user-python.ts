import { closeSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { findProgram } from '../project/programs.ts';

/**
 * The Python for a template's hooks and for Jinja2 itself: TILTH_PYTHON, else the one that the user's cookiecutter runs
 * with, which has what templates for it import, else python3.
 */
export const userPython = (): string =>
  process.env['TILTH_PYTHON'] ?? pythonOf(findProgram('cookiecutter')) ?? 'python3';

const inFirstLine = /^#![ \t]*(\S+)[ \t]*\n/;
/** how installers write a path that is too long for the first line, or has a space */
const inSecondLine = /^#!\/bin\/sh\n'''exec' (?:"([^"\n]+)"|(\S+)) /;

/** The interpreter of a script, where it is a Python that is there. */
function pythonOf(script: string | undefined): string | undefined {
  if (script === undefined) return undefined;
  const head = startOf(script);
  const [, ...names] = inSecondLine.exec(head) ?? inFirstLine.exec(head) ?? [];
  const python = names.find((name) => name !== undefined) ?? '';
  return /^python[\d.]*$/.test(basename(python)) ? findProgram(python) : undefined;
}

function startOf(file: string): string {
  const buffer = Buffer.alloc(1024);
  const descriptor = openSync(file, 'r');
  try {
    return buffer.toString('utf8', 0, readSync(descriptor, buffer));
  } finally {
    closeSync(descriptor);
  }
}
