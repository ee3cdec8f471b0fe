import { existsSync, readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { resolveTarget } from './check-datasets.ts';
import { contractMissingAt, noContract } from './contract-errors.ts';
import { readContract } from './contract.ts';
import type { ExportFormat } from './export-formats.ts';
import { datasetCard } from './export-card.ts';
import { croissantOf } from './export-croissant.ts';
import { frictionlessOf } from './export-frictionless.ts';
import { describe } from './export-parts.ts';

/**
 * A dataset's contract in another language.
 *
 * @param asked a dataset's name or a path
 * @throws DATA_CONTRACT_MISSING, DATA_PATH_MISSING, DATA_CONTRACT_INVALID
 */
export async function exportContract(folder: string, asked: string, format: ExportFormat): Promise<string> {
  const target = await resolveTarget(folder, asked);
  if (target.contract === undefined) throw noContract(target.name);
  if (!existsSync(target.contract)) throw contractMissingAt(target.name, target.contract);
  const text = readFileSync(target.contract, 'utf8');
  const contract = readContract(text, target.contract);
  if (format === 'odcs') return stringify(contract.text, { indentSeq: false, lineWidth: 110 });
  const described = describe(target.name, contract, target.path, target.contract, target.declared);
  if (format === 'card') return datasetCard(described);
  const today = new Date().toISOString().slice(0, 10);
  return JSON.stringify(
    format === 'croissant' ? await croissantOf(described, today) : frictionlessOf(described),
    null,
    2,
  );
}
