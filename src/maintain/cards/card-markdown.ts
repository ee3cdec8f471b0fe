import { stringify } from 'yaml';
import { shellWord } from '../../platform/shell.ts';
import type { CardEvidence, CardPart } from './card-api.ts';
import type { CardFacts } from './card-facts.ts';
import { day, type ComposedCard } from './card.ts';
import { notSaid } from './card-words.ts';

/** Names under which the Hugging Face hub knows metrics. */
const hubMetrics: Readonly<Record<string, string>> = {
  auc: 'roc_auc',
  roc_auc_score: 'roc_auc',
  brier: 'brier_score',
  brier_score_loss: 'brier_score',
  accuracy_score: 'accuracy',
  f1_score: 'f1',
};
const hubName = (metric: string): string => hubMetrics[metric] ?? metric;

const hubTasks: Readonly<Record<string, string>> = { 'binary-classification': 'tabular-classification' };

/**
 * What the Hugging Face hub reads of a card: licence, tags, metrics and results with where they were measured.
 *
 * @see https://github.com/huggingface/hub-docs/blob/main/modelcard.md
 */
export function frontMatterOf({ version, declared, run, dataset, windows, words }: CardFacts): Record<string, unknown> {
  const task = hubTasks[declared?.model.task ?? ''] ?? 'tabular-classification';
  const asked = new Set(declared?.model.gate.flatMap((condition) => ('metric' in condition ? [condition.metric] : [])) ?? []);
  const measured = run?.metrics.filter((metric) => Number.isFinite(metric.value) && (asked.size === 0 || asked.has(metric.key))) ?? [];
  const last = windows.findLast((window) => window.state === 'known' && window.variant === 'champion');
  const taskOf = { type: task, name: (declared?.model.task ?? task).replaceAll('-', ' ') };
  const evaluated =
    run === undefined || measured.length === 0
      ? []
      : [
          {
            task: taskOf,
            dataset: { type: dataset?.name ?? run.name, name: `${dataset?.name ?? 'data'} (as run ${run.name} measured)`, ...(dataset === undefined ? {} : { revision: dataset.md5 }) },
            metrics: measured.map((metric) => ({ type: hubName(metric.key), name: metric.key, value: metric.value })),
          },
        ];
  const inProduction =
    last === undefined
      ? []
      : [
          {
            task: taskOf,
            dataset: { type: 'production', name: `answers of ${day(last.windowStart)} to ${day(last.windowEnd)}` },
            metrics: Object.entries(last.metrics).map(([name, { value }]) => ({ type: hubName(name), name, value })),
          },
        ];
  const results = [...evaluated, ...inProduction];
  return {
    license: (words.get('Licence') ?? 'unknown').toLowerCase().replace(/[.\s]+$/, ''),
    pipeline_tag: task,
    tags: [task, 'tilth', ...(version.engine === 'onnx' ? ['onnx'] : []), ...version.aliases],
    metrics: [...new Set(results.flatMap((result) => result.metrics.map((metric) => metric.type)))],
    ...(results.length === 0 ? {} : { 'model-index': [{ name: version.model, results }] }),
  };
}

/** The card as one Markdown document; a person's words stand where `readWords` finds them again. */
export function writeCard(facts: CardFacts, card: ComposedCard, digest: string): string {
  const { model, version } = facts.version;
  const frontMatter = { ...frontMatterOf(facts), tilth: { model, version, digest } };
  const head = [
    `---\n${stringify(frontMatter, { lineWidth: 0, aliasDuplicateObjects: false })}---`,
    `# Model card: ${model}`,
    `Version ${version}. Computed from what was recorded; lines with a bold word are what a person says, in MODEL_CARD.md. Write it again with \`tilth model card ${shellWord(model)} ${version} --out MODEL_CARD.md\`.`,
    ...(card.staleBecause === null ? [] : [`> **Not up to date.** ${card.staleBecause}.`]),
  ];
  return `${[...head, ...card.parts.map(writePart)].join('\n\n')}\n`;
}

const writePart = ({ title, facts }: CardPart): string =>
  [
    `## ${title}\n`,
    ...facts.map(({ label, text, evidence }) =>
      label === null ? `- ${text}${evidence === null ? '' : ` *(${evidenceText(evidence)})*`}` : `- **${label}**: ${text.startsWith(notSaid) ? `_${text}_` : text}`,
    ),
  ].join('\n');

/** Where to look: what it is, its id as far as one needs to find it, who and when. */
export function evidenceText({ kind, id, by, at }: CardEvidence): string {
  const shortId = /^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id;
  return [`${kind.replace('-', ' ')} ${shortId}`, ...(by === null ? [] : [`by ${by}`]), ...(at === null ? [] : [new Date(at).toISOString().slice(0, 16).replace('T', ' ')])].join(', ');
}
