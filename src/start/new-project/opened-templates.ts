import { mkdirSync, realpathSync, rmSync, existsSync, statSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { Actor } from '../../platform/actor.ts';
import { guardedDownload } from '../../platform/guarded-download.ts';
import { newUlid } from '../../platform/ids.ts';
import type { World } from '../../platform/world.ts';
import { isZipName } from '../template/repository-address.ts';
import { templateNotFound } from '../template/source-errors.ts';
import { gitEnvironment, permitTemplate, type Asker } from './template-address.ts';
import { askWorker } from './template-worker.ts';
import type { OpenedSource } from './worker-requests.ts';

/** What names a template, after the abbreviations. */
export interface TemplateName {
  readonly template: string;
  readonly checkout: string | undefined;
  readonly directory: string | undefined;
}

/** A template that was fetched and is kept for a while, so that its questions can be asked again and again. */
export interface OpenedTemplate {
  readonly id: string;
  readonly name: TemplateName;
  /** folder of `name.directory` */
  readonly source: OpenedSource;
  /** temporary files of this template, and what was fetched of it */
  readonly temporary: string;
}

const keptMs = 30 * 60_000;
const fetchLimitMs = 120_000;
const mostBytes = 200e6;
const mostKept = 20;

interface Kept {
  readonly opened: OpenedTemplate;
  readonly askedBy: string;
  until: number;
  users: number;
}

/** Room for the temporary files of one piece of work. */
export interface WorkerFolder {
  temporary<T>(use: (folder: string) => Promise<T>): Promise<T>;
}

/** The templates that the server has fetched for its page. They end with the server, and half an hour after their last use. */
export class OpenedTemplates implements WorkerFolder {
  readonly #folder: string;
  readonly #kept = new Map<string, Kept>();
  readonly #timer: NodeJS.Timeout;

  constructor(world: World) {
    this.#folder = join(world.home.run, 'templates');
    // what an earlier server left when it was killed
    rmSync(this.#folder, { recursive: true, force: true });
    this.#timer = setInterval(() => this.#forget(), 60_000);
    this.#timer.unref();
  }

  /**
   * Fetches a template, or takes the one that was fetched for the same person before, and keeps it while `use` runs.
   *
   * @throws TEMPLATE_ADDRESS_REFUSED, ADDRESS_REFUSED and what fetching throws
   */
  async with<T>(
    asked: {
      name: TemplateName;
      opened: string | undefined;
      actor: Actor;
      asker: Asker;
      signal: AbortSignal;
      onLine?: (line: string) => void;
    },
    use: (opened: OpenedTemplate) => Promise<T>,
  ): Promise<T> {
    const kept = this.#find(asked.opened, asked.actor, asked.name) ?? (await this.#open(asked));
    kept.users += 1;
    try {
      return await use(inDirectory(kept.opened, asked.name.directory));
    } finally {
      kept.users -= 1;
      kept.until = Date.now() + keptMs;
    }
  }

  async temporary<T>(use: (folder: string) => Promise<T>): Promise<T> {
    const folder = join(this.#folder, newUlid());
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    try {
      return await use(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  isKept(id: string | undefined, actor: Actor, name: TemplateName): boolean {
    return this.#find(id, actor, name) !== undefined;
  }

  close(): void {
    clearInterval(this.#timer);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #find(id: string | undefined, actor: Actor, name: TemplateName): Kept | undefined {
    const kept = id === undefined ? undefined : this.#kept.get(id);
    if (kept?.askedBy !== actor.id) return undefined;
    const { template, checkout } = kept.opened.name;
    return template === name.template && checkout === name.checkout ? kept : undefined;
  }

  async #open(asked: Parameters<OpenedTemplates['with']>[0]): Promise<Kept> {
    this.#forget();
    const { name, asker, signal } = asked;
    const permit = await permitTemplate(name.template, asker);
    const id = newUlid();
    const temporary = join(this.#folder, id);
    mkdirSync(temporary, { recursive: true, mode: 0o700 });
    try {
      let { template } = permit;
      if (permit.kind === 'archive') {
        asked.onLine?.(`fetching ${template}`);
        const file = join(temporary, 'template.zip');
        await guardedDownload({ url: template, file, maxBytes: mostBytes, signal, policy: asker });
        template = file;
      }
      const isHere = permit.kind === 'own' || (permit.kind === 'folder' && !isZipName(template));
      const request = {
        template,
        checkout: name.checkout,
        directory: name.directory,
        // the owner's own folder of clones stays as it is
        cloneFolder: permit.kind === 'folder' ? undefined : join(temporary, 'clone'),
      };
      // what lies on this machine is only found, which takes no process of its own
      const source = isHere
        ? await (await import('./worker.ts')).open(request)
        : await askWorker('open', request, {
            doing: 'Fetching the template',
            limitMs: fetchLimitMs,
            signal,
            temporary,
            environment: gitEnvironment(permit, asker.isLocalUser),
            ...(asked.onLine === undefined ? {} : { onLine: asked.onLine }),
          });
      const origin = permit.kind === 'archive' ? permit.template : source.template;
      const opened = { id, name, source: { ...source, template: origin }, temporary };
      const kept: Kept = { opened, askedBy: asked.actor.id, until: Date.now() + keptMs, users: 0 };
      this.#kept.set(id, kept);
      return kept;
    } catch (thrown) {
      rmSync(temporary, { recursive: true, force: true });
      throw thrown;
    }
  }

  #forget(): void {
    const now = Date.now();
    const unused = [...this.#kept.values()].filter((kept) => kept.users === 0);
    const tooMany = unused
      .toSorted((a, b) => a.until - b.until)
      .slice(0, Math.max(0, this.#kept.size + 1 - mostKept));
    for (const kept of unused) {
      if (kept.until > now && !tooMany.includes(kept)) continue;
      this.#kept.delete(kept.opened.id);
      rmSync(kept.opened.temporary, { recursive: true, force: true });
    }
  }
}

/** The same repository, another folder of it. */
function inDirectory(opened: OpenedTemplate, directory: string | undefined): OpenedTemplate {
  if (directory === opened.name.directory) return opened;
  const up = (opened.name.directory ?? '').split('/').filter((part) => part !== '' && part !== '.');
  const root = resolve(opened.source.folder, ...up.map(() => '..'));
  const folder = resolve(root, directory ?? '.');
  const isThere = existsSync(join(folder, 'cookiecutter.json')) && statSync(folder).isDirectory();
  const isInside = isThere && `${realpathSync(folder)}${sep}`.startsWith(`${realpathSync(root)}${sep}`);
  if (!isInside) throw templateNotFound(directory ?? opened.name.template, [folder]);
  return { ...opened, name: { ...opened.name, directory }, source: { ...opened.source, folder } };
}
