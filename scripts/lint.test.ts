import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, it } from 'node:test';

const root = join(import.meta.dirname, '..');
const tree = mkdtempSync(join(tmpdir(), 'tilth-lint-'));
after(() => rmSync(tree, { recursive: true, force: true }));

copyFileSync(join(root, '.oxlintrc.json'), join(tree, '.oxlintrc.json'));
copyFileSync(join(root, 'tsconfig.json'), join(tree, 'tsconfig.json'));
// the linter looks for its type-aware half and for type packages below the tree
symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));

/** Puts files into an otherwise empty tree with our lint rules and returns what the linter says. */
function lint(files: Readonly<Record<string, string>>): string {
  rmSync(join(tree, 'src'), { recursive: true, force: true });
  rmSync(join(tree, 'web'), { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), text);
  }
  try {
    const said = execFileSync(join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '.'], { cwd: tree, encoding: 'utf8' });
    return said;
  } catch (thrown) {
    return (thrown as { stdout: string }).stdout;
  }
}

const thing = 'export const thing = 1;\n';

describe('the linter holds the architecture', () => {
  it('lets a later stage use an earlier one', () => {
    const said = lint({
      'src/platform/thing.ts': thing,
      'src/monitor/drift/drift.ts': "import { thing } from '../../platform/thing.ts';\nexport const more = thing + 1;\n",
    });
    assert.match(said, /Found 0 warnings and 0 errors/);
  });

  it('sees an import that points to a later stage', () => {
    const said = lint({
      'src/maintain/cards/card.ts': thing,
      'src/develop/tracking/run.ts': "import { thing } from '../../maintain/cards/card.ts';\nexport const more = thing + 1;\n",
    });
    assert.match(said, /Imports point one way: develop/);
  });

  it('sees a page that reaches behind the API shapes', () => {
    const said = lint({
      'src/team/people-store.ts': thing,
      'src/team/people-api.ts': thing,
      'web/src/good.ts': "import { thing } from '../../src/team/people-api.ts';\nexport const more = thing + 1;\n",
      'web/src/bad.ts': "import { thing } from '../../src/team/people-store.ts';\nexport const more = thing + 1;\n",
    });
    assert.match(said, /bad\.ts/);
    assert.doesNotMatch(said, /good\.ts/);
  });

  it('sees a cycle', () => {
    const said = lint({
      'src/platform/a.ts': "import { b } from './b.ts';\nexport const a = (): number => b();\n",
      'src/platform/b.ts': "import { a } from './a.ts';\nexport const b = (): number => a();\n",
    });
    assert.match(said, /no-cycle/);
  });

  it('sees a promise that nobody waits for', () => {
    const said = lint({
      'src/platform/late.ts': 'const work = async (): Promise<number> => 1;\nexport function start(): void {\n  work();\n}\n',
    });
    assert.match(said, /no-floating-promises/);
  });
});
