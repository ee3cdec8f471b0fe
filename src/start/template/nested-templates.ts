import { resolve, sep } from 'node:path';
import { contextFile, readContext, type Ask } from './context.ts';
import { str, type Value } from './jinja/values.ts';
import { templateInvalid } from './template-errors.ts';

/**
 * A repository of several templates lists them under `templates`, or in the old way under `template`.
 *
 * @returns the folder of the chosen one, which may hold a list again; the folder itself when it is a plain template
 * @throws TEMPLATE_INVALID for a path that leads out of the repository
 */
export async function chooseNested(templateFolder: string, ask: Ask | undefined): Promise<string> {
  const context = readContext(templateFolder);
  const options = nestedOf(context.get('templates'), context.get('template'));
  if (options.length === 0) return templateFolder;
  const chosen =
    options[
      ask === undefined
        ? 0
        : await ask.choice(
            'Which template?',
            options.map((option) => option.label),
          )
    ];
  const path = chosen?.path ?? '';
  const folder = resolve(templateFolder, path);
  if (path === '' || !folder.startsWith(resolve(templateFolder) + sep))
    throw templateInvalid(contextFile, `${JSON.stringify(path)} is not a folder of this repository`);
  return folder;
}

function nestedOf(
  templates: Value | undefined,
  template: Value | undefined,
): { label: string; path: string }[] {
  if (templates instanceof Map) {
    return [...templates].map(([key, item]) => {
      const field = (name: string): string => (item instanceof Map ? str(item.get(name) ?? '') : '');
      const title = field('title') || str(key);
      const description = field('description');
      return {
        label: description === '' || description === title ? title : `${title} (${description})`,
        path: field('path'),
      };
    });
  }
  if (!Array.isArray(template)) return [];
  return template.map((each) => ({
    label: str(each),
    path: /\((.+)\)/.exec(str(each))?.[1] ?? '',
  }));
}
