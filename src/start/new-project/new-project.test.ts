import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEventView } from '../../platform/event-api.ts';
import type { JobView } from '../../platform/job-api.ts';
import type { JobContext } from '../../platform/jobs.ts';
import { createLogger } from '../../platform/log.ts';
import { startServer, type RunningServer } from '../../server/server.ts';
import { temporaryHome } from '../../server/test-world.ts';
import { localActor } from '../../team/can.ts';
import type { Project } from '../project/project-api.ts';
import {
  startNewProject,
  type JobStarted,
  type NewProject,
  type TemplateDescription,
} from './new-project-api.ts';
import { workOnStart } from './new-projects.ts';
import { OpenedTemplates } from './opened-templates.ts';
import type { TemplateUpdate } from './template-update-api.ts';

const root = '{{ cookiecutter.slug }}';
const loop = '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}';

describe('projects started on the server', () => {
  const home = temporaryHome();
  const folder = mkdtempSync(join(tmpdir(), 'tilth start '));
  let server: RunningServer;
  let tokens: Record<string, string> = {};

  before(async () => {
    // the user's own settings, clones and trust are not the tests'
    for (const [name, place] of [
      ['HOME', 'user'],
      ['XDG_DATA_HOME', 'data'],
    ] as const) {
      process.env[name] = join(folder, place);
      mkdirSync(join(folder, place));
    }
    server = await startServer({ home, port: 0, log: createLogger('test', 'silent') });
    for (const [id, roles] of [
      ['vera', ['viewer']],
      ['cora', ['contributor']],
      ['mila', ['maintainer']],
    ] as const) {
      await call('/api/v1/people', { id, name: id, title: 'data scientist', roles });
      tokens = {
        ...tokens,
        [id]: (await call<{ token: string }>(`/api/v1/people/${id}/tokens`, { days: 1 })).token,
      };
    }
  });
  after(async () => {
    await server.close();
    home.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function send(path: string, body: unknown, as?: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(server.address + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(as === undefined ? {} : { authorization: `Bearer ${tokens[as] ?? ''}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  }

  async function call<T>(path: string, body?: unknown, as?: string): Promise<T> {
    const answer = await send(path, body, as);
    assert.equal(answer.status, 200, `${path}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  /** @returns the code that it is refused with */
  async function refusal(path: string, body: unknown, as?: string): Promise<string> {
    const answer = await send(path, body, as);
    assert.notEqual(answer.status, 200, JSON.stringify(answer.body));
    return (answer.body as { error: { code: string } }).error.code;
  }

  /** A template in a git repository of its own, with these files in it. */
  function template(name: string, files: Readonly<Record<string, string>>): string {
    const at = join(folder, 'templates', name);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      writeFileSync(join(at, path), text);
      if (path.startsWith('hooks/') && text.startsWith('#!')) chmodSync(join(at, path), 0o755);
    }
    commit(at, 'the template');
    return at;
  }

  const git = (at: string, ...args: string[]): string =>
    execFileSync('git', ['-C', at, '-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
  const commit = (at: string, message: string): string => {
    git(at, 'init', '--quiet', '--initial-branch=main');
    git(at, 'add', '--all');
    git(at, 'commit', '--quiet', '--message', message);
    return git(at, 'rev-parse', 'HEAD');
  };

  const plain = (slug: string, more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    'cookiecutter.json': JSON.stringify({ title: 'My thing', slug }),
    [`${root}/README.md`]: '# {{ cookiecutter.title }}\n',
    [`${root}/tilth.yaml`]: 'project: {{ cookiecutter.slug }}\n',
    ...more,
  });

  const start = async (body: unknown): Promise<JobView> => {
    const { jobId } = await call<JobStarted>('/api/v1/projects/start', body);
    return call<JobView>(`/api/v1/jobs/${jobId}?wait=true`);
  };
  const projects = join(home.root, 'projects');
  const left = (): string[] => (existsSync(projects) ? readdirSync(projects) : []);

  it('begin with a template’s questions, whose defaults follow the answers', async () => {
    const at = template('questions', {
      ...plain('{{ cookiecutter.title|slugify }}'),
      'cookiecutter.json': JSON.stringify({
        title: 'My thing',
        slug: '{{ cookiecutter.title|slugify }}',
        licence: ['MIT', 'none'],
        has_docs: true,
        sizes: { small: 1 },
        _secret: 'x',
        __prompts__: { title: 'What is it called?', licence: { __prompt__: 'Licence', none: 'None at all' } },
      }),
    });
    const first = await call<TemplateDescription>('/api/v1/templates/describe', { template: at });
    assert.deepEqual(
      first.questions.map(({ name, question, kind, value, isGiven }) => [
        name,
        question,
        kind,
        value,
        isGiven,
      ]),
      [
        ['title', 'What is it called?', 'text', 'My thing', false],
        ['slug', 'slug', 'text', 'my-thing', false],
        ['licence', 'Licence', 'choice', 'MIT', false],
        ['has_docs', 'has_docs', 'yes-no', true, false],
        // cookiecutter makes texts of numbers
        ['sizes', 'sizes', 'json', { small: '1' }, false],
      ],
    );
    assert.deepEqual(first.questions[2]?.choices, [
      { value: 'MIT', label: 'MIT' },
      { value: 'none', label: 'None at all' },
    ]);
    const answers = { title: 'Ice Cream', licence: 'GPL', sizes: '{"small": ' };
    const again = await call<TemplateDescription>('/api/v1/templates/describe', {
      template: at,
      opened: first.opened,
      answers,
    });
    assert.equal(again.opened, first.opened);
    assert.equal(again.questions[1]?.value, 'ice-cream');
    assert.deepEqual(
      again.problems.map((problem) => problem.name),
      ['licence', 'sizes'],
    );
  });

  it('may come from one of several templates, listed or lying in folders', async () => {
    const files = plain('inner');
    const inside = (folder: string): Record<string, string> =>
      Object.fromEntries(Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]));
    const listed = template('listed', {
      ...inside('kinds/one'),
      'cookiecutter.json': JSON.stringify({
        templates: { one: { path: './kinds/one', title: 'One', description: 'The first' } },
      }),
    });
    const shown = await call<TemplateDescription>('/api/v1/templates/describe', { template: listed });
    assert.deepEqual(shown.templates, [{ directory: 'kinds/one', title: 'One', description: 'The first' }]);
    const chosen = { template: listed, directory: 'kinds/one', opened: shown.opened };
    assert.equal((await call<TemplateDescription>('/api/v1/templates/describe', chosen)).questions.length, 2);
    const job = await start(chosen);
    assert.equal(job.state, 'succeeded', job.error ?? '');
    const origin = readFileSync(join(projects, 'inner', '.cruft.json'), 'utf8');
    assert.equal((JSON.parse(origin) as { directory: string }).directory, 'kinds/one');

    const loose = template('loose', { ...inside('a'), ...inside('deep/b') });
    const answer = await send('/api/v1/templates/describe', { template: loose });
    assert.deepEqual((answer.body as { error: { details: unknown } }).error.details, {
      templates: ['a', 'deep/b'],
    });
  });

  it('are rendered, committed, registered and told in the audit log', async () => {
    const at = template('plain', plain('plain-one'));
    const job = await start({ template: at, answers: { title: 'Ice cream' } });
    assert.equal(job.state, 'succeeded', job.error ?? '');
    const made = job.output as NewProject;
    assert.equal(made.folder, join(projects, 'plain-one'));
    assert.equal(made.project, 'plain-one');
    assert.equal(readFileSync(join(made.folder, 'README.md'), 'utf8'), '# Ice cream\n');
    assert.equal(git(made.folder, 'status', '--porcelain'), '');
    const found = await call<Project>('/api/v1/projects/plain-one');
    assert.equal(found.templateCommit, git(at, 'rev-parse', 'HEAD'));
    assert.deepEqual(left(), ['inner', 'plain-one']);
    const events = await call<AuditEventView[]>('/api/v1/events?limit=100');
    const event = events.find((each) => each.verb === 'project.start' && each.thing === at);
    assert.deepEqual(event?.data, {
      checkout: null,
      directory: null,
      folder: projects,
      runsCode: false,
      installs: false,
    });
  });

  it('are never rendered over what is there', async () => {
    const at = template('again', plain('plain-one'));
    const job = await start({ template: at });
    assert.match(job.error ?? '', /\[PROJECT_FOLDER_EXISTS\]/);
    assert.equal(readFileSync(join(projects, 'plain-one', 'README.md'), 'utf8'), '# Ice cream\n');
  });

  it('of one name and at one time are one project, and one that is told so', async () => {
    const at = template('twice', plain('twice'));
    const jobs = await Promise.all([start({ template: at }), start({ template: at })]);
    assert.deepEqual(jobs.map((job) => job.state).toSorted(), ['failed', 'succeeded']);
    assert.ok(existsSync(join(projects, 'twice', 'README.md')));
  });

  it('take a maintainer or an admin', async () => {
    for (const as of ['vera', 'cora']) {
      assert.equal(await refusal('/api/v1/templates/describe', {}, as), 'NOT_ALLOWED');
      assert.equal(await refusal('/api/v1/projects/start', {}, as), 'NOT_ALLOWED');
      assert.equal(await refusal('/api/v1/projects/plain-one/template-update/check', {}, as), 'NOT_ALLOWED');
      assert.equal(
        await refusal('/api/v1/projects/plain-one/template-update', { branch: 'x' }, as),
        'NOT_ALLOWED',
      );
    }
    const ours = await call<TemplateDescription>('/api/v1/templates/describe', {}, 'mila');
    assert.ok(ours.questions.length > 3);
  });

  it('use folders, private addresses and other places only by who may', async () => {
    const at = join(folder, 'templates', 'plain');
    for (const path of ['/api/v1/templates/describe', '/api/v1/projects/start']) {
      assert.equal(await refusal(path, { template: at }, 'mila'), 'TEMPLATE_ADDRESS_REFUSED');
      assert.equal(await refusal(path, { template: `file://${at}` }, 'mila'), 'TEMPLATE_ADDRESS_REFUSED');
      assert.equal(await refusal(path, { template: 'https://127.0.0.1/x.git' }), 'ADDRESS_REFUSED');
      assert.equal(
        await refusal(path, { template: 'https://169.254.169.254/x.zip' }, 'mila'),
        'ADDRESS_REFUSED',
      );
      assert.equal(await refusal(path, { directory: '../..' }), 'BAD_REQUEST');
    }
    for (const wanted of ['../x', '/tmp/x', 'a/../../b'])
      assert.equal(
        await refusal('/api/v1/projects/start', { folder: wanted }, 'mila'),
        'PROJECT_PLACE_REFUSED',
      );
    // an update of a project whose template is a folder of this machine is the local user's, too
    assert.equal(
      await refusal('/api/v1/projects/plain-one/template-update/check', {}, 'mila'),
      'TEMPLATE_ADDRESS_REFUSED',
    );
  });

  it('are asked for in JSON only', async () => {
    const response = await fetch(`${server.address}/api/v1/projects/start`, {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: '{}',
    });
    assert.equal(response.status, 415);
  });

  it('follow no redirect of git to another host', async () => {
    let askedInside = 0;
    const sly = createServer((request, response) => {
      const host = request.headers.host ?? '';
      if (host.startsWith('localhost')) askedInside += 1;
      response.writeHead(302, { location: `http://localhost:${port}${request.url ?? ''}` }).end();
    });
    await new Promise<void>((resolve) => sly.listen(0, '127.0.0.1', resolve));
    const { port } = sly.address() as AddressInfo;
    process.env['TILTH_FETCH_HOSTS'] = `127.0.0.1:${port}`;
    try {
      const code = await refusal('/api/v1/templates/describe', {
        template: `http://127.0.0.1:${port}/git/x.git`,
      });
      assert.match(code, /^TEMPLATE_/);
      assert.equal(askedInside, 0);
    } finally {
      delete process.env['TILTH_FETCH_HOSTS'];
      sly.close();
    }
  });

  it('may come from an archive at an address, which they remember', async () => {
    const at = template('archived', plain('archived'));
    const zip = execFileSync('git', ['-C', at, 'archive', '--format=zip', '--prefix=template/', 'HEAD']);
    const host = createServer((_request, response) => response.end(zip));
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
    const { port } = host.address() as AddressInfo;
    const address = `http://127.0.0.1:${port}/template.zip`;
    try {
      assert.equal(await refusal('/api/v1/templates/describe', { template: address }), 'ADDRESS_REFUSED');
      process.env['TILTH_FETCH_HOSTS'] = '127.0.0.1';
      const job = await start({ template: address });
      assert.equal(job.state, 'succeeded', job.error ?? '');
      assert.equal((await call<Project>('/api/v1/projects/archived')).template, address);
    } finally {
      delete process.env['TILTH_FETCH_HOSTS'];
      host.close();
    }
  });

  describe('from a template with code of its own', () => {
    const touch = (file: string): string =>
      `#!/bin/sh\necho hello from a hook\ntouch ${JSON.stringify(join(folder, file))}\n`;

    it('show the code, and leave it out unless it was allowed', async () => {
      const at = template('hooked', plain('hooked', { 'hooks/post_gen_project.sh': touch('ran') }));
      const shown = await call<TemplateDescription>('/api/v1/templates/describe', { template: at });
      assert.deepEqual(shown.code, [{ file: 'hooks/post_gen_project.sh', kind: 'hook', text: touch('ran') }]);
      const without = await start({ template: at, opened: shown.opened, digest: shown.digest });
      assert.deepEqual((without.output as NewProject).leftOut, ['hooks/post_gen_project.sh']);
      assert.equal(existsSync(join(folder, 'ran')), false);
      const { jobId } = await call<JobStarted>('/api/v1/projects/start', {
        template: at,
        folder: 'second',
        digest: shown.digest,
        runsCode: true,
      });
      const job = await call<JobView>(`/api/v1/jobs/${jobId}?wait=true`);
      assert.equal(job.state, 'succeeded', job.error ?? '');
      assert.equal(existsSync(join(folder, 'ran')), true);
      const log = await (await fetch(`${server.address}/api/v1/jobs/${jobId}/log`)).text();
      assert.match(log, /hello from a hook/);
    });

    it('run no other code than was shown', async () => {
      const at = join(folder, 'templates', 'hooked');
      const shown = await call<TemplateDescription>('/api/v1/templates/describe', { template: at });
      writeFileSync(join(at, 'hooks', 'post_gen_project.sh'), touch('other'));
      const job = await start({
        template: at,
        folder: 'third',
        opened: shown.opened,
        digest: shown.digest,
        runsCode: true,
      });
      assert.match(job.error ?? '', /\[TEMPLATE_CHANGED\]\nLook at it again/);
      assert.equal(existsSync(join(folder, 'other')), false);
    });

    it('leave nothing when a hook fails, and say which', async () => {
      const at = template(
        'failing',
        plain('failing', { 'hooks/post_gen_project.sh': '#!/bin/sh\necho oh no >&2\nexit 3\n' }),
      );
      const job = await start({ template: at, runsCode: true });
      assert.equal(job.state, 'failed');
      assert.match(job.error ?? '', /post_gen_project.*\[TEMPLATE_HOOK_FAILED\]/s);
      assert.equal(left().includes('failing'), false);
    });

    it('are ended with all that they started, and leave nothing', async () => {
      const pidFile = join(folder, 'sleeper');
      const at = template(
        'sleeping',
        plain('sleeping', {
          'hooks/post_gen_project.sh': `#!/bin/sh\necho $$ > ${JSON.stringify(pidFile)}\nsleep 600\n`,
        }),
      );
      const { jobId } = await call<JobStarted>('/api/v1/projects/start', { template: at, runsCode: true });
      await until(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '');
      const ended = await call<JobView>(`/api/v1/projects/start/${jobId}/cancel`, {});
      assert.equal(ended.state, 'cancelled');
      // the job is over when it was told; what it made goes a moment later
      await until(() => !isAlive(Number(readFileSync(pidFile, 'utf8'))));
      await until(() => !left().some((name) => name === 'sleeping' || name.startsWith('.tilth')));
    });
  });

  it('are ended also where a template never gives way', async () => {
    const at = template('endless', plain('endless', { [`${root}/endless.txt`]: loop }));
    const { jobId } = await call<JobStarted>('/api/v1/projects/start', { template: at });
    await until(() => left().some((name) => name.startsWith('.tilth-start-')));
    await call<JobView>(`/api/v1/projects/start/${jobId}/cancel`, {});
    await until(() => !left().some((name) => name.startsWith('.tilth-start-') || name === 'endless'));
  });

  it('run nothing that a template put into their git folder', async () => {
    const sly = `[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch '${join(folder, 'monitored')}'\n`;
    const at = template('sly', {
      ...plain('sly'),
      'cookiecutter.json': JSON.stringify({ slug: 'sly', title: 'x', _git: '.git' }),
      [`${root}/{{ cookiecutter._git }}/config`]: sly,
      [`${root}/{{ cookiecutter._git }}/HEAD`]: 'ref: refs/heads/main\n',
      [`${root}/{{ cookiecutter._git }}/objects/x`]: '',
      [`${root}/{{ cookiecutter._git }}/refs/x`]: '',
    });
    const job = await start({ template: at });
    assert.match(job.error ?? '', /\[TEMPLATE_PATH_REFUSED\]/);
    assert.equal(existsSync(join(folder, 'monitored')), false);
    assert.equal(left().includes('sly'), false);
  });

  it('are begun anew after a crash of the server, over what the first attempt left', async () => {
    const at = template('crashed', plain('crashed'));
    const half = join(projects, 'crashed');
    mkdirSync(half, { recursive: true });
    writeFileSync(join(half, 'half.txt'), 'half');
    writeFileSync(join(home.run, 'start-01CRASHED.json'), JSON.stringify([half]));
    const templates = new OpenedTemplates(server.world);
    const job = {
      job: { id: '01CRASHED' },
      signal: new AbortController().signal,
      log: () => undefined,
      progress: async () => undefined,
    };
    const input = { ...startNewProject.parse({ template: at }), outputFolder: projects, actor: localActor };
    const made = await workOnStart(server.world, templates, input, job as unknown as JobContext);
    templates.close();
    assert.equal(made.project, 'crashed');
    assert.deepEqual(
      [existsSync(join(half, 'half.txt')), existsSync(join(half, 'README.md'))],
      [false, true],
    );
  });

  it('get nothing from outside a template that a link points to', async () => {
    const secret = join(folder, 'secret.txt');
    writeFileSync(secret, 'the secret of the machine');
    const inProject = template('linked', plain('linked'));
    symlinkSync(secret, join(inProject, root, 'stolen.txt'));
    const job = await start({ template: inProject });
    assert.match(job.error ?? '', /\[TEMPLATE_PATH_REFUSED\]/);
    assert.equal(left().includes('linked'), false);
    const asHook = template('linked-hook', plain('linked', { 'hooks/readme': 'x' }));
    symlinkSync(secret, join(asHook, 'hooks', 'post_gen_project.sh'));
    const asQuestions = template('linked-questions', plain('linked'));
    writeFileSync(secret, '{"slug": "the secret of the machine"}');
    rmSync(join(asQuestions, 'cookiecutter.json'));
    symlinkSync(secret, join(asQuestions, 'cookiecutter.json'));
    for (const at of [asHook, asQuestions]) {
      assert.equal(await refusal('/api/v1/templates/describe', { template: at }), 'TEMPLATE_PATH_REFUSED');
      assert.match((await start({ template: at })).error ?? '', /\[TEMPLATE_PATH_REFUSED\]/);
    }
  });

  it('tell what an update would change when asked, and make it on a branch', async () => {
    const at = template('moving', plain('moving', { [`${root}/a.txt`]: 'one\ntwo\nthree\n' }));
    const made = (await start({ template: at })).output as NewProject;
    const path = '/api/v1/projects/moving/template-update';
    const before = await call<TemplateUpdate>(path);
    assert.deepEqual(
      [before.checkedAt, before.plan, before.commit],
      [null, null, git(at, 'rev-parse', 'HEAD')],
    );

    writeFileSync(join(at, root, 'a.txt'), 'one\nzwei\nthree\n');
    writeFileSync(join(at, root, 'new.txt'), 'new\n');
    writeFileSync(
      join(at, 'cookiecutter.json'),
      JSON.stringify({ title: 'My thing', slug: 'moving', owner: 'nobody' }),
    );
    const newest = commit(at, 'second');
    const check = async (): Promise<TemplateUpdate> => {
      const { jobId } = await call<JobStarted>(`${path}/check`, {});
      const job = await call<JobView>(`/api/v1/jobs/${jobId}?wait=true`);
      assert.equal(job.state, 'succeeded', job.error ?? '');
      return call<TemplateUpdate>(path);
    };
    const found = await check();
    assert.equal(found.plan?.to, newest);
    assert.deepEqual(
      found.plan?.changes.map((change) => [change.kind, change.path]),
      [
        ['changed', 'a.txt'],
        ['added', 'new.txt'],
      ],
    );
    assert.match(found.plan?.changes[0]?.diff ?? '', /^-two\n\+zwei$/m);
    assert.deepEqual(found.plan?.variables.added, [{ name: 'owner', value: 'nobody' }]);
    assert.deepEqual(
      found.plan?.commits.map((each) => each.subject),
      ['second'],
    );

    const { jobId } = await call<JobStarted>(path, { branch: 'template/second' });
    const job = await call<JobView>(`/api/v1/jobs/${jobId}?wait=true`);
    assert.equal(job.state, 'succeeded', job.error ?? '');
    assert.equal(git(made.folder, 'show', 'template/second:new.txt'), 'new');
    assert.equal(git(made.folder, 'status', '--porcelain'), '');
    assert.equal(git(made.folder, 'branch', '--show-current'), 'main');
    assert.equal((await call<TemplateUpdate>(path)).branch?.name, 'template/second');

    writeFileSync(join(made.folder, 'a.txt'), 'one\ndeux\nthree\n');
    commit(made.folder, 'mine');
    assert.equal((await check()).plan?.conflictCount, 1);
    const refused = await call<JobStarted>(path, { branch: 'with-conflicts' });
    assert.match(
      (await call<JobView>(`/api/v1/jobs/${refused.jobId}?wait=true`)).error ?? '',
      /\[TEMPLATE_UPDATE_CONFLICTS\]/,
    );
    assert.equal(await refusal(path, { branch: '--force' }), 'BAD_REQUEST');
  });

  const isAlive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  async function until(isSo: () => boolean): Promise<void> {
    for (const end = Date.now() + 20_000; !isSo(); await new Promise((resolve) => setTimeout(resolve, 40)))
      if (Date.now() > end) throw new Error('not within 20 s');
  }
});
