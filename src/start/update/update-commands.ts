import { resolve } from 'node:path';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { exitCodes, note, print, usage } from '../../platform/terminal.ts';
import type { Adoption } from './adopt-api.ts';
import type { FileChange, UpdatePlan, UpdateResult } from './update-api.ts';

interface TemplateFlags extends CommonFlags {
  readonly checkout?: string;
  readonly acceptHooks: string;
  readonly configFile?: string;
  readonly defaultConfig?: boolean;
}

interface AdoptFlags extends TemplateFlags {
  readonly directory?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly seconds: string;
}

interface DiffFlags extends TemplateFlags {
  readonly exitCode?: boolean;
  readonly reverse?: boolean;
}

interface UpdateFlags extends TemplateFlags {
  readonly input: boolean;
  readonly dryRun?: boolean;
  readonly branch?: string;
  readonly allowConflicts?: boolean;
  readonly verbose?: boolean;
  readonly continue?: boolean;
  readonly abort?: boolean;
}

export const addTemplateCommands: AddCommands = (program) => {
  const template = program
    .command('template')
    .description('what a project has from its template, and its newer versions');
  const withTemplateFlags = (command: ReturnType<typeof template.command>): typeof command =>
    withCommonFlags(command)
      .option(
        '-c, --checkout <ref>',
        "branch, tag or commit of the template; the project's own, else the default branch",
      )
      .option('--accept-hooks <yes|ask|no>', "whether the template's own scripts may run", 'ask')
      .option('--config-file <file>', "cookiecutter's settings (COOKIECUTTER_CONFIG, ~/.cookiecutterrc)")
      .option('--default-config', 'read no settings');

  withTemplateFlags(template.command('update [project] [answers...]'))
    .description("merge what changed in the template into the project, keeping the project's own changes")
    .usage('[options] [PROJECT] [key=value ...]')
    .option('--no-input', 'ask nothing: new variables get their defaults')
    .option('-n, --dry-run', 'only say what would change, file by file')
    .option('--branch <name>', 'commit the result on a new branch and leave the work tree alone')
    .option('--allow-conflicts', 'with --branch: commit even with conflict markers in the files')
    .option('-v, --verbose', 'show the differences line by line')
    .option('--continue', 'complete an update that was interrupted')
    .option('--abort', 'take back an update that was interrupted')
    .action(update);

  withTemplateFlags(template.command('diff [project]'))
    .description('what the project changed in the files it has from its template')
    .option('-e, --exit-code', 'exit with 1 when there is a difference')
    .option('-R, --reverse', 'from the project to the template, as cruft shows it')
    .action(diff);

  withTemplateFlags(template.command('check [project]'))
    .description('whether the project is at the newest commit of its template: exit code 0 yes, 1 no')
    .action(check);

  withTemplateFlags(template.command('adopt <words...>'))
    .description('find which version of a template a project came from, with which answers, and remember it')
    .usage('[options] [PROJECT] TEMPLATE [key=value ...]')
    .option('--directory <path>', 'folder inside the repository that holds cookiecutter.json')
    .option('-y, --yes', 'write what was found without asking')
    .option('-n, --dry-run', 'only say what was found')
    .option('--seconds <count>', 'how long to look', '60')
    .action(adopt);

  withCommonFlags(template.command('path'))
    .description('where the templates that ship with tilth are kept as git repositories, for cruft')
    .action(path);
};

async function diff(project: string | undefined, flags: DiffFlags): Promise<void> {
  const [{ diffTemplate }, { readUserConfig }] = await Promise.all([
    import('./template-diff.ts'),
    import('../template/user-config.ts'),
  ]);
  const ask = await asker(true);
  try {
    const found = await diffTemplate({
      folder: resolve(project ?? '.'),
      checkout: flags.checkout,
      config: await readUserConfig(flags),
      hooks: hooksOf(flags),
      ask,
      onLine: note,
      isReverse: flags.reverse === true,
    });
    if (flags.json === true) print(flags, found, () => '');
    else process.stdout.write(found.files.map((file) => file.diff).join(''));
    if (flags.exitCode === true && found.files.length > 0) process.exitCode = exitCodes.no;
  } finally {
    ask?.close();
  }
}

async function check(project: string | undefined, flags: TemplateFlags): Promise<void> {
  const [{ checkTemplate }, { readUserConfig }] = await Promise.all([
    import('./template-check.ts'),
    import('../template/user-config.ts'),
  ]);
  const found = await checkTemplate({
    folder: resolve(project ?? '.'),
    checkout: flags.checkout,
    config: await readUserConfig(flags),
    hooks: hooksOf(flags),
    onLine: note,
  });
  print(flags, found, (answer) =>
    answer.isUpToDate
      ? `The project is up to date with ${answer.template} (${short(answer.commit)}).`
      : [
          `The template ${answer.template} went on from ${short(answer.commit)} to ${short(answer.newest)}: ${answer.changedCount} files change.`,
          ...answer.commits.map((commit) => `  ${short(commit.commit)} ${commit.subject}`),
          'See what would change: tilth template update --dry-run',
        ],
  );
  if (!found.isUpToDate) process.exitCode = exitCodes.no;
}

async function adopt(words: readonly string[], flags: AdoptFlags): Promise<void> {
  const names = words.filter((word) => !isAnswer(word));
  const [first = '', second] = names;
  if (names.length === 0 || names.length > 2)
    throw usage('Give the template, and the project before it when that is not this folder.');
  const folder = resolve(second === undefined ? '.' : first);
  const seconds = Number(flags.seconds);
  if (!(seconds > 0)) throw usage(`--seconds takes a number of seconds, not ${flags.seconds}.`);
  const [{ findOrigin, adoptOrigin }, { readUserConfig }] = await Promise.all([
    import('./adopt.ts'),
    import('../template/user-config.ts'),
  ]);
  const { adoption, origin } = await findOrigin({
    folder,
    template: second ?? first,
    directory: flags.directory,
    checkout: flags.checkout,
    answers: answersOf(words.filter(isAnswer)),
    config: await readUserConfig(flags),
    hooks: hooksOf(flags),
    limitMs: seconds * 1000,
    onLine: note,
  });
  if (flags.dryRun === true)
    return print(flags, { ...adoption, outcome: 'found' }, () => adoptionLines(adoption));
  let isWanted = flags.yes === true;
  if (!isWanted) {
    const ask = await asker(true);
    if (ask === undefined) {
      print(flags, { ...adoption, outcome: 'found' }, () => adoptionLines(adoption));
      throw usage(
        'There is no terminal to ask you whether this is right, so nothing was written.',
        'Add --yes to write .cruft.json, or correct an answer with key=value.',
      );
    }
    try {
      for (const line of adoptionLines(adoption)) note(line);
      isWanted = await ask.yesNo('Write this to .cruft.json?', adoption.likeness > 0.5);
    } finally {
      ask.close();
    }
  }
  if (isWanted) adoptOrigin(folder, origin);
  const outcome = isWanted ? 'adopted' : 'declined';
  print(flags, { ...adoption, outcome }, () => [
    ...(flags.yes === true ? adoptionLines(adoption) : []),
    isWanted
      ? 'Wrote .cruft.json. Commit it, then see what is new: tilth template update --dry-run'
      : 'Nothing was written.',
  ]);
  if (!isWanted) process.exitCode = exitCodes.no;
}

const howWords = {
  found: 'from the files',
  derived: 'worked out from another form of it',
  tried: 'the choice whose files fit best',
  given: 'as you said',
  default: "the template's default; nothing in the project tells",
  unused: "the template's default; no file has it",
} as const;

function adoptionLines(adoption: Adoption): string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const lines = [
    `${adoption.template} at ${short(adoption.commit)}${adoption.subject === '' ? '' : ` (${new Date(adoption.committedAt).toISOString().slice(0, 10)}, ${adoption.subject})`}`,
    `likeness: ${percent(adoption.likeness)} of the lines; ${adoption.sameFileCount} of ${adoption.fileCount} files are the same; compared ${adoption.searchedCount} of ${adoption.commitCount} commits`,
  ];
  if (adoption.missing.length > 0)
    lines.push(
      `not in the project: ${adoption.missing.slice(0, 8).join(', ')}${adoption.missing.length > 8 ? ` and ${adoption.missing.length - 8} more` : ''}`,
    );
  lines.push('answers:');
  for (const answer of adoption.answers) {
    const value = typeof answer.value === 'string' ? answer.value : JSON.stringify(answer.value);
    const places = answer.evidence.map((each) => (each.line === 0 ? each.file : `${each.file}:${each.line}`));
    lines.push(
      `  ${answer.isSure ? ' ' : '?'} ${answer.name} = ${value}  (${howWords[answer.how]}${places.length === 0 ? '' : `: ${places.join(', ')}`})`,
    );
  }
  const near = adoption.others.filter((other) => other.likeness > adoption.likeness - 0.01).slice(0, 3);
  for (const other of near)
    lines.push(`nearly as like: ${short(other.commit)} ${other.subject} (${percent(other.likeness)})`);
  if (adoption.likeness < 0.5)
    lines.push('That is little: it may be another template, or one that was left behind long ago.');
  return lines;
}

async function path(flags: CommonFlags): Promise<void> {
  const { openOwnTemplate, ownRepositories } = await import('../template/own-template.ts');
  const own = openOwnTemplate('ml-project');
  own.keep();
  const folder = ownRepositories();
  const setting = ['git', 'config', '--global', `url.${folder}/.insteadOf`, 'tilth:'];
  print(
    flags,
    { folder, template: 'tilth:ml-project', repository: own.repository, commit: own.commit, setting },
    () => [
      folder,
      `So that cruft finds tilth:ml-project there: ${setting.slice(0, 3).join(' ')} '${setting[3] ?? ''}' tilth:`,
    ],
  );
}

/** Someone to ask, where there is a terminal. */
async function asker(
  isWanted: boolean,
): Promise<ReturnType<typeof import('../terminal-prompts.ts').terminalPrompts> | undefined> {
  return isWanted && process.stdin.isTTY && process.stderr.isTTY
    ? (await import('../terminal-prompts.ts')).terminalPrompts()
    : undefined;
}

async function update(first: string | undefined, rest: readonly string[], flags: UpdateFlags): Promise<void> {
  const { folder, answers } = projectAndAnswers(first, rest);
  const [
    { prepareUpdate },
    { applyUpdate, commitUpdate, recoverUpdate },
    { gitFolderOf },
    { readUserConfig },
  ] = await Promise.all([
    import('./plan-update.ts'),
    import('./apply-update.ts'),
    import('./git.ts'),
    import('../template/user-config.ts'),
  ]);
  if (flags.dryRun !== true) {
    const recovery = recoverUpdate(await gitFolderOf(folder), flags.abort === true ? 'back' : 'on');
    if (recovery === 'completed') note('An earlier update had been interrupted; it is complete now.');
    if (recovery === 'taken-back')
      note('An earlier update had been interrupted; the project is as it was before it.');
    if (flags.abort === true || flags.continue === true) {
      print(flags, { recovery }, () =>
        recovery === 'none' ? 'No update was interrupted.' : `The update is ${recovery.replace('-', ' ')}.`,
      );
      return;
    }
  }
  const ask = await asker(flags.input);
  try {
    const prepared = await prepareUpdate({
      folder,
      checkout: flags.checkout,
      answers,
      target: flags.branch === undefined ? 'work-tree' : 'branch',
      config: await readUserConfig(flags),
      hooks: hooksOf(flags),
      ask,
      onLine: note,
    });
    try {
      if (flags.dryRun === true) {
        print(flags, prepared.plan, (plan) => planLines(plan, flags.verbose === true));
        process.exitCode = prepared.plan.conflictCount > 0 ? exitCodes.usage : exitCodes.yes;
        return;
      }
      const result =
        flags.branch === undefined
          ? await applyUpdate(prepared)
          : await commitUpdate(prepared, flags.branch, flags.allowConflicts === true);
      print(flags, result, (done) => resultLines(done, flags));
      if (result.outcome === 'conflicts') process.exitCode = exitCodes.usage;
    } finally {
      prepared.close();
    }
  } finally {
    ask?.close();
  }
}

const isAnswer = (word: string): boolean => /^[A-Za-z_]\w*=/.test(word);

function projectAndAnswers(
  first: string | undefined,
  rest: readonly string[],
): { folder: string; answers: Map<string, string> } {
  const hasFolder = first !== undefined && !isAnswer(first);
  const words = first === undefined || hasFolder ? rest : [first, ...rest];
  const wrong = words.find((word) => !isAnswer(word));
  if (wrong !== undefined)
    throw usage(`${JSON.stringify(wrong)} is not an answer.`, 'Give answers as key=value, after the folder.');
  return {
    folder: resolve(hasFolder ? first : '.'),
    answers: answersOf(words),
  };
}

const answersOf = (words: readonly string[]): Map<string, string> =>
  new Map(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]));

function hooksOf(flags: TemplateFlags): 'yes' | 'ask' | 'no' {
  const { acceptHooks: hooks } = flags;
  if (hooks !== 'yes' && hooks !== 'ask' && hooks !== 'no')
    throw usage(`--accept-hooks takes yes, ask or no, not ${hooks}.`);
  return hooks;
}

const short = (commit: string | null): string => commit?.slice(0, 9) ?? 'no commit';

const conflictWords = {
  content: 'both sides changed it',
  'both-added': 'both sides have a new file of that name',
  'deleted-by-you': 'you deleted it, the template changed it',
  'deleted-by-template': 'the template deleted it, you changed it',
  place: 'both sides moved it, or one has a folder there',
  'in-the-way': "a file that git doesn't track is in its place, and is left alone",
} as const;

const keptWords = {
  'already-there': 'you have it already',
  skipped: 'left out by skip',
  ignored: 'git ignores it',
  yours: 'your version stays',
} as const;

function changeLine(change: FileChange): string {
  const name = change.from === undefined ? change.path : `${change.from} → ${change.path}`;
  const why =
    change.conflict !== undefined
      ? ` (${conflictWords[change.conflict]})`
      : change.kept !== undefined
        ? ` (${keptWords[change.kept]})`
        : '';
  return `  ${change.kind.padEnd(8)}  ${name}${why}`;
}

function planLines(plan: UpdatePlan, isVerbose: boolean): string[] {
  if (plan.isUpToDate)
    return [`Nothing to do: the project is at ${short(plan.to)}, the newest of ${plan.template}`];
  const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
  const lines = [`${plan.template}: ${short(plan.from)} → ${short(plan.to)}`];
  for (const commit of plan.commits) lines.push(`  ${short(commit.commit)} ${commit.subject}`);
  if (plan.base === 'project')
    lines.push("The template's old commit is gone; the project's own first commit stands in for it.");
  for (const { name, value } of plan.variables.added) lines.push(`new answer: ${name} = ${shown(value)}`);
  for (const { name, before, after } of plan.variables.changed)
    lines.push(`changed answer: ${name} = ${shown(after)} (was ${shown(before)})`);
  if (plan.variables.removed.length > 0)
    lines.push(`no longer asked for: ${plan.variables.removed.join(', ')}`);
  lines.push(plan.changes.length === 0 ? 'No file of the project changes.' : `${plan.changes.length} files:`);
  for (const change of plan.changes) {
    lines.push(changeLine(change));
    if (isVerbose && change.diff !== '') lines.push(change.diff.trimEnd());
  }
  if (plan.blockedBy.length > 0)
    lines.push(
      `Uncommitted changes would be in the way: ${plan.blockedBy.join(', ')}. Commit or stash them first, or use --branch.`,
    );
  return lines;
}

function resultLines(result: UpdateResult, flags: UpdateFlags): string[] {
  const lines = planLines(result, flags.verbose === true);
  if (result.outcome === 'up-to-date') return lines;
  if (flags.branch !== undefined && result.commit === undefined) {
    return [
      ...lines,
      `${result.conflictCount} conflicts, so nothing was made. Update the work tree to solve them (without --branch), or add --allow-conflicts.`,
    ];
  }
  if (result.branch !== undefined) {
    lines.push(
      `Committed as ${short(result.commit ?? null)} on the branch ${result.branch}; push it with: git push -u origin ${result.branch}`,
    );
  } else if (result.outcome === 'conflicts') {
    lines.push(
      `${result.conflictCount} conflicts: solve them (git status, git mergetool), git add each file, then git commit. Back to before: git reset --merge`,
    );
  } else
    lines.push(
      'The changes are staged. Look at them with git diff --cached, then: git commit -m "Update from the template"',
    );
  return lines;
}
