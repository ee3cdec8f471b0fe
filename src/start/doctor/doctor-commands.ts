import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import pc from 'picocolors';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { findUp } from '../../platform/home.ts';
import { exitCodes, note, print, usage } from '../../platform/terminal.ts';
import { declarationFile } from '../project/declaration-file.ts';
import type { Check, Finding, ProposedFix, Severity } from './doctor.ts';
import type { MachineFact } from './machine.ts';
import type { FileChange, ProjectFiles } from './project-files.ts';

interface DoctorFlags extends CommonFlags {
  readonly fix?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** What `--json` prints. */
interface Report {
  readonly folder: string;
  readonly machine: readonly MachineFact[];
  /** what was looked at */
  readonly checks: readonly Pick<Check, 'id' | 'title' | 'practice'>[];
  /** what is found, or what is left after `--fix` */
  readonly findings: readonly ReportedFinding[];
  readonly counts: Readonly<Record<Severity, number>>;
  /** fixes made, or with --dry-run those that would be */
  readonly fixed: readonly (ReportedFinding & { readonly diff: string })[];
  readonly isWritten: boolean;
  /** the command that takes back what was written; null when nothing was, or git can't */
  readonly undo: string | null;
}
type ReportedFinding = Omit<Finding, 'fix'> & { readonly isFixable: boolean };

/** @param loadChecks those of every practice, which only a look at a project needs */
export const doctorCommands =
  (loadChecks: () => Promise<readonly Check[]>): AddCommands =>
  (program) => {
    withCommonFlags(program.command('doctor [folder]'))
      .description('what is broken or will break in a project, why, and how to put it right')
      .option('--fix', 'put right what is safe to; shows and asks for each')
      .option('--dry-run', 'with --fix: show the changes and make none')
      .option('-y, --yes', 'with --fix: make every safe fix without asking')
      .option('--force', 'with --fix: also in files with changes that are not committed')
      .action(async (folder: string | undefined, flags: DoctorFlags) =>
        doctor(await loadChecks(), folder, flags),
      );
  };

async function doctor(
  checks: readonly Check[],
  folder: string | undefined,
  flags: DoctorFlags,
): Promise<void> {
  if (flags.fix !== true && (flags.yes === true || flags.dryRun === true || flags.force === true)) {
    throw usage('--dry-run, --yes and --force go with --fix.');
  }
  const [
    { examine },
    { ProjectFiles: Files },
    { examineMachine },
    { pyprojectOf, pythonRange },
    { folderMissing },
  ] = await Promise.all([
    import('./doctor.ts'),
    import('./project-files.ts'),
    import('./machine.ts'),
    import('./pyproject.ts'),
    import('./doctor-errors.ts'),
  ]);
  const root = resolve(folder ?? findUp(declarationFile) ?? findUp('.git') ?? '.');
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) throw folderMissing(root);
  const files = new Files(root);
  const pyproject = pyprojectOf(files);
  const asked = examineMachine(flags, pyproject === undefined ? undefined : pythonRange(pyproject));
  const repaired = flags.fix === true ? await fix(files, checks, flags) : undefined;
  const [machine, findings] = await Promise.all([asked, examine(files, checks)]);
  const found = [...machine.flatMap(machineFinding), ...findings];
  const count = (severity: Severity): number =>
    found.filter((finding) => finding.severity === severity).length;
  const report: Report = {
    folder: root,
    machine,
    checks: checks.map(({ id, title, practice }) => ({ id, title, practice })),
    findings: found.map(reported),
    counts: { error: count('error'), warning: count('warning'), info: count('info') },
    fixed: repaired?.fixed ?? [],
    isWritten: repaired?.isWritten ?? false,
    undo: repaired?.undo ?? null,
  };
  print(flags, report, text);
  if (report.counts.error > 0) process.exitCode = exitCodes.no;
}

const reported = ({ fix: made, ...finding }: Finding): ReportedFinding => ({
  ...finding,
  isFixable: made !== undefined,
});

/** Something that is needed and not there is a fault like any other; the rest is only told. */
const machineFinding = ({ name, state, says, remedy, isNeeded }: MachineFact): Finding[] =>
  state === 'good' || isNeeded !== true
    ? []
    : [
        {
          id: `machine/${name}`,
          severity: 'error',
          message: `${name}: ${says}`,
          why: 'Nothing of a project works without it.',
          remedy: remedy ?? '',
        },
      ];

interface Repaired {
  readonly fixed: readonly (ReportedFinding & { readonly diff: string })[];
  readonly isWritten: boolean;
  readonly undo: string | null;
}

async function fix(files: ProjectFiles, checks: readonly Check[], flags: DoctorFlags): Promise<Repaired> {
  const [{ repair, examine }, { ensureUndoable, undoCommand, unifiedDiff, writeChanges }, { notAgreed }] =
    await Promise.all([import('./doctor.ts'), import('./write-fixes.ts'), import('./doctor-errors.ts')]);
  const asks = flags.yes !== true && flags.dryRun !== true;
  if (asks && !(process.stdin.isTTY && process.stderr.isTTY)) {
    const fixes = (await examine(files, checks)).filter((finding) => finding.fix !== undefined);
    if (fixes.length > 0) throw notAgreed(fixes.length);
  }
  const prompts =
    asks && process.stdin.isTTY ? (await import('../terminal-prompts.ts')).terminalPrompts() : undefined;
  const fixed: (ReportedFinding & { diff: string })[] = [];
  try {
    await repair(files, checks, async ({ finding, before }: ProposedFix) => {
      const changes: FileChange[] = files.changedFiles(before);
      if (changes.length === 0) return false;
      if (flags.dryRun !== true && flags.force !== true)
        await ensureUndoable(
          files,
          changes.filter(({ path }) => !before.has(path)),
        );
      const diff = await unifiedDiff(changes);
      if (prompts !== undefined) {
        note(['', ...described(finding), '', diff].join('\n'));
        if (!(await prompts.yesNo('Make this change?', true))) return false;
      }
      fixed.push({ ...reported(finding), diff });
      return true;
    });
  } finally {
    prompts?.close();
  }
  const changes = files.changedFiles();
  if (flags.dryRun === true) return { fixed, isWritten: false, undo: null };
  writeChanges(files, changes);
  return {
    fixed,
    isWritten: changes.length > 0,
    undo: files.isRepository && changes.length > 0 ? undoCommand(files.root, changes) : null,
  };
}

const marks: Readonly<Record<Severity, string>> = {
  error: pc.red('✗'),
  warning: pc.yellow('!'),
  info: pc.dim('·'),
};

const place = ({ file, line }: Pick<Finding, 'file' | 'line'>): string =>
  file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}  `;

function described(finding: Omit<Finding, 'fix'> & { readonly isFixable?: boolean }): string[] {
  return [
    `${marks[finding.severity]} ${pc.bold(place(finding))}${finding.message} ${pc.dim(`[${finding.id}]`)}`,
    `    why: ${finding.why}`,
    `    fix: ${finding.remedy}${finding.isFixable === true ? pc.cyan(' (--fix does it)') : ''}`,
  ];
}

function text(report: Report): string[] {
  const { machine, findings, counts, fixed, isWritten, undo } = report;
  const signs = { good: pc.green('✓'), absent: pc.dim('–'), wrong: pc.yellow('!') };
  const width = Math.max(...machine.map(({ name }) => name.length));
  const lines = machine.map(
    ({ name, state, says, remedy }) =>
      `${signs[state]} ${name.padEnd(width)}  ${says}${remedy === undefined ? '' : pc.dim(` (${remedy})`)}`,
  );
  for (const { diff, ...finding } of fixed) {
    lines.push(
      '',
      `${isWritten ? 'fixed' : 'would fix'}: ${place(finding)}${finding.message} ${pc.dim(`[${finding.id}]`)}`,
    );
    if (!isWritten) lines.push(diff);
  }
  for (const finding of findings) lines.push('', ...described(finding));
  const fixable = findings.filter(({ isFixable }) => isFixable).length;
  lines.push(
    '',
    `${report.folder}: ${counts.error === 0 && counts.warning === 0 ? `healthy (looked at ${report.checks.map(({ title }) => title).join('; ')})` : `${plural(counts.error, 'error')}, ${plural(counts.warning, 'warning')}`}${counts.info === 0 ? '' : `, ${plural(counts.info, 'note')}`}`,
  );
  if (fixed.length > 0)
    lines.push(
      isWritten
        ? `${plural(fixed.length, 'fix')} made; look at git diff, then commit.${undo === null ? '' : ` To take all back: ${undo}`}`
        : `${plural(fixed.length, 'fix')} would be made: tilth doctor --fix`,
    );
  else if (fixable > 0)
    lines.push(`${fixable} can be put right: tilth doctor --fix (first look: --fix --dry-run)`);
  return lines;
}

const plural = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : word.endsWith('x') ? 'es' : 's'}`;
