import { EngineCannot, TemplateFault } from './faults.ts';
import {
  Markup,
  className,
  defined,
  iterate,
  numeric,
  str,
  truth,
  type Keywords,
  type Value,
} from './values.ts';

const parameters = [
  'entities',
  'decimal',
  'hexadecimal',
  'max_length',
  'word_boundary',
  'separator',
  'save_order',
  'stopwords',
  'regex_pattern',
  'lowercase',
  'replacements',
  'allow_unicode',
];
const spelled: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ł: 'l',
  Ł: 'L',
  þ: 'th',
  Þ: 'Th',
  ð: 'd',
  Ð: 'D',
  ı: 'i',
};

/**
 * The `slugify` filter: python-slugify with its defaults, for text in Latin letters.
 *
 * @throws EngineCannot for other scripts and for the rarer options
 */
export function slugify(of: Value, args: readonly Value[], keywords: Keywords): string {
  const option = (name: string): Value | undefined => args[parameters.indexOf(name)] ?? keywords.get(name);
  for (const rare of ['word_boundary', 'save_order', 'regex_pattern', 'allow_unicode']) {
    const value = option(rare);
    if (value !== undefined && value !== null && value !== false)
      throw new EngineCannot(`slugify with ${rare} needs Python`);
  }
  const replacements = iterate(option('replacements') ?? []).map((pair) => iterate(pair).map(str));
  const replace = (text: string): string =>
    replacements.reduce((at, [from = '', to = '']) => at.replaceAll(from, to), text);

  const given = of instanceof Markup ? defined(of) : of;
  if (typeof given !== 'string') throw new TemplateFault(`slugify takes a text, not a ${className(given)}`);
  let text = replace(given).replace(/'+/g, '-');
  text = ascii(text);
  if (/&(?:[a-zA-Z]\w*|#\d+|#x[\da-fA-F]+);/.test(text))
    throw new EngineCannot('slugify of HTML entities needs Python');
  if (truth(option('lowercase') ?? true)) text = text.toLowerCase();
  text = text
    .replace(/'+/g, '')
    .replace(/(?<=\d),(?=\d)/g, '')
    .replace(/[^-a-zA-Z0-9]+/g, '-');
  text = trimDashes(text.replace(/-{2,}/g, '-'));

  const stopwords = iterate(option('stopwords') ?? []).map((word) => str(word).toLowerCase());
  if (stopwords.length > 0)
    text = text
      .split('-')
      .filter((word) => !stopwords.includes(word))
      .join('-');
  text = replace(text);
  const limit = numeric(option('max_length') ?? 0)?.value ?? 0;
  if (limit > 0 && text.length > limit) text = trimDashes(text.slice(0, limit));
  const separator = str(option('separator') ?? '-');
  return separator === '-' ? text : text.replaceAll('-', separator);
}

const trimDashes = (text: string): string => text.replace(/^-+|-+$/g, '');

function ascii(text: string): string {
  const plain = text.normalize('NFKD').replace(/[\u0300-\u036f]/g, '');
  return plain.replace(/[\u0080-\uffff]/g, (character) => {
    const spelling = spelled[character];
    if (spelling === undefined) throw new EngineCannot(`slugify of '${character}' needs Python`);
    return spelling;
  });
}
