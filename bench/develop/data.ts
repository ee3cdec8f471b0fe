import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurns, type Effort, type Figure, type Practice, type Round } from '../measure.ts';
import { runToEnd, temporaryFolder, versionsIn } from '../processes.ts';
import {
  assertEqualCaches,
  bytesOf,
  fileBytes,
  freshRepository,
  pipelineRun,
  placesFor,
  writeBigFile,
  writeFiles,
  type Place,
} from './data-made.ts';
import { installedTool, peer, verbsOf, type Tool } from './data-tools.ts';

interface Sizes {
  readonly fileCount: number;
  readonly bigMebibytes: number;
  readonly stageCount: number;
}

const whole: Sizes = { fileCount: 10_000, bigMebibytes: 1024, stageCount: 50 };
const quick: Sizes = { fileCount: 2000, bigMebibytes: 128, stageCount: 20 };

const isClean = /Data and pipelines are up to date|^\{\}$/m;

/** Versions of data and stages that need not run: `tilth dvc` and `dvc`, whole processes. */
export async function measureData(effort: Effort): Promise<Practice> {
  const sizes = effort.isQuick ? quick : whole;
  const ours = await installedTool();
  const figures: Figure[] = [];
  const verbs = await verbsOf(ours);
  for (const place of placesFor(sizes.fileCount * fileBytes + sizes.bigMebibytes * 2 ** 20)) {
    const bench = new DataBench(ours, effort, sizes, place, figures);
    await bench.manyFiles(verbs);
    await bench.bigFile();
    if (place.folder === undefined) await bench.smallCommands();
  }
  return {
    name: 'data',
    peer: 'dvc',
    versions: await versionsIn('data', ['dvc', 'dvc-data', 'dvc-objects']),
    checked: [
      'data.dvc and the names in the cache are equal, every object of both holds what its name says, and dvc.lock is equal byte for byte',
      'each tool calls the folder and the pipeline of the other up to date',
      'what was checked out, pushed and pulled is equal file by file',
    ],
    notEqual: [
      'Inside of a git repository without a commit; ours looks for a server to tell of new versions, and finds none.',
      'On the disk the system writes back what either program has left while the next one runs; the same on tmpfs stands beside it.',
      'On the disk nothing is deleted between the rounds, for neither: a file system that looks at each inode just deleted before it gives out another may be most of the time.',
      'md5sum and cp are two programs that do less: no names by hash, nothing remembered, nothing that holds after a crash.',
      'Ours is the built program, as a package has it, on the Node that comes with it.',
    ],
    figures,
  };
}

class DataBench {
  readonly #ours: Tool;
  readonly #effort: Effort;
  readonly #sizes: Sizes;
  readonly #place: Place;
  readonly #figures: Figure[];
  readonly #gone = temporaryFolder('gone');
  #goneCount = 0;

  constructor(ours: Tool, effort: Effort, sizes: Sizes, place: Place, figures: Figure[]) {
    this.#ours = ours;
    this.#effort = effort;
    this.#sizes = sizes;
    this.#place = place;
    this.#figures = figures;
  }

  async manyFiles(verbs: ReadonlySet<string>): Promise<void> {
    const { fileCount } = this.#sizes;
    const files = `${fileCount.toLocaleString('en')} files of 10 KiB`;
    const source = temporaryFolder('made', this.#place.folder);
    writeFiles(join(source, 'data'), fileCount);

    for (const type of ['copy', 'hardlink']) {
      const once = async (tool: Tool): Promise<{ folder: string; round: Round }> => {
        const folder = await freshRepository(tool, this.#place, type);
        cpSync(join(source, 'data'), join(folder, 'data'), { recursive: true });
        return { folder, round: await this.#timed(tool.dvc('add', '--quiet', 'data'), folder) };
      };
      const mine = (await once(this.#ours)).folder;
      const theirs = (await once(peer)).folder;
      assert.equal(
        readFileSync(join(mine, 'data.dvc'), 'utf8'),
        readFileSync(join(theirs, 'data.dvc'), 'utf8'),
      );
      assertEqualCaches(mine, theirs);
      await this.#slowly(`add ${files} (${type})`, async (tool) => {
        const { folder, round } = await once(tool);
        this.#clear(folder);
        return round;
      });
      await this.#after(mine, theirs, files, type, verbs, join(source, 'data'));
      for (const folder of [mine, theirs]) this.#clear(folder);
    }

    for (const [type, program] of [
      ['copy', 'cp -r'],
      ['hardlink', 'cp -rl'],
    ] as const)
      await this.#besideLimit(`add ${files} (${type})`, program, type, source, 'data');
    this.#clear(source);
  }

  /** Ours beside the plainest programs that do the same to the bytes. */
  async #besideLimit(
    what: string,
    program: string,
    type: string,
    source: string,
    name: string,
  ): Promise<void> {
    const limit = async (): Promise<Round> => {
      const round = await this.#timed(
        ['sh', '-c', `find ${name} -type f -print0 | xargs -0 md5sum > sums && ${program} ${name} copy`],
        source,
      );
      this.#clear(join(source, 'copy'));
      return round;
    };
    const add = async (): Promise<Round> => {
      const folder = await freshRepository(this.#ours, this.#place, type);
      cpSync(join(source, name), join(folder, name), { recursive: true });
      const round = await this.#timed(this.#ours.dvc('add', '--quiet', name), folder);
      this.#clear(folder);
      return round;
    };
    this.#put(
      `${what}, beside md5sum and ${program}`,
      `md5sum, ${program}`,
      await inTurns(this.#effort.slowRounds, add, limit),
    );
  }

  /** What is done with data that was added. */
  async #after(
    mine: string,
    theirs: string,
    files: string,
    type: string,
    verbs: ReadonlySet<string>,
    source: string,
  ): Promise<void> {
    const folderOf = (tool: Tool): string => (tool === peer ? theirs : mine);
    if (type === 'copy') {
      const looks = [['status', '--json'], ...(verbs.has('data') ? [['data', 'status', '--json']] : [])];
      for (const words of looks) {
        // each tool calls the other's folder clean, and has looked at its own before the clock runs
        const said = await Promise.all(
          [mine, theirs]
            .flatMap((folder) => [this.#ours, peer].map((tool) => ({ folder, tool })))
            .map(async ({ folder, tool }) => (await runToEnd(tool.dvc(...words), { cwd: folder })).stdout),
        );
        if (words[0] === 'status') for (const one of said) assert.match(one, isClean);
        await this.#often(`${words.slice(0, -1).join(' ')} of ${files}, seen before`, (tool) =>
          this.#timed(tool.dvc(...words), folderOf(tool)),
        );
      }
    }
    await this.#slowly(`checkout ${files} (${type})`, async (tool) => {
      const folder = folderOf(tool);
      this.#clear(join(folder, 'data'));
      const round = await this.#timed(tool.dvc('checkout', '--quiet'), folder);
      await runToEnd(['diff', '-r', source, join(folder, 'data')]);
      return round;
    });
    if (type === 'copy' && verbs.has('push')) await this.#remote(mine, theirs, files, source, verbs);
  }

  async #remote(
    mine: string,
    theirs: string,
    files: string,
    source: string,
    verbs: ReadonlySet<string>,
  ): Promise<void> {
    const folderOf = (tool: Tool): string => (tool === peer ? theirs : mine);
    const remotes = new Map(
      [this.#ours, peer].map((tool) => [tool, temporaryFolder('remote', this.#place.folder)]),
    );
    for (const [tool, remote] of remotes)
      writeFileSync(
        join(folderOf(tool), '.dvc', 'config'),
        `[core]\n    remote = store\n[cache]\n    type = copy\n['remote "store"']\n    url = ${remote}\n`,
      );
    await this.#slowly(`push ${files} to a folder`, async (tool) => {
      const remote = remotes.get(tool) ?? '';
      this.#clear(remote);
      mkdirSync(remote);
      return this.#timed(tool.dvc('push', '--quiet'), folderOf(tool));
    });
    const [one = '', other = ''] = remotes.values();
    await runToEnd(['diff', '-r', one, other]);
    if (!verbs.has('pull')) return;
    await this.#slowly(`pull ${files} from a folder`, async (tool) => {
      const folder = folderOf(tool);
      for (const gone of ['data', '.dvc/cache']) this.#clear(join(folder, gone));
      const round = await this.#timed(tool.dvc('pull', '--quiet'), folder);
      await runToEnd(['diff', '-r', source, join(folder, 'data')]);
      return round;
    });
    for (const remote of remotes.values()) this.#clear(remote);
  }

  async bigFile(): Promise<void> {
    const { bigMebibytes } = this.#sizes;
    const source = temporaryFolder('big', this.#place.folder);
    writeBigFile(join(source, 'big.bin'), bigMebibytes);
    const records = new Map<Tool, string>();
    await this.#slowly(`add one file of ${bigMebibytes} MiB (copy)`, async (tool) => {
      const folder = await freshRepository(tool, this.#place, 'copy');
      cpSync(join(source, 'big.bin'), join(folder, 'big.bin'));
      const round = await this.#timed(tool.dvc('add', '--quiet', 'big.bin'), folder);
      records.set(tool, readFileSync(join(folder, 'big.bin.dvc'), 'utf8'));
      this.#clear(folder);
      return round;
    });
    assert.equal(records.get(this.#ours), records.get(peer));
    await this.#besideLimit(`add one file of ${bigMebibytes} MiB (copy)`, 'cp', 'copy', source, 'big.bin');
    this.#clear(source);
  }

  /** What is mostly start-up, in a daily loop. */
  async smallCommands(): Promise<void> {
    const { stageCount } = this.#sizes;
    const mine = await pipelineRun(this.#ours, this.#place, stageCount);
    const theirs = await pipelineRun(peer, this.#place, stageCount);
    const lock = (folder: string): string => readFileSync(join(folder, 'dvc.lock'), 'utf8');
    assert.equal(lock(mine), lock(theirs));
    for (const folder of [mine, theirs])
      for (const tool of [this.#ours, peer])
        assert.match((await runToEnd(tool.dvc('repro'), { cwd: folder })).stdout, isClean);
    await this.#often(`repro of ${stageCount} stages, nothing to do`, (tool) =>
      this.#timed(tool.dvc('repro'), tool === peer ? theirs : mine),
    );
    await this.#often('--version', (tool) => this.#timed(tool.version, mine));
    const small = await freshRepository(this.#ours, this.#place);
    writeFileSync(join(small, 'one.bin'), bytesOf(1));
    await runToEnd(this.#ours.dvc('add', '--quiet', 'one.bin'), { cwd: small });
    await this.#often('status of one file', (tool) => this.#timed(tool.dvc('status'), small));
  }

  /**
   * Puts something out of the way. On the disk it is deleted only at the very end: some file systems look at every inode
   * that was just deleted before they give out another, which would be most of what either program is seen to take.
   */
  #clear(path: string): void {
    if (!existsSync(path)) return;
    if (this.#place.folder === undefined) renameSync(path, join(this.#gone, String(this.#goneCount++)));
    else rmSync(path, { recursive: true });
  }

  async #timed(command: readonly string[], cwd: string): Promise<Round> {
    // what others have left for the disk is written before the clock runs
    if (this.#place.folder === undefined) await runToEnd(['sync', '-f', cwd]);
    const { seconds, cpuMs } = await runToEnd(command, { cwd });
    return { value: seconds * 1000, cpuMs };
  }

  async #slowly(what: string, one: (tool: Tool) => Promise<Round>): Promise<void> {
    this.#put(
      what,
      'dvc',
      await inTurns(
        this.#effort.slowRounds,
        () => one(this.#ours),
        () => one(peer),
      ),
    );
  }

  async #often(what: string, one: (tool: Tool) => Promise<Round>): Promise<void> {
    this.#put(
      what,
      'dvc',
      await inTurns(
        this.#effort.rounds,
        () => one(this.#ours),
        () => one(peer),
      ),
    );
  }

  #put(what: string, peerName: string, found: { ours: Round[]; peer: Round[] }): void {
    this.#figures.push({
      what: `${what}${this.#place.said}`,
      unit: 'ms',
      better: 'less',
      ours: { name: 'tilth', rounds: found.ours },
      peer: { name: peerName, rounds: found.peer },
    });
    console.error(`  ${what}${this.#place.said}`);
  }
}
