import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../../platform/clock.ts';
import { judgeAges, withAges, type MeasuredAge } from './age-check.ts';
import type { ContractReport } from './contract-api.ts';
import { belongs, dataFiles, folderOf, relativePath } from './contract-files.ts';
import { readContract, type Contract } from './contract.ts';
import { rowRulesOf } from './row-rules.ts';
import { checkTables, type Findings } from './table-check.ts';

/** part of the memory's key: another version of the rules' SQL must check again */
const engineVersion = 3;

export interface CheckedDataset {
  readonly name: string;
  /** absolute */
  readonly path: string;
  /** absolute */
  readonly contract: string;
}

/** Where a check runs. */
export interface CheckPlace {
  /** absolute; paths in the report are relative to it, and ignore rules begin there */
  readonly root: string;
  /** folder that keeps what was found; undefined outside a repository */
  readonly state?: string | undefined;
}

interface Kept {
  readonly findings: Findings;
  readonly ages: readonly MeasuredAge[];
}

/**
 * Checks a dataset version against its contract: one query for all rules of a table, a second one only for examples
 * of what failed. The same data and the same contract are not read twice; ages are judged anew each time.
 *
 * @throws DATA_CONTRACT_INVALID
 */
export async function checkContract(
  place: CheckPlace,
  dataset: CheckedDataset,
  md5: string,
  now: Instant = Date.now(),
): Promise<ContractReport & { readonly isRemembered: boolean }> {
  const contractText = readFileSync(dataset.contract, 'utf8');
  const contractHash = createHash('sha256').update(contractText).digest('hex');
  const head = {
    dataset: dataset.name,
    contract: relativePath(place.root, dataset.contract),
    contractHash,
    md5,
  };
  const contract = readContract(contractText, head.contract);
  const folder = place.state === undefined ? undefined : join(place.state, 'checks');
  const file =
    folder === undefined ? undefined : join(folder, `${md5}-${contractHash}-${engineVersion}.json`);
  const remembered = file === undefined ? undefined : readKept(file);
  const kept = remembered ?? (await checkTables(contract, head.contract, dataset.path, place.root));
  if (remembered === undefined && folder !== undefined && file !== undefined) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, JSON.stringify(kept));
  }
  const ages = judgeAges(
    contract.tables,
    kept.ages,
    (table) => fileTimes(contract, table, dataset.path, place.root),
    now,
  );
  const report = withAges(
    { ...head, ...kept.findings, notChecked: [...contract.notChecked], rowRules: rowRulesOf(contract) },
    ages,
  );
  return { ...report, isRemembered: remembered !== undefined };
}

function readKept(file: string): Kept | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept;
  } catch {
    // a file that was being written when the machine stopped: check again
    return undefined;
  }
}

/** When the files of a table were written, ms. */
function fileTimes(contract: Contract, table: string, path: string, root: string): number[] {
  const pattern = contract.tables.find(({ name }) => name === table)?.files;
  const folder = folderOf(path);
  return dataFiles(path, root)
    .filter((file) => pattern === undefined || belongs(relativePath(folder, file), pattern))
    .map((file) => statSync(file).mtimeMs);
}
