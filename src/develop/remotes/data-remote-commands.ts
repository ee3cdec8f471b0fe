import type { Command } from 'commander';
import { dvcGroup } from '../dvc-files/dvc-dialect.ts';
import { dvcDialect, tilthDialect } from './dialect.ts';
import { addImportVerbs } from './import-commands.ts';
import { addSettingsVerbs } from './settings-commands.ts';
import { addTransferVerbs, type CheckOut } from './transfer-commands.ts';

/** Adds to `tilth data` what has to do with other places. */
export function addDataRemoteCommands(program: Command, checkOut: CheckOut): void {
  const data = program.commands.find((one) => one.name() === 'data') ?? program.command('data');
  addSettingsVerbs(data, tilthDialect);
  addTransferVerbs(data, tilthDialect, checkOut);
  addImportVerbs(data, tilthDialect);
}

/** The same under dvc's names. */
export function addDvcRemoteCommands(program: Command, checkOut: CheckOut): void {
  const dvc = dvcGroup(program);
  addSettingsVerbs(dvc, dvcDialect);
  addTransferVerbs(dvc, dvcDialect, checkOut);
  addImportVerbs(dvc, dvcDialect);
}
