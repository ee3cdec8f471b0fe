import { customOf, ownerOf, type Described, type DescribedTable } from './export-parts.ts';

/** The dataset as a page for people, in Markdown: whose it is, what is in it, what holds of it, what it is not for. */
export function datasetCard(described: Described): string {
  const { contract, tables, licence, owner, classification, description } = described;
  const { text } = contract;
  const told = typeof text.description === 'object' ? text.description : {};
  const source = customOf(contract, 'source');
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Owner', owner ?? ownerOf(contract)],
    ['Licence', licence],
    ['Classification', classification],
    ['Contract', `${contract.id}, version ${text.version} (${text.status})`],
    ['Source', source],
  ];
  return [
    `# ${described.name}`,
    ...(description === undefined ? [] : ['', description.trim()]),
    '',
    ...facts.flatMap(([name, value]) => (value === undefined ? [] : [`- **${name}**: ${value}`])),
    ...(told.usage === undefined ? [] : ['', '## How to use it', '', told.usage.trim()]),
    ...(told.limitations === undefined ? [] : ['', '## What it is not', '', told.limitations.trim()]),
    ...tables.flatMap((one) => tableLines(one, described)),
    ...personalLines(tables),
    ...(contract.notChecked.length === 0
      ? []
      : ['', '## Promised, not checked', '', ...contract.notChecked.map((one) => `- ${one}`)]),
    '',
  ].join('\n');
}

function tableLines({ table, files }: DescribedTable, { contract }: Described): string[] {
  const rules = contract.tables.find(({ name }) => name === table.name)?.rules ?? [];
  const ages = contract.tables.find(({ name }) => name === table.name)?.ages ?? [];
  return [
    '',
    `## ${table.name}`,
    ...(table.description === undefined ? [] : ['', table.description.trim()]),
    '',
    `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${files.reduce((sum, { size }) => sum + size, 0)} bytes.`,
    '',
    '| column | type | classification | meaning |',
    '|---|---|---|---|',
    ...table.properties.map(
      (one) =>
        `| ${cell(one.name)} | ${one.logicalType ?? ''} | ${one.classification ?? ''} | ${cell(one.description ?? '')} |`,
    ),
    '',
    '### What holds of every version',
    '',
    ...[...rules, ...ages].map(
      ({ id, description, severity }) =>
        `- \`${id}\`: ${description}${severity === 'warning' ? ' (warns only)' : ''}`,
    ),
  ];
}

function personalLines(tables: readonly DescribedTable[]): string[] {
  const personal = tables.flatMap(({ table }) =>
    table.properties
      .filter((one) => one.classification === 'pii' || one.classification === 'special-category')
      .map((one) => `- ${table.name}.${one.name} (${one.classification ?? ''})`),
  );
  return personal.length === 0 ? [] : ['', '## Personal data', '', ...personal];
}

const cell = (text: string): string =>
  text
    .replaceAll('|', String.raw`\|`)
    .replace(/\s+/g, ' ')
    .trim();
