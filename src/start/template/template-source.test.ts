import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { openClone } from './clone-template.ts';
import { installedTemplates } from './cookiecutters-folder.ts';
import { repositoryOf } from './repository-address.ts';
import { openTemplate, type SourceRequest, type TemplateSource } from './template-source.ts';
import { needsCookiecutter, realCookiecutter } from './test-cookiecutter.ts';

const base = realpathSync(mkdtempSync(join(tmpdir(), 'tilth sources ')));
const origins = join(base, 'git');
const home = join(base, 'home');
const theirFolder = join(home, '.cookiecutters');
const ourFolder = join(base, 'ours');
const output = join(base, 'out');
let real: ReturnType<typeof realCookiecutter>;
let web: Server;
let webAddress = '';

const python = process.env['TILTH_TEST_PYTHON'];
const environment = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  HGUSER: 'test',
  PATH: [...(python === undefined ? [] : [dirname(python)]), process.env['PATH']].join(delimiter),
};

const shell = (script: string, folder = origins): string =>
  execFileSync('bash', ['-euc', script], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });

const commit = 'git add -A; git -c user.name=a -c user.email=a@b commit -qm step';

before(() => {
  Object.assign(process.env, environment);
  for (const folder of [origins, home, output, ourFolder]) mkdirSync(folder);
  if (python === undefined) return;
  real = realCookiecutter();
  shell(`
    git init -qb trunk tpl; cd tpl
    mkdir '{{cookiecutter.name}}' inside other
    echo '{"name": "made"}' > cookiecutter.json; cp cookiecutter.json inside
    echo one > '{{cookiecutter.name}}/a.txt'; echo run > '{{cookiecutter.name}}/run.sh'; chmod +x '{{cookiecutter.name}}/run.sh'
    mkdir 'inside/{{cookiecutter.name}}'; echo in > 'inside/{{cookiecutter.name}}/in.txt'
    ${commit}; git tag light; git -c user.name=a -c user.email=a@b tag -m heavy heavy
    git branch old; git checkout -qb dev; echo dev > '{{cookiecutter.name}}/dev.txt'; ${commit}
    git checkout -q trunk; echo two > '{{cookiecutter.name}}/a.txt'; ${commit}
    git tag both HEAD~1; git branch both; git branch names/with/slash
  `);
  web = createServer(serveGit);
  return new Promise<void>((resolve) => {
    web.listen(0, '127.0.0.1', () => {
      webAddress = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
      resolve();
    });
  });
});

after(() => {
  real?.close();
  web?.close();
  web?.closeAllConnections();
  rmSync(base, { recursive: true, force: true });
});

/** git's own HTTP server below /smart, plain files below /dumb. */
function serveGit(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://host');
  const plain = join(origins, decodeURIComponent(url.pathname.replace('/dumb/', '')));
  if (url.pathname.startsWith('/dumb/') && existsSync(plain) && statSync(plain).isFile()) {
    response.end(readFileSync(plain));
  } else if (url.pathname.startsWith('/smart/')) {
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...process.env,
        GIT_PROJECT_ROOT: origins,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: url.pathname.replace('/smart', ''),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'],
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        ...(request.headers['content-encoding'] === undefined
          ? {}
          : { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
      },
    });
    request.pipe(backend.stdin);
    const parts: Buffer[] = [];
    backend.stdout.on('data', (part: Buffer) => parts.push(part));
    backend.on('close', () => {
      const answer = Buffer.concat(parts);
      const end = answer.indexOf('\r\n\r\n');
      const headers = answer
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(': '));
      const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200';
      response.writeHead(
        Number.parseInt(status, 10),
        Object.fromEntries(headers.filter(([name]) => name !== 'Status')),
      );
      response.end(answer.subarray(end + 4));
    });
  } else response.writeHead(404).end('nothing here');
}

const ours = (request: Partial<SourceRequest> & { template: string }): Promise<TemplateSource> =>
  openTemplate({ abbreviations: {}, cookiecuttersFolder: `${ourFolder}/`, ...request });

interface Wanted {
  readonly template: string;
  readonly checkout?: string;
  readonly directory?: string;
}

const theirs = ({ template, checkout, directory }: Wanted, input?: string): ReturnType<typeof real.run> =>
  real.run({
    args: [
      template,
      ...(input === undefined ? ['--no-input'] : []),
      ...(checkout === undefined ? [] : [`--checkout=${checkout}`]),
      ...(directory === undefined ? [] : ['--directory', directory]),
      '-f',
      '-o',
      output,
    ],
    folder: base,
    home,
    environment: { ...environment, COOKIECUTTER_CONFIG: configFile() },
    ...(input === undefined ? {} : { input }),
  });

function configFile(): string {
  const file = join(base, 'config.yaml');
  writeFileSync(file, `cookiecutters_dir: "${theirFolder}/"\n`);
  return file;
}

/** Every file with its mode and content, and what git knows. */
function stateOf(folder: string): unknown {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/\.(?:git|hg)\//.test(path))
    .map((path) => [relative(folder, path), statSync(path).mode & 0o777, readFileSync(path, 'base64')])
    .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  if (!existsSync(join(folder, '.git'))) return files;
  const known = shell(
    'git rev-parse HEAD; git for-each-ref refs/remotes refs/tags; git rev-list --count --all; git status --porcelain --ignored',
    folder,
  );
  return { files, known };
}

async function outcomeOf<T>(work: Promise<T>): Promise<T | TilthError> {
  try {
    return await work;
  } catch (thrown) {
    assert.ok(thrown instanceof TilthError, String(thrown));
    return thrown;
  }
}

async function refusal(work: Promise<unknown>): Promise<TilthError> {
  const outcome = await outcomeOf(work);
  return outcome instanceof TilthError ? outcome : assert.fail('nothing was refused');
}

/** Both take it and have the same clone, or both refuse it in the same words. */
async function compare(wanted: Wanted, name = 'tpl'): Promise<void> {
  const label = JSON.stringify(wanted);
  const [answer, opened] = await Promise.all([theirs(wanted), outcomeOf(ours(wanted))]);
  if (answer.status !== 0) {
    assert.ok(opened instanceof TilthError, `${label}: ${answer.output}`);
    assert.equal(opened.message.replaceAll(ourFolder, theirFolder), answer.output.trimEnd(), label);
    return;
  }
  if (opened instanceof TilthError) throw opened;
  const source = opened;
  source.close();
  assert.equal(source.folder, join(ourFolder, name, wanted.directory ?? ''), label);
  assert.deepEqual(stateOf(join(ourFolder, name)), stateOf(join(theirFolder, name)), label);
  if (source.commit !== null)
    assert.equal(source.commit, shell('git rev-parse HEAD', join(theirFolder, name)).trim(), label);
}

test(
  'branches, tags and commits are checked out as cookiecutter does it, one after the other',
  needsCookiecutter,
  async () => {
    const template = `file://${origins}/tpl`;
    const first = shell('git rev-parse HEAD~1', join(origins, 'tpl')).trim();
    await compare({ template });
    for (const checkout of [
      'light',
      'heavy',
      'dev',
      'trunk',
      'both',
      'names/with/slash',
      first,
      first.slice(0, 9),
      'origin/dev',
    ])
      await compare({ template, checkout });
    for (const checkout of ['nope', 'light^{tree}x']) await compare({ template, checkout });
    await compare({ template, directory: 'inside' });
    await compare({ template, checkout: 'light', directory: 'inside' });
    await compare({ template, directory: 'nowhere' });
    await compare({ template, directory: 'other' });
    await compare({ template: `git+${template}/` });
  },
);

test('a clone from before follows a remote whose history was rewritten', needsCookiecutter, async () => {
  const template = `file://${origins}/moving`;
  shell(
    `git clone -q tpl moving; cd moving; for b in dev old both; do git branch -q $b origin/$b; done; git remote remove origin`,
  );
  await compare({ template }, 'moving');
  await compare({ template, checkout: 'dev' }, 'moving');
  shell(
    `git checkout -q dev; git reset -q --hard HEAD~1; echo new > new.txt; ${commit}; git tag -f light; git checkout -q trunk`,
    join(origins, 'moving'),
  );
  await compare({ template, checkout: 'dev' }, 'moving');
  await compare({ template, checkout: 'light' }, 'moving');
  shell(
    'git branch -D old; git tag -d heavy; git checkout -qb main; git branch -D trunk',
    join(origins, 'moving'),
  );
  await compare({ template }, 'moving');
  await compare({ template, checkout: 'old' }, 'moving');
  // nothing is left of what happened in the clone
  writeFileSync(join(ourFolder, 'moving', 'mine.txt'), 'left');
  writeFileSync(join(ourFolder, 'moving', 'cookiecutter.json'), '{}');
  await compare({ template }, 'moving');
  shell('git checkout -qb local; git branch -D main; git tag mine', join(ourFolder, 'moving'));
  await compare({ template }, 'moving');
  shell('git remote set-url origin file:///elsewhere/git', join(ourFolder, 'moving'));
  await compare({ template }, 'moving');
  rmSync(join(ourFolder, 'moving', '.git', 'objects'), { recursive: true });
  await compare({ template }, 'moving');
});

test('a clone that a fresh one would not differ from is left untouched', needsCookiecutter, async () => {
  const template = `file://${origins}/tpl`;
  for (const checkout of [undefined, 'dev', 'heavy']) {
    (await ours({ template, checkout })).close();
    const before = statSync(join(ourFolder, 'tpl')).ino;
    // as in a hook of git, which names a repository of its own
    process.env['GIT_DIR'] = join(base, 'elsewhere');
    (await ours({ template, checkout })).close();
    delete process.env['GIT_DIR'];
    assert.equal(statSync(join(ourFolder, 'tpl')).ino, before);
  }
  shell('git config core.autocrlf true', join(ourFolder, 'tpl'));
  (await ours({ template })).close();
  assert.throws(() => shell('git config --local core.autocrlf', join(ourFolder, 'tpl')));
});

test('the second time a bare name is enough, and --list-installed has it', needsCookiecutter, async () => {
  await compare({ template: `file://${origins}/tpl` });
  await compare({ template: 'tpl' });
  await compare({ template: 'tpl', directory: 'inside' });
  await compare({ template: 'nothing' });
  await compare({ template: 'nothing/at/all', directory: 'x' });
  const source = await ours({ template: 'tpl' });
  assert.equal(source.template, `file://${origins}/tpl`, 'others can fetch it too');
  assert.equal(source.repository, join(ourFolder, 'tpl'));
  rmSync(join(ourFolder, 'moving'), { recursive: true, force: true });
  rmSync(join(theirFolder, 'moving'), { recursive: true, force: true });
  mkdirSync(join(ourFolder, 'no-template'));
  const list = await real.run({ args: ['-l'], folder: base, home });
  const names = installedTemplates(ourFolder);
  assert.equal(
    [`${names.length} installed templates: `, ...names.map((name) => ` * ${name}`), ''].join('\n'),
    list.output,
  );
  const none = await real.run({ args: ['-l'], folder: base, home: join(base, 'nobody') });
  const fault = await refusal(
    Promise.resolve().then(() => installedTemplates(join(base, 'nobody/.cookiecutters/'))),
  );
  assert.equal(`${fault.message}\n`, none.output);
});

test(
  'git is spoken over its HTTP, over plain files and over its own protocol',
  needsCookiecutter,
  async () => {
    shell('git clone -q --bare tpl web.git; git -C web.git update-server-info');
    await compare({ template: `${webAddress}/smart/web.git` }, 'web');
    await compare({ template: `git+${webAddress}/smart/web.git/`, checkout: 'dev' }, 'web');
    await compare({ template: `${webAddress}/dumb/web.git` }, 'web');
    await compare({ template: `${webAddress}/dumb/web.git`, checkout: 'nope' }, 'web');
    await compare({ template: `${webAddress}/smart/none.git` }, 'none');
    await compare({ template: `${webAddress}/none.git` }, 'none');
    const daemon = await freePort();
    const git = spawn('git', [
      'daemon',
      '--listen=127.0.0.1',
      `--port=${daemon}`,
      '--export-all',
      '--reuseaddr',
      `--base-path=${origins}`,
    ]);
    try {
      await listens(daemon);
      await compare({ template: `git://127.0.0.1:${daemon}/web.git`, checkout: 'light' }, 'web');
    } finally {
      git.kill();
    }
  },
);

test('Mercurial repositories are cloned and updated', needsCookiecutter, async () => {
  shell(`
    hg init merc; cd merc; mkdir '{{cookiecutter.name}}'; echo '{"name": "made"}' > cookiecutter.json
    echo one > '{{cookiecutter.name}}/a'; hg commit -qAm one; hg tag v1; echo two > '{{cookiecutter.name}}/a'; hg commit -qm two
  `);
  const template = `hg+file://${origins}/merc`;
  await compare({ template, checkout: 'v1' }, 'merc');
  await compare({ template, checkout: 'nope' }, 'merc');
  await compare({ template: `hg+file://${origins}/none` }, 'none');
  const source = await ours({ template: 'merc' });
  source.close();
  assert.deepEqual([source.commit, source.repository], [null, undefined]);
});

test(
  'whoever sits there is asked before a clone is replaced, with the same three ends',
  needsCookiecutter,
  async () => {
    const template = `file://${origins}/tpl`;
    (await ours({ template, checkout: 'light' })).close();
    const asked: string[] = [];
    const asking = (...answers: boolean[]): Pick<SourceRequest, 'ask'> => ({
      ask: {
        yesNo: async (question) => (asked.push(question), answers.shift() ?? assert.fail('asked too often')),
      },
    });
    const told = await theirs({ template }, 'n\ny\nmade\n');
    const kept = await ours({ template, checkout: 'dev', ...asking(false, true) });
    assert.equal(kept.commit, shell('git rev-parse light', join(origins, 'tpl')).trim());
    for (const question of asked)
      assert.ok(
        told.output.replaceAll(/\s+/g, ' ').includes(question.replaceAll(ourFolder, theirFolder)),
        `${told.output} lacks ${question}`,
      );
    const fault = await refusal(ours({ template, ...asking(false, false) }));
    assert.equal(fault.code, 'STOPPED');
    const fresh = await ours({ template, ...asking(true) });
    for (const source of [kept, fresh]) source.close();
    assert.equal(fresh.commit, shell('git rev-parse trunk', join(origins, 'tpl')).trim());
  },
);

test(
  'an unreachable repository costs nothing: the clone stays, and the error says how to use it',
  needsCookiecutter,
  async () => {
    const template = `file://${origins}/away.git`;
    shell('git clone -q --bare tpl away.git');
    (await ours({ template })).close();
    const before = stateOf(join(ourFolder, 'away'));
    renameSync(join(origins, 'away.git'), join(origins, 'gone'));
    for (const dirt of [false, true]) {
      if (dirt) writeFileSync(join(ourFolder, 'away', 'mine.txt'), 'left');
      const fault = await refusal(ours({ template }));
      assert.equal(fault.code, 'TEMPLATE_NOT_FETCHED');
      assert.match(fault.hint ?? '', /tilth start away$/);
      assert.ok(fault.hint?.includes(join(ourFolder, 'away')));
    }
    rmSync(join(ourFolder, 'away', 'mine.txt'));
    assert.deepEqual(stateOf(join(ourFolder, 'away')), before);
    assert.deepEqual(
      readdirSync(ourFolder).filter((name) => name.startsWith('.')),
      [],
    );
  },
);

test('a wrong branch or a full disk leaves the clone from before as it was', needsCookiecutter, async () => {
  const template = `file://${origins}/tpl`;
  (await ours({ template })).close();
  const before = stateOf(join(ourFolder, 'tpl'));
  assert.equal((await refusal(ours({ template, checkout: 'nope' }))).code, 'TEMPLATE_CHECKOUT_NOT_FOUND');
  assert.deepEqual(stateOf(join(ourFolder, 'tpl')), before);
  // a limit on the size of files stands for the full disk
  shell(`git clone -q tpl large; cd large; head -c 3000000 /dev/urandom > large.bin; ${commit}`);
  mkdirSync(join(ourFolder, 'large'));
  const script = `
    import { openTemplate } from ${JSON.stringify(join(import.meta.dirname, 'template-source.ts'))};
    await openTemplate({ template: process.argv[1], abbreviations: {}, cookiecuttersFolder: process.argv[2] })
      .catch((fault) => { console.log(fault.code); });
  `;
  const said = shell(
    `ulimit -f 1000; trap '' XFSZ; exec "${process.execPath}" --input-type=module -e '${script}' -- "file://${origins}/large" "${ourFolder}"`,
  );
  assert.equal(said, 'TEMPLATE_NOT_FETCHED\n');
  assert.deepEqual(readdirSync(join(ourFolder, 'large')), []);
  assert.deepEqual(
    readdirSync(ourFolder).filter((name) => name.startsWith('.')),
    [],
  );
});

test('an address runs nothing and smuggles no option', needsCookiecutter, async () => {
  const mark = join(base, 'ran');
  const template = `file://${origins}/tpl`;
  for (const address of [
    `ext::touch ${mark}`,
    `git+ext::touch ${mark}`,
    `git::touch ${mark}`,
    `http::ext::touch ${mark}`,
    `--upload-pack=touch ${mark}`,
    `ssh://-oProxyCommand=touch ${mark}/git`,
    `git@-oProxyCommand=touch:git`,
  ])
    await refusal(ours({ template: address }));
  for (const checkout of [`--exec=touch ${mark}`, '-f', '--detach', '', '--orphan=x', 'cookiecutter.json'])
    assert.equal((await refusal(ours({ template, checkout }))).code, 'TEMPLATE_CHECKOUT_NOT_FOUND', checkout);
  await refusal(
    ours({ template: `hg+file://${origins}/merc`, checkout: `--config=alias.checkout=!touch ${mark}` }),
  );
  await refusal(ours({ template, directory: '../../../git/tpl' }));
  assert.equal(existsSync(mark), false);
});

test('a folder that can not be made is named', needsCookiecutter, async () => {
  writeFileSync(join(base, 'file'), '');
  const cookiecuttersFolder = join(base, 'file', 'below');
  for (const template of [`file://${origins}/tpl`, 'git+https://host/a.git']) {
    const answer = await refusal(ours({ template, cookiecuttersFolder }));
    assert.equal(answer.message, `Unable to create directory at ${cookiecuttersFolder}`);
  }
  writeFileSync(join(ourFolder, 'taken'), 'mine');
  const fault = await refusal(ours({ template: `file://${origins}/taken` }));
  assert.match(fault.message, /taken is in the way: it is no folder/);
  assert.equal(readFileSync(join(ourFolder, 'taken'), 'utf8'), 'mine');
  rmSync(join(ourFolder, 'taken'));
});

test('an address that tells neither git nor Mercurial is tried with git', needsCookiecutter, async () => {
  const answer = await theirs({ template: 'http://127.0.0.1:1/x' });
  assert.match(answer.output, /UnknownRepoType/);
  const fault = await refusal(ours({ template: 'http://127.0.0.1:1/x' }));
  assert.match(fault.hint ?? '', /hg\+http:\/\/127\.0\.0\.1:1\/x$/);
});

test('a server that falls silent is given up', needsCookiecutter, async () => {
  const silent: TcpServer = createTcpServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  try {
    const fault = await refusal(
      openClone({
        repository: repositoryOf(`git://127.0.0.1:${port}/tpl`),
        cookiecuttersFolder: ourFolder,
        silenceMs: 300,
      }),
    );
    assert.match(fault.message, /no answer for 0.3 s/);
  } finally {
    silent.close();
  }
});

test('templates see a folder in the words it was given with', needsCookiecutter, async () => {
  await compare({ template: `file://${origins}/tpl` });
  const before = process.cwd();
  process.chdir(base);
  try {
    for (const [template, directory] of [
      ['git/tpl', undefined],
      ['./git//tpl/', 'inside'],
      [join(origins, 'tpl'), undefined],
      ['tpl', 'inside'],
    ] as const) {
      const answer = await theirs({ template, ...(directory === undefined ? {} : { directory }) });
      assert.equal(answer.status, 0, answer.output);
      const name = directory ?? 'tpl';
      const replay = JSON.parse(readFileSync(join(home, '.cookiecutter_replay', `${name}.json`), 'utf8')) as {
        cookiecutter: { _repo_dir: string };
      };
      const source = await ours({ template, directory });
      source.close();
      assert.equal(source.path?.replace(ourFolder, theirFolder), replay.cookiecutter._repo_dir);
    }
  } finally {
    process.chdir(before);
  }
});

test('a long clone tells how far it is', needsCookiecutter, async () => {
  const slow = join(base, 'slow');
  mkdirSync(slow);
  const real = shell('command -v git').trim();
  const words = 'Receiving objects:  %s%% (1/2), 1.00 MiB | 1.00 MiB/s';
  writeFileSync(
    join(slow, 'git'),
    `#!/bin/sh
if [ "$1" = clone ]; then for share in 10 20 70; do printf '${words}\\r' $share >&2; sleep 1.1; done; fi
exec "${real}" "$@"
`,
    { mode: 0o755 },
  );
  const path = process.env['PATH'];
  process.env['PATH'] = `${slow}:${path ?? ''}`;
  const told: string[] = [];
  shell('git clone -q tpl long');
  const source = await ours({ template: `file://${origins}/long`, onLine: (line) => told.push(line) });
  process.env['PATH'] = path;
  source.close();
  assert.match(told.join('\n'), /^Receiving objects: +\d+% .*$/);
});

test('a fetch that is stopped leaves nothing behind', needsCookiecutter, async () => {
  const silent: TcpServer = createTcpServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const before = readdirSync(ourFolder);
  for (const template of [`git://127.0.0.1:${port}/tpl`, `http://127.0.0.1:${port}/tpl.zip`]) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    assert.equal((await refusal(ours({ template, signal: stop.signal }))).code, 'STOPPED');
  }
  silent.close();
  assert.deepEqual(readdirSync(ourFolder), before);
});

test('a template in use is not changed by another use of it', needsCookiecutter, async () => {
  const template = `file://${origins}/tpl`;
  const first = await ours({ template, checkout: 'light' });
  const [second, third] = await Promise.all([
    ours({ template, checkout: 'dev' }),
    ours({ template, checkout: 'light' }),
  ]);
  assert.equal(third.folder, first.folder);
  assert.equal(second.name, first.name);
  assert.notEqual(second.commit, first.commit);
  assert.equal(shell('git rev-parse HEAD', first.folder).trim(), first.commit);
  assert.equal(shell('git rev-parse HEAD', second.folder).trim(), second.commit);
  for (const source of [first, second, third]) source.close();
  assert.equal(existsSync(second.folder), false);
  assert.equal((await ours({ template, checkout: 'dev' })).folder, first.folder);
});

const freePort = async (): Promise<number> => {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
};

async function listens(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let tries = 0; tries < 100; tries += 1) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => (socket.destroy(), resolve(true)));
      socket.on('error', () => resolve(false));
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
