/** The numbers of a version, `3.11.1` as [3, 11, 1]; what follows the numbers is left out. */
const numbers = (version: string): number[] =>
  (/\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);

/** Negative when `one` is older than `other`; missing numbers count as 0. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [numbers(one), numbers(other)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The version after the one given at `depth` numbers: of 1.2.3 at depth 2 that is 1.3. */
const next = (version: string, depth: number): string => {
  const kept = numbers(version).slice(0, depth);
  while (kept.length < depth) kept.push(0);
  kept[depth - 1] = (kept[depth - 1] ?? 0) + 1;
  return kept.join('.');
};

const padded = (version: string, length: number): string => {
  const parts = version.split('.');
  while (parts.length < length) parts.push('0');
  return parts.join('.');
};

/**
 * A constraint in Poetry's words as PEP 440 has it: `^1.2` is `>=1.2,<2.0`.
 *
 * @returns undefined where PEP 440 can't say it (`||`) or it isn't understood
 * @see https://python-poetry.org/docs/dependency-specification/
 */
export function asPep440(constraint: string): string | undefined {
  const text = constraint.trim();
  if (text === '*' || text === '') return '';
  const parts = text.split(/\s*,\s*|\s+(?=[<>=!~^])/).map(onePart);
  return parts.some((part) => part === undefined) ? undefined : parts.join(',');
}

function onePart(part: string): string | undefined {
  const [, operator = '', version = ''] =
    /^(\^|~=|~|==|!=|>=|<=|>|<|=)?\s*(v?[\w.*+!-]+)$/.exec(part.trim()) ?? [];
  if (version === '') return undefined;
  const plain = /^\d+(?:\.\d+)*$/.test(version);
  if (operator === '^' || operator === '~') {
    if (!plain) return undefined;
    const given = numbers(version);
    const firstNonZero = given.findIndex((number) => number !== 0);
    const caret = firstNonZero === -1 ? given.length : firstNonZero + 1;
    const upper = next(version, operator === '^' ? caret : Math.min(given.length, 2));
    return `>=${version},<${padded(upper, given.length)}`;
  }
  if (version.endsWith('.*')) {
    if (operator !== '' && operator !== '==' && operator !== '=' && operator !== '!=') return undefined;
    return `${operator === '!=' ? '!=' : '=='}${version}`;
  }
  if (version.includes('*') || !/^v?\d/.test(version)) return undefined;
  return `${operator === '' || operator === '=' ? '==' : operator}${version}`;
}

/** Whether a version of so many numbers lies in the range; undefined when the range isn't understood. */
export function isWithin(version: string, constraint: string): boolean | undefined {
  const range = constraint.includes('||') ? undefined : asPep440(constraint);
  if (range === undefined) return undefined;
  if (range === '') return true;
  for (const part of range.split(',')) {
    const [, operator = '', bound = ''] = /^(~=|==|!=|>=|<=|>|<)(.*)$/.exec(part) ?? [];
    const wildcard = bound.endsWith('.*');
    const length = wildcard ? bound.split('.').length - 1 : 9;
    const order = compareVersions(version.split('.').slice(0, length).join('.'), bound);
    const holds =
      operator === '>=' || operator === '~='
        ? order >= 0
        : operator === '<='
          ? order <= 0
          : operator === '>'
            ? order > 0
            : operator === '<'
              ? order < 0
              : operator === '!='
                ? order !== 0
                : order === 0;
    if (!holds) return false;
    if (operator === '~=' && compareVersions(version, next(bound, bound.split('.').length - 1)) >= 0)
      return false;
  }
  return true;
}

/** The oldest version that a constraint lets in, where it says so. */
export function lowestOf(constraint: string): string | undefined {
  const range = asPep440(constraint.split('||')[0] ?? '');
  return /(?:>=|==|~=)(\d[\d.]*)/.exec(range ?? '')?.[1];
}
