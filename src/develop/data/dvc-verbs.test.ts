import { describe, test, type TestContext } from 'node:test';
import { needsDvc } from '../dvc-files/test-python.ts';
import { TwoTools } from './test-two-tools.ts';

const files = `
  mkdir -p data/sub other
  echo a > data/a; echo b > data/sub/b; echo c > data/sub/c; echo one > one.bin; echo two > other/two.txt`;
const added = `${files}
  dvc add -q data one.bin other/two.txt; git add -A; git commit -qm one`;

function pair(context: TestContext, script: string): TwoTools {
  const tools = new TwoTools();
  context.after(() => tools.remove());
  return tools.prepare(script);
}

describe(
  'the same command given to dvc and to tilth leaves the same behind:',
  { concurrency: 2, ...needsDvc },
  () => {
    test('add', (context) => {
      const tools = pair(context, files);
      tools.agree(['add', 'data', 'one.bin']);
      tools.agree(['add', 'one.bin']);
      tools.agree(['add', '--glob', 'other/*.txt']);
      tools.agree(['add', 'missing']);
      tools.agree(['add', '--glob', 'nothing*']);
      tools.both('echo d > data/sub/d; echo x > new.bin');
      tools.agree(['add', 'data/sub/d']);
      tools.both('rm data/a; echo bb > data/sub/b');
      tools.agree(['add', 'data/sub']);
      tools.agree(['add', 'data/a']);
      tools.agree(['add', '--no-commit', 'new.bin']);
      tools.agree(['add', '-o', 'copies/one.bin', 'one.bin']);
      tools.agree(['add', '-o', 'other', 'one.bin']);
      tools.agree(['add', '-o', 'other', 'one.bin']);
      tools.agree(['add', '-f', '-o', 'other', 'new.bin']);
      tools.agree(['add', '..']);
    });

    test('add where data would overlap, or git has it, or .dvcignore leaves it out', (context) => {
      const tools = pair(
        context,
        `${files}
      dvc add -q data/sub; git add one.bin; git commit -qm one; echo 'other' > .dvcignore`,
      );
      tools.agree(['add', 'data']);
      tools.agree(['add', 'one.bin']);
      tools.agree(['add', 'other/two.txt']);
      tools.both('ln -s data linked');
      tools.agree(['add', 'linked/a']);
    });

    test('add to a .dvc file that people wrote in', (context) => {
      const tools = pair(
        context,
        `${added}
      printf '# about the data\\nouts:\\n- md5: ${'0'.repeat(31)}a.dir # old\\n  size: 1\\n  nfiles: 1\\n  hash: md5\\n  path: data\\n  desc: what it is\\nmeta:\\n  owner: ana # someone\\n' > data.dvc`,
      );
      tools.agree(['add', 'data']);
      tools.both('rm -r data; echo file > data');
      tools.agree(['add', 'data']);
    });

    test('autostage', (context) => {
      const tools = pair(
        context,
        `${files}; dvc config core.autostage true; git add .dvc; git commit -qm one`,
      );
      tools.agree(['add', 'data', 'one.bin']);
      tools.agree(['move', 'one.bin', 'other/uno.bin']);
      tools.agree(['remove', 'data.dvc']);
    });

    test('data status', (context) => {
      const tools = pair(context, added);
      const asked = (...flags: string[]): void =>
        void tools.agree(['data', 'status', '--json', ...flags], { output: 'json' });
      asked();
      asked('--granular', '--unchanged', '--untracked-files');
      tools.both(
        `echo changed > data/a; rm data/sub/c; echo new > data/new; mv one.bin uno.bin; git mv -f one.bin.dvc uno.bin.dvc; sed -i s/one/uno/ uno.bin.dvc; echo u > untracked`,
      );
      asked();
      asked('--granular');
      asked('--granular', '--unchanged', '--untracked-files', 'all');
      asked('--granular', 'data/sub');
      tools.agree(['data', 'status'], { output: 'lines' });
      // dvc remembers listings in another place
      tools.both('rm -rf .dvc/cache "$DVC_SITE_CACHE_DIR"');
      asked();
      asked('--granular', '--unchanged');
      tools.agree(['data', 'status', '--untracked-files=some']);
    });

    test('data status of a repository without commits, and without git', (context) => {
      const tools = pair(context, `${files}; dvc add -q data`);
      tools.agree(['data', 'status', '--json', '--granular'], { output: 'json' });
      tools.both('rm -rf .git; printf "[core]\\n    no_scm = True\\n" > .dvc/config; git init -q .');
      tools.agree(['data', 'status', '--json'], { output: 'json' });
    });

    test('diff', (context) => {
      const tools = pair(
        context,
        `${added}
      echo changed > data/a; rm data/sub/c; echo new > data/new; dvc add -q data; dvc remove one.bin.dvc; mv one.bin moved.bin; dvc add -q moved.bin; git add -A; git commit -qm two; git tag two`,
      );
      const asked = (...flags: string[]): void =>
        void tools.agree(['diff', '--json', ...flags], { output: 'json' });
      asked();
      asked('HEAD~1');
      asked('--show-hash', 'HEAD~1', 'two');
      asked('HEAD~1', 'HEAD', '--targets', 'data/sub');
      asked('HEAD~1', '--targets', 'data', 'other/two.txt');
      asked('HEAD', 'two');
      tools.agree(['diff', 'HEAD~1', '--targets', 'nowhere']);
      tools.agree(['diff', 'no-such-revision']);
      tools.both(
        'echo more > data/more; rm other/two.txt; rm -rf .dvc/cache/files/md5/* "$DVC_SITE_CACHE_DIR"',
      );
      asked();
      asked('--hide-missing', '--show-hash');
      tools.agree(['diff', 'HEAD~1', '--show-hash'], { output: 'lines' });
      tools.agree(['diff', 'HEAD~1', 'HEAD', '--md'], { output: 'lines' });
    });

    test('checkout', (context) => {
      const tools = pair(
        context,
        `${added}
      echo changed > data/a; rm data/sub/c; echo new > data/new; dvc add -q data; git add -A; git commit -qm two`,
      );
      tools.both('git checkout -q HEAD~1');
      tools.agree(['checkout'], { output: 'lines' });
      tools.agree(['checkout'], { output: 'lines' });
      tools.both('rm -r data one.bin other/two.txt');
      tools.agree(['checkout', 'data/sub'], { output: 'lines' });
      tools.agree(['checkout', 'data/a', 'one.bin.dvc'], { output: 'lines' });
      tools.agree(['checkout', '-R', 'other'], { output: 'lines' });
      tools.both('rm one.bin');
      tools.agree(['checkout', '--summary'], { output: 'lines' });
      tools.agree(['checkout', '--summary'], { output: 'lines' });
      tools.both('echo unsaved > one.bin');
      tools.agree(['checkout', 'one.bin']);
      tools.agree(['checkout', '-f', 'one.bin'], { output: 'lines' });
      tools.agree(['checkout', 'nowhere']);
      tools.both('rm one.bin; rm -r .dvc/cache/files/md5/*');
      tools.agree(['checkout', 'one.bin']);
      tools.agree(['checkout', '--allow-missing', 'one.bin']);
    });

    test('checkout from a folder below, and with links', (context) => {
      const tools = pair(context, `${added}; dvc config cache.type hardlink,symlink; rm -r data other`);
      tools.both('mkdir other');
      tools.agree(['checkout', 'two.txt'], { at: 'other', output: 'lines' });
      tools.agree(['checkout'], { at: 'other', output: 'lines' });
      tools.agree(['checkout', '--relink'], { output: 'lines' });
      tools.agree(['unprotect', 'data', 'one.bin']);
      tools.both('dvc config cache.type symlink');
      tools.agree(['checkout', '--relink'], { output: 'lines' });
      tools.agree(['unprotect', 'missing']);
    });

    test('commit', (context) => {
      const tools = pair(
        context,
        `${files}; dvc add -q --no-commit data; dvc add -q one.bin; git add -A; git commit -qm one`,
      );
      tools.agree(['commit', 'data.dvc']);
      tools.both('echo changed > one.bin; echo d > data/d');
      tools.agree(['commit', 'one.bin']);
      tools.agree(['commit', '-f', 'one.bin.dvc']);
      tools.agree(['commit', '-f', 'data/d']);
      tools.both('rm data/a');
      tools.agree(['commit', '-f']);
      tools.both('rm one.bin');
      tools.agree(['commit', '-f', 'one.bin']);
      tools.agree(['commit', 'nowhere']);
    });

    test('commit of stages', (context) => {
      const tools = pair(
        context,
        `${files}; dvc stage add -q -n make -d one.bin -o made.txt 'cat one.bin > made.txt'; dvc repro -q; git add -A; git commit -qm one`,
      );
      tools.both('echo changed > one.bin; echo other > made.txt');
      tools.agree(['commit', 'make']);
      tools.agree(['commit', '-f', 'make']);
      tools.agree(['commit', '-f']);
    });

    test('move', (context) => {
      const tools = pair(context, `${added}; mkdir deep`);
      tools.agree(['move', 'one.bin', 'uno.bin']);
      tools.agree(['move', 'uno.bin', 'deep']);
      tools.agree(['move', 'data', 'deep/renamed']);
      tools.agree(['move', 'two.txt', '../dos.txt'], { at: 'other' });
      tools.agree(['move', 'nowhere', 'somewhere']);
      tools.agree(['move', 'deep/renamed/a', 'b']);
      tools.both('rm dos.txt');
      tools.agree(['mv', 'dos.txt', 'tres.txt']);
    });

    test('move an import, whose own md5 covers its paths', (context) => {
      const tools = pair(context, `${added}; mkdir deep; dvc import-url -q other/two.txt taken; git add -A; git commit -qm two`);
      tools.agree(['move', 'taken', 'deep/taken']);
      tools.agree(['status', '--json'], { output: 'json' });
    });

    test('data status of one side of what was renamed', (context) => {
      const tools = pair(context, `${added}; dvc move -q data elsewhere; mv elsewhere/a elsewhere/z`);
      for (const targets of [['data'], ['elsewhere'], ['data/a'], ['elsewhere/z'], ['data', 'elsewhere']])
        for (const flags of [[], ['--granular']])
          tools.agree(['data', 'status', '--json', ...flags, ...targets], { output: 'json' });
    });

    test('a record that git would ignore is not written', (context) => {
      const tools = pair(context, `${added}; mkdir hidden; echo '*' > hidden/.gitignore; echo new > hidden/new`);
      tools.agree(['add', 'hidden/new']);
      tools.agree(['move', 'one.bin', 'hidden']);
    });

    test('diff of commits by words of their messages', (context) => {
      const tools = pair(context, `${added}; echo changed > data/a; dvc add -q data; git commit -qam 'two words'`);
      tools.agree(['diff', '--json', ':/one', ':/two'], { output: 'json' });
    });

    test('repro -s of stages in another order than that of their needs', (context) => {
      const tools = pair(
        context,
        `${added}; dvc stage add -q -n first -d one.bin -o made 'cp one.bin made'; dvc repro -q; dvc stage add -q -n second -d made -o again 'cp made again'`,
      );
      tools.agree(['repro', '-s', 'second', 'first']);
      tools.both('echo x > made');
      tools.agree(['status', '--json', 'made'], { output: 'json' });
    });

    test('repro --pull', (context) => {
      const tools = pair(
        context,
        `${added}; echo /remote > .gitignore; dvc remote add -q -d store remote; dvc push -q; dvc stage add -q -n copy -d one.bin -o copied 'cp one.bin copied'; git add -A; git commit -qm two; rm -r one.bin .dvc/cache`,
      );
      tools.agree(['repro', '--pull'], { output: 'none' });
      tools.both('rm one.bin');
      tools.agree(['repro', '--pull', '--allow-missing'], { output: 'none' });
      tools.agree(['repro', '--pull'], { output: 'none' });
    });

    test('remove', (context) => {
      const tools = pair(
        context,
        `${added}
      dvc stage add -q -n make -d one.bin -o made.txt 'cat one.bin > made.txt'; dvc stage add -q -n more -d made.txt -o more.txt 'cat made.txt > more.txt'; dvc repro -q; git add -A; git commit -qm two`,
      );
      tools.agree(['remove', 'one.bin']);
      tools.agree(['remove', 'one.bin.dvc']);
      tools.agree(['remove', '--outs', 'data.dvc']);
      tools.agree(['remove', 'make']);
      tools.agree(['rm', '--outs', 'more']);
      tools.agree(['remove', 'two.txt.dvc'], { at: 'other' });
      tools.agree(['remove', 'nowhere.dvc']);
      tools.agree(['remove', 'nowhere']);
    });

    test('gc', (context) => {
      const tools = pair(
        context,
        `${added}
      echo changed > one.bin; dvc add -q one.bin; git add -A; git commit -qm two; git tag two; git checkout -q -b side; echo side > one.bin; dvc add -q one.bin; git commit -qam side; git checkout -q main; dvc checkout -q
      echo third > one.bin; dvc add -q one.bin; echo fourth > one.bin; dvc add -q one.bin`,
      );
      tools.agree(['gc', '-f']);
      tools.agree(['gc', '-w']);
      tools.agree(['gc', '-w', '-n', '2']);
      tools.agree(['gc', '-w', '--dry']);
      tools.agree(['gc', '-f', '-A']);
      tools.agree(['gc', '-f', '-a', '-T']);
      tools.agree(['gc', '-f', '--rev', 'two', '-n', '2']);
      tools.agree(['gc', '-f', '-T']);
      tools.agree(['gc', '-f', '-w']);
      tools.agree(['gc', '-f', '-w']);
      tools.agree(['gc', '-w', '-r', 'somewhere']);
      tools.agree(['gc', '-f', '--rev', 'nowhere']);
    });

    const withRemote = `${added}; echo /remote > .gitignore; dvc remote add -q -d store remote; dvc push -q; echo changed > data/a; dvc add -q data; git commit -qam two`;

    test('data status --not-in-remote, and gc --not-in-remote', (context) => {
      const tools = pair(context, withRemote);
      tools.agree(['data', 'status', '--json', '--not-in-remote'], { output: 'json' });
      tools.agree(['data', 'status', '--json', '--not-in-remote', '--granular'], { output: 'json' });
      tools.both('cp one.bin twice.bin; dvc add -q twice.bin');
      tools.agree(['data', 'status', '--json', '--not-in-remote'], { output: 'json' });
      tools.agree(['gc', '-w', '-f', '--not-in-remote']);
    });

    test('gc --cloud', (context) => {
      const tools = pair(context, `${withRemote}; dvc push -q`);
      tools.agree(['gc', '-f', '-c', '-A']);
      tools.agree(['gc', '-f', '-c', '-w']);
      tools.agree(['gc', '-f', '-c', '-w', '-r', 'store']);
      tools.agree(['gc', '-f', '-c', '-w', '-r', 'nowhere']);
    });

    test('list', (context) => {
      const tools = pair(
        context,
        `${added}; chmod +x other/two.txt; echo code > code.py; chmod +x code.py; git add code.py; git commit -qm code; rm -r data`,
      );
      for (const flags of [
        [],
        ['-R'],
        ['--dvc-only'],
        ['-R', '--dvc-only'],
        ['-R', '--dvc-only', '--rev', 'HEAD~1'],
        ['-R', '--rev', 'HEAD'],
      ]) {
        tools.agree(['list', '--json', ...flags, '.'], { output: 'json' });
      }
      tools.agree(['list', '--json', '.', 'data'], { output: 'json' });
      tools.agree(['ls', '--json', '-R', '.', 'data'], { output: 'json' });
      tools.agree(['list', '-R', '.'], { output: 'lines' });
      tools.agree(['list', '.', 'nowhere']);
      tools.agree(['list', '.', 'one.bin'], { output: 'lines' });
      tools.agree(['list', '--rev', 'nowhere', '.']);
    });

    test('check-ignore', (context) => {
      const tools = pair(
        context,
        `${files}; printf '*.txt\\n!two.txt\\n\\n# nothing\\nsub/\\n' > .dvcignore; printf 'b*\\n' > data/.dvcignore`,
      );
      const paths = [
        'other/two.txt',
        'x.txt',
        'data/sub',
        'data/sub/b',
        'data/b.bin',
        'one.bin',
        '.git/x',
        '.dvc',
      ];
      for (const path of paths) {
        tools.agree(['check-ignore', path], { output: 'lines' });
        // which of two that match is named depends on how dvc rewrites patterns of folders below
        if (path !== 'data/sub/b') tools.agree(['check-ignore', '-d', path], { output: 'lines' });
      }
      tools.agree(['check-ignore', '-d', '-n', 'one.bin', 'x.txt'], { output: 'lines' });
      tools.agree(['check-ignore', '-d', 'b.bin'], { at: 'data', output: 'lines' });
      tools.agree(['check-ignore']);
      tools.agree(['check-ignore', '-n', 'x']);
    });

    test('root, and commands outside of a repository', (context) => {
      const tools = pair(context, files);
      tools.agree(['root'], { output: 'lines' });
      tools.agree(['root'], { at: 'data/sub', output: 'lines' });
      tools.both('rm -rf .dvc');
      for (const args of [
        ['root'],
        ['add', 'data'],
        ['data', 'status'],
        ['checkout'],
        ['diff'],
        ['commit'],
        ['remove', 'x.dvc'],
        ['move', 'a', 'b'],
        ['gc', '-w'],
        ['unprotect', 'data'],
        ['check-ignore', 'x'],
      ])
        tools.agree(args);
      tools.agree(['no-such-verb']);
      tools.agree(['add']);
    });

    test('init', (context) => {
      const tools = pair(
        context,
        'git commit -q --allow-empty -m one; rm -rf .dvc .dvcignore; git rm -qr --cached . 2>/dev/null || true; mkdir below',
      );
      tools.agree(['init', '--no-scm', '--subdir']);
      tools.agree(['init'], { at: 'below' });
      tools.agree(['init', '--subdir'], { at: 'below' });
      tools.agree(['init']);
      tools.agree(['init']);
      tools.agree(['init', '-f']);
    });

    test('a repository of DVC 2', (context) => {
      const md5 = '60b725f10c9c85c70d97880dfe8191b3';
      const tools = pair(
        context,
        `printf 'a\\r\\n' > a.txt; mkdir -p .dvc/cache/60; printf 'a\\n' > .dvc/cache/60/${md5.slice(2)}; chmod 444 .dvc/cache/60/*
      printf 'outs:\\n- md5: ${md5}\\n  size: 2\\n  path: a.txt\\n' > a.txt.dvc; git add -f a.txt.dvc; echo /a.txt > .gitignore`,
      );
      tools.agree(['data', 'status', '--json'], { output: 'json' });
      tools.agree(['status', '--json'], { output: 'json' });
      tools.both('rm a.txt');
      tools.agree(['checkout'], { output: 'lines' });
      tools.agree(['data', 'status', '--json'], { output: 'json' });
      tools.agree(['add', 'a.txt']);
      tools.both('echo new > a.txt');
      tools.agree(['add', 'a.txt']);
    });

    test('several outs in one .dvc, and paths that leave the repository', (context) => {
      const tools = pair(
        context,
        `${files}; printf 'outs:\\n- path: one.bin\\n- path: data\\n' > both.dvc; dvc commit -q -f both.dvc`,
      );
      tools.both('echo changed > one.bin');
      tools.agree(['status', '--json'], { output: 'json' });
      tools.agree(['data', 'status', '--json'], { output: 'json' });
      tools.agree(['commit', '-f', 'both.dvc']);
      tools.agree(['checkout', '-f', 'one.bin'], { output: 'lines' });
      tools.agree(['remove', '--outs', 'both.dvc']);
    });
  },
);
