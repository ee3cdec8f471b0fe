import { distinctUpTo, rangeOf, sharesInBins, sharesOfPooledBins, sturgesEdges } from '../statistics/bins.ts';
import type { Column } from './column.ts';
import type { ColumnDrift } from './drift.ts';
import type { DriftReport } from './drift-files.ts';
import { CategoricalPair, methodOf, type DriftMethod } from './methods.ts';

interface Picture {
  readonly labels: readonly string[];
  readonly reference: readonly number[];
  readonly current: readonly number[];
}

const mostBars = 16;

/** One HTML file that needs nothing else: no script, no font, no address. */
export class DriftPage {
  readonly #reference: string;
  readonly #current: string;
  readonly #pictures = new Map<string, Picture>();

  constructor(reference: string, current: string) {
    this.#reference = reference;
    this.#current = current;
  }

  add(name: string, reference: Column, current: Column): void {
    const picture = pictureOf(reference, current);
    if (picture !== undefined) this.#pictures.set(name, picture);
  }

  write(report: DriftReport): string {
    const columns = Object.entries(report.columns).toSorted(
      ([, left], [, right]) => Number(hasDrifted(right)) - Number(hasDrifted(left)),
    );
    const { drifted, columns: count, dataset_drift: isWhole } = report.dataset;
    return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drift: ${text(this.#current)}</title><style>${style}</style></head><body>
<header><p class="names"><span class="before">${text(this.#reference)}</span><span>${report.rows.reference.toLocaleString('en')} rows</span>
<span class="now">${text(this.#current)}</span><span>${report.rows.current.toLocaleString('en')} rows</span></p>
<h1>${drifted} of ${count} columns drifted</h1>
<p>${isWhole ? 'The data set has drifted as a whole.' : 'The data set has not drifted as a whole.'} Decided ${report.rule === 'evidently' ? 'as Evidently does' : 'by a distance that matters and a test that it is no chance'}.</p></header>
${violations(report)}${together(report)}
<main>${columns.map(([name, drift]) => this.#column(name, drift)).join('\n')}
${Object.entries(report.texts)
  .map(([name, found]) => textColumn(name, found))
  .join('\n')}</main></body></html>
`;
  }

  #column(name: string, drift: ColumnDrift): string {
    const verdict = drift.default;
    const picture = this.#pictures.get(name);
    const scores = Object.entries(drift.scores).map(([method, score]) => {
      const told =
        score === null || score === undefined
          ? 'not told'
          : 'value' in score
            ? short(score.value)
            : `${short(score.statistic)}, p ${short(score.pvalue)}`;
      return `<tr${method === verdict?.method ? ' class="decides"' : ''}><td>${text(methodOf(method as DriftMethod).title)}</td><td>${told}</td></tr>`;
    });
    return `<section class="${hasDrifted(drift) ? 'drifted' : 'calm'}"><h2>${text(name)}</h2><p>${verdict === null ? 'no values' : hasDrifted(drift) ? 'drifted' : 'no drift'}</p>
${picture === undefined ? '' : bars(picture)}
<table>${scores.join('')}<tr><td>missing</td><td>${drift.missing_ref} → ${drift.missing_cur}</td></tr></table></section>`;
  }
}

const hasDrifted = (drift: ColumnDrift): boolean => drift.default?.drifted === true;

function pictureOf(reference: Column, current: Column): Picture | undefined {
  if (reference.kind === 'num' && current.kind === 'num') {
    if (reference.sorted.length === 0 || current.sorted.length === 0) return undefined;
    const few = distinctUpTo(reference.sorted, mostBars);
    if (few !== null && distinctUpTo(current.sorted, mostBars) !== null) {
      const shares = sharesOfPooledBins(reference.sorted, current.sorted);
      const values = [...new Set([...few, ...current.sorted])].sort((left, right) => left - right);
      return { labels: values.map(short), reference: [...shares.reference], current: [...shares.current] };
    }
    const [low, high] = rangeOf(reference.sorted, current.sorted);
    const edges = sturgesEdges(low, high, 2 ** (mostBars - 1));
    return {
      labels: Array.from(
        edges.slice(0, -1),
        (edge, bin) => `${short(edge)} to ${short(edges[bin + 1] ?? edge)}`,
      ),
      reference: [...sharesInBins(reference.sorted, edges)],
      current: [...sharesInBins(current.sorted, edges)],
    };
  }
  if (reference.kind !== 'cat' || current.kind !== 'cat') return undefined;
  const pair = new CategoricalPair(reference, current);
  const ranked = [...pair.values.keys()]
    .toSorted((left, right) => weight(pair, right) - weight(pair, left))
    .slice(0, mostBars);
  return {
    labels: ranked.map((at) => pair.values[at] ?? ''),
    reference: ranked.map((at) => pair.shares.reference[at] ?? 0),
    current: ranked.map((at) => pair.shares.current[at] ?? 0),
  };
}

const weight = (pair: CategoricalPair, at: number): number =>
  (pair.shares.reference[at] ?? 0) + (pair.shares.current[at] ?? 0);

/** Two bars a bin, side by side; each says on pointing what it is. */
function bars({ labels, reference, current }: Picture): string {
  const [width, height] = [320, 96];
  const highest = Math.max(...reference, ...current) || 1;
  const step = width / Math.max(1, labels.length);
  const bar = (share: number, x: number, side: string, label: string): string => {
    const tall = (share / highest) * (height - 4);
    return `<rect class="${side}" x="${x.toFixed(1)}" y="${(height - tall).toFixed(1)}" width="${(step * 0.4).toFixed(1)}" height="${tall.toFixed(1)}"><title>${text(label)}: ${(share * 100).toFixed(1)} %</title></rect>`;
  };
  const drawn = labels.map(
    (label, at) =>
      bar(reference[at] ?? 0, at * step + step * 0.08, 'before', label) +
      bar(current[at] ?? 0, at * step + step * 0.52, 'now', label),
  );
  const ends =
    labels.length < 2
      ? ''
      : `<p class="ends"><span>${text(labels[0] ?? '')}</span><span>${text(labels.at(-1) ?? '')}</span></p>`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="shares before and now">${drawn.join('')}</svg>${ends}`;
}

const violations = ({ violations: all }: DriftReport): string =>
  all.length === 0
    ? ''
    : `<section class="wide"><h2>What breaks with the reference</h2><table>${all.map(({ check, column, message }) => `<tr><td>${check}</td><td>${text(column)}</td><td>${text(message)}</td></tr>`).join('')}</table></section>`;

function together({ multivariate }: DriftReport): string {
  if (multivariate === undefined) return '';
  if (multivariate === null)
    return '<section class="wide"><h2>All columns together</h2><p>Too few rows to tell.</p></section>';
  const tellers = multivariate.tellers
    .slice(0, 8)
    .map(({ name, share }) => `<tr><td>${text(name)}</td><td>${(share * 100).toFixed(0)} %</td></tr>`);
  return `<section class="wide"><h2>All columns together</h2><p>A classifier tells the sides apart with an area of ${short(multivariate.auc)} (0.5 is a guess): ${multivariate.drifted ? 'drifted' : 'no drift'}. What told them:</p><table>${tellers.join('')}</table></section>`;
}

function textColumn(name: string, found: DriftReport['texts'][string] | undefined): string {
  if (found === null || found === undefined)
    return `<section class="calm"><h2>${text(name)}</h2><p>too few texts to tell</p></section>`;
  const words = found.tellers.map(({ name: word }) => text(word)).join(', ');
  return `<section class="${found.drifted ? 'drifted' : 'calm'}"><h2>${text(name)}</h2><p>${found.drifted ? 'drifted' : 'no drift'}</p><table><tr><td>area by its words</td><td>${short(found.auc)}, p ${short(found.pvalue)}</td></tr><tr><td>words that moved</td><td>${words}</td></tr></table></section>`;
}

const short = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : value.toPrecision(3);

const text = (raw: string): string =>
  raw
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

const style = `:root{color-scheme:light dark;--ink:#1d2421;--soft:#5c6661;--line:#d9dedb;--paper:#fbfbf9;--card:#fff;--before:#8aa399;--now:#c2410c}
@media(prefers-color-scheme:dark){:root{--ink:#e8ece9;--soft:#9aa59f;--line:#33403a;--paper:#141917;--card:#1b221f;--before:#6f8a7f;--now:#f08a52}}
*{box-sizing:border-box}body{margin:0 auto;max-width:76rem;padding:2rem 1rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
h1{margin:.2rem 0;font-size:1.6rem}h2{margin:0;font-size:1rem;overflow-wrap:anywhere}header p{margin:.2rem 0;color:var(--soft)}
.names{display:flex;flex-wrap:wrap;gap:.2rem 1rem}.names .before::before,.names .now::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.4em;border-radius:2px;background:var(--before)}.names .now::before{background:var(--now)}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:1rem;margin-top:1rem}
section{padding:1rem;border:1px solid var(--line);border-radius:8px;background:var(--card)}section.wide{margin-top:1rem;overflow-x:auto}section>p{margin:.1rem 0 .5rem;color:var(--soft)}section.drifted>p:first-of-type{color:var(--now);font-weight:600}
svg{width:100%;height:auto;border-bottom:1px solid var(--line)}rect.before{fill:var(--before)}rect.now{fill:var(--now)}
.ends{display:flex;justify-content:space-between;gap:1rem;margin:0;font-size:.75rem}.ends span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
table{width:100%;margin-top:.6rem;border-collapse:collapse;font-size:.82rem}td{padding:.15rem .4rem .15rem 0;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}td+td{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}.wide td+td{text-align:left;white-space:normal}tr.decides td{font-weight:600}`;
