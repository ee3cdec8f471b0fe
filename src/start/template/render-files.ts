import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  utimesSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { isBinary } from './binary.ts';
import { decodeText, type TemplateEngine } from './engine.ts';
import type { Variables } from './engine-options.ts';
import { lineEnd, matchesPattern } from './file-names.ts';
import { faultAt } from './render-fault.ts';
import { linkRefused, pathRefused, templateInvalid } from './template-errors.ts';

export interface FilesRequest {
  /** the folder inside the template that becomes the project */
  readonly root: string;
  /** where the files are put: a folder of ours that becomes the project, or is laid over it */
  readonly staged: string;
  /** the project's folder, when there is one already */
  readonly existing: string | undefined;
  readonly engine: TemplateEngine;
  readonly variables: Variables;
  /** patterns of what is copied as it stands */
  readonly copyOnly: readonly string[];
  /** line end of every file; undefined: as in the template */
  readonly lineEnd: '\n' | '\r' | '\r\n' | undefined;
  readonly ifExists: 'refuse' | 'overwrite' | 'skip-files';
}

/** What is staged, in the order in which cookiecutter makes it. Paths are relative to the project. */
export type Step =
  | { readonly makes: 'folder'; readonly path: string; readonly of: string }
  /** copied as it stands; one that is there is replaced */
  | { readonly makes: 'copied-folder' | 'copied-file'; readonly path: string; readonly of: string }
  | { readonly makes: 'file'; readonly path: string; readonly of: string };

/**
 * Renders every file of a template into a folder of ours.
 *
 * @throws TEMPLATE_VARIABLE_UNDEFINED, TEMPLATE_INVALID, TEMPLATE_PATH_REFUSED, TEMPLATE_NEEDS_PYTHON, PROJECT_NOT_WRITTEN
 */
export async function renderFiles(request: FilesRequest): Promise<{ steps: Step[]; fileCount: number }> {
  const walk = new Walk(request);
  await walk.folder('');
  return { steps: walk.steps, fileCount: walk.fileCount };
}

class Walk {
  readonly steps: Step[] = [];
  fileCount = 0;
  readonly #request: FilesRequest;
  readonly #allowed: string;

  constructor(request: FilesRequest) {
    this.#request = request;
    this.#allowed = repositoryOf(realpathSync(dirname(request.root)));
  }

  async folder(at: string): Promise<void> {
    const names = readdirSync(this.#source(at)).sort(byCodePoint);
    const kinds = names.map((name) => ({ path: join(at, name), isFolder: this.#isFolder(join(at, name)) }));
    const folders = kinds.filter(({ isFolder }) => isFolder).map(({ path }) => path);
    const files = kinds.filter(({ isFolder }) => !isFolder).map(({ path }) => path);
    for (const folder of folders.filter((path) => this.#isCopyOnly(path))) await this.#copyFolder(folder);
    const rendered = folders.filter((path) => !this.#isCopyOnly(path));
    for (const folder of rendered) await this.#makeFolder(folder);
    for (const file of files) await this.#file(file);
    for (const folder of rendered) {
      // a link to a folder becomes an empty folder, as with cookiecutter
      if (!lstatSync(this.#source(folder)).isSymbolicLink()) await this.folder(folder);
    }
  }

  async #copyFolder(folder: string): Promise<void> {
    const doing = `create directory '${folder}'`;
    const path = await this.#path(folder, doing);
    if (path === '.') throw pathRefused(folder, path);
    try {
      this.#copyTree(folder, this.#target(path));
    } catch (thrown) {
      throw faultAt(doing, thrown, this.#request.variables);
    }
    this.steps.push({ makes: 'copied-folder', path, of: folder });
  }

  #copyTree(from: string, to: string): void {
    this.#insideTemplate(from);
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(this.#source(from))) {
      const path = join(from, name);
      if (this.#isFolder(path)) this.#copyTree(path, join(to, name));
      else {
        this.#insideTemplate(path);
        const { mode, atime, mtime } = this.#readable(path);
        this.#write(join(to, name), readFileSync(this.#source(path)), mode);
        utimesSync(join(to, name), atime, mtime);
      }
    }
    chmodSync(to, statSync(this.#source(from)).mode & 0o7777);
  }

  async #makeFolder(folder: string): Promise<void> {
    const doing = `create directory '${folder}'`;
    const path = await this.#path(folder, doing);
    if (this.#request.ifExists === 'refuse' && existsSync(this.#target(path)))
      throw templateInvalid(`Unable to ${doing}`, 'its name becomes that of a folder which is already there');
    this.#insideTemplate(folder);
    try {
      mkdirSync(this.#target(path), { recursive: true });
    } catch (thrown) {
      throw faultAt(doing, thrown, this.#request.variables);
    }
    this.steps.push({ makes: 'folder', path, of: folder });
  }

  async #file(file: string): Promise<void> {
    const doing = `create file '${file}'`;
    const path = await this.#path(file, doing);
    const isCopied = this.#isCopyOnly(file);
    // a name that becomes that of a folder is how a template leaves a file out
    if (!isCopied && this.#meets(path, (there) => there.isDirectory())) return;
    if (!isCopied && this.#request.ifExists === 'skip-files' && this.#meets(path, () => true)) return;
    this.#insideTemplate(file);
    const { engine, root, variables } = this.#request;
    try {
      const { mode } = this.#readable(file);
      const content = readFileSync(this.#source(file));
      if (isCopied || isBinary(file, content)) this.#write(this.#target(path), content, mode);
      else {
        const rendered = await engine.renderInside(root, decodeText(content), variables, file);
        const end = this.#request.lineEnd ?? lineEnd(content);
        this.#write(this.#target(path), end === '\n' ? rendered : rendered.replaceAll('\n', end), mode);
      }
    } catch (thrown) {
      throw faultAt(doing, thrown, variables);
    }
    this.steps.push({ makes: isCopied ? 'copied-file' : 'file', path, of: file });
  }

  #write(target: string, content: Buffer | string, mode: number): void {
    writeFileSync(target, content);
    chmodSync(target, mode & 0o7777);
    this.fileCount += 1;
  }

  /** Whether what is staged, or already there in the project, is of that kind. */
  #meets(path: string, is: (there: Stats) => boolean): boolean {
    const { existing, staged } = this.#request;
    return [staged, existing].some((folder) => {
      const there = folder === undefined ? undefined : statOf(join(folder, path));
      return there !== undefined && is(there);
    });
  }

  /** The rendered name, relative to the project. */
  async #path(path: string, doing: string): Promise<string> {
    const { engine, root, variables } = this.#request;
    let name: string;
    try {
      name = await engine.renderInside(root, path, variables);
    } catch (thrown) {
      throw faultAt(doing, thrown, variables);
    }
    const inside = normalize(name === '' ? '.' : name);
    if (inside.startsWith(sep) || inside === '..' || inside.startsWith(`..${sep}`) || inside.includes('\0'))
      throw pathRefused(path, name);
    return inside.replace(/\/+$/, '');
  }

  #source(path: string): string {
    return join(this.#request.root, path);
  }

  #target(path: string): string {
    return join(this.#request.staged, path);
  }

  #isFolder(path: string): boolean {
    return statOf(this.#source(path))?.isDirectory() === true;
  }

  /** What can be read to its end: a pipe or a device can't. */
  #readable(path: string): Stats {
    const there = statSync(this.#source(path));
    if (!there.isFile()) throw templateInvalid(path, 'it is neither a file nor a folder nor a link to one');
    return there;
  }

  /** A link of a template must not bring in what lies outside of the template's repository. */
  #insideTemplate(path: string): void {
    let real: string;
    try {
      real = realpathSync(this.#source(path));
    } catch (thrown) {
      throw faultAt(`create file '${path}'`, thrown, this.#request.variables);
    }
    if (real !== this.#allowed && !real.startsWith(this.#allowed + sep)) {
      const link = lstatSync(this.#source(path)).isSymbolicLink() ? readlinkSync(this.#source(path)) : real;
      throw linkRefused(path, link);
    }
  }

  #isCopyOnly(path: string): boolean {
    return this.#request.copyOnly.some((pattern) => matchesPattern(path, pattern));
  }
}

/** The repository that a template's folder belongs to; the folder itself when it is in none. */
function repositoryOf(folder: string): string {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) if (existsSync(join(at, '.git'))) return at;
  return folder;
}

const statOf = (path: string): Stats | undefined => {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // a link in a circle, or a name below a file: nothing is there
    return undefined;
  }
};

const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
