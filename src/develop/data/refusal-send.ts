import { call } from '../../platform/client.ts';
import { TilthError } from '../../platform/errors.ts';
import type { CommonFlags } from '../../platform/terminal.ts';
import { contractReport, type ContractReport } from '../contracts/contract-api.ts';
import { declaredDatasets } from '../contracts/declared-datasets.ts';
import { isMaskedClass, maskReport } from '../contracts/masking.ts';

/**
 * Tells the server that data was refused because it breaks its contract, without the values of classified columns; a
 * server that is away misses it.
 *
 * @returns never: throws what it was given
 */
export async function toldRefusal(flags: CommonFlags, folder: string, reason: unknown): Promise<never> {
  if (reason instanceof TilthError && reason.code === 'DATA_CONTRACT_BROKEN') {
    const report = contractReport.safeParse(reason.details);
    if (report.success) await send(flags, folder, report.data).catch(() => undefined);
  }
  throw reason;
}

async function send(flags: CommonFlags, folder: string, report: ContractReport): Promise<void> {
  const dataset = (await declaredDatasets(folder)).find(({ name }) => name === report.dataset);
  if (dataset === undefined) return;
  const hidden = report.columns.filter((column) =>
    isMaskedClass(column.classification ?? dataset.classification),
  );
  const masked = maskReport(report, new Set(hidden.map(({ name }) => name)));
  await call(flags, 'POST', `/api/v1/datasets/${encodeURIComponent(report.dataset)}/refusals`, {
    report: masked,
  });
}
