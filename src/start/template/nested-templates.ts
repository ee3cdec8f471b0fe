import { isAbsolute, normalize, resolve, sep } from 'node:path';
import { contextFile, readContext, type Ask } from './context.ts';
import { str } from './jinja/values.ts';
import { answerRefused, templateInvalid } from './template-errors.ts';

/** One of several templates in a repository. */
export interface NestedTemplate {
  readonly key: string;
  readonly title: string;
  readonly description: string;
  /** as the list has it, relative to the folder of the list */
  readonly path: string;
}

/**
 * A repository of several templates lists them under `templates`, or in the old way under `template`.
 *
 * @param wanted path of the template, where it is known already and nobody needs to be asked
 * @returns the folder of the chosen one, which may hold a list again; the folder itself when it is a plain template
 * @throws TEMPLATE_INVALID for a path that leads out of the repository, TEMPLATE_ANSWER_REFUSED
 */
export async function chooseNested(
  templateFolder: string,
  ask: Ask | undefined,
  wanted?: string,
): Promise<string> {
  const options = nestedTemplates(templateFolder);
  const [first] = options;
  if (first === undefined) return templateFolder;
  const chosen =
    wanted === undefined
      ? ((await asked(options, ask)) ?? first)
      : options.find((each) => leadsTo(each, wanted));
  if (chosen === undefined)
    throw answerRefused(
      `There is no template ${wanted ?? ''}; there are ${options.map((each) => normalize(each.path)).join(', ')}.`,
    );
  const folder = resolve(templateFolder, chosen.path);
  if (isAbsolute(chosen.path) || !folder.startsWith(resolve(templateFolder) + sep))
    throw templateInvalid(contextFile, `${JSON.stringify(chosen.path)} is not a folder of this repository`);
  return folder;
}

async function asked(
  options: readonly NestedTemplate[],
  ask: Ask | undefined,
): Promise<NestedTemplate | undefined> {
  if (ask === undefined) return undefined;
  const labels = options.map(({ title, description }) =>
    description === title ? title : `${title} (${description})`,
  );
  const about = { name: 'templates', options: options.map((each) => each.key), canGoBack: false };
  return options[await ask.choice('Select a template', labels, about)];
}

const leadsTo = ({ path }: NestedTemplate, wanted: string): boolean =>
  `${normalize(wanted)}/`.startsWith(`${normalize(path).replace(/\/$/, '')}/`);

/** The templates that a folder's cookiecutter.json lists; none when it is a template itself. */
export function nestedTemplates(templateFolder: string): NestedTemplate[] {
  const context = readContext(templateFolder);
  const templates = context.get('templates');
  if (templates instanceof Map) {
    return [...templates].map(([key, item]) => {
      const field = (name: string): string => (item instanceof Map ? str(item.get(name) ?? '') : '');
      return {
        key: str(key),
        title: field('title') || str(key),
        description: field('description') || str(key),
        path: field('path'),
      };
    });
  }
  const template = context.get('template');
  if (!Array.isArray(template)) return [];
  return template.map(str).map((text) => ({
    key: text,
    title: text,
    description: text,
    path: /\((.+)\)/.exec(text)?.[1] ?? '',
  }));
}
