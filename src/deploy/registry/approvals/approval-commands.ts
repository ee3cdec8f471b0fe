import type { Command } from 'commander';
import { call } from '../../../platform/client.ts';
import { withCommonFlags, type CommonFlags } from '../../../platform/command.ts';
import { note, print, table, usage } from '../../../platform/terminal.ts';
import { describeGate } from '../gate/gate-text.ts';
import type { Approval, ApprovalComment, ApprovalConversation } from '../registry-api.ts';

interface DecisionFlags extends CommonFlags {
  readonly alias?: string;
  readonly reason?: string;
  readonly hash?: string;
}

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
const versionPath = (model: string, version: string): string =>
  `/api/v1/models/${encodeURIComponent(model)}/versions/${encodeURIComponent(version)}`;

/** Asking, talking and deciding about a version's way into production. */
export function addApprovalCommands(model: Command): void {
  withCommonFlags(
    model.command('request <model> <version>').description('ask that a version may go to production'),
  )
    .option('--alias <name>', 'champion, or challenger for a canary', 'champion')
    .option('--message <text>', 'what whoever decides should know')
    .action(async (name: string, version: string, flags: DecisionFlags & { message?: string }) => {
      note(`Evaluating the gate of version ${version} of ${name} …`);
      const { alias, message } = flags;
      const asked = await call<Approval>(flags, 'POST', `${versionPath(name, version)}/request`, {
        alias,
        message,
      });
      print(flags, asked, (each) => [
        `Version ${each.version} of ${each.model} waits for approval as ${each.alias}${each.expiresAt === null ? '' : ` until ${at(each.expiresAt)}`}.`,
        `A second person grants it: tilth model approve ${each.model} ${each.version}`,
      ]);
    });

  withCommonFlags(
    model
      .command('approvals [model] [version]')
      .description('requests and decisions; those that wait, unless a model is named'),
  )
    .option('--state <state>', 'waiting, granted, refused, void, withdrawn or expired')
    .action(
      async (
        name: string | undefined,
        version: string | undefined,
        flags: CommonFlags & { state?: string },
      ) => {
        const state = flags.state ?? (name === undefined ? 'waiting' : undefined);
        const query = new URLSearchParams({
          ...(state === undefined ? {} : { state }),
          ...(name === undefined ? {} : { model: name }),
          ...(version === undefined ? {} : { version }),
        });
        const found = await call<Approval[]>(flags, 'GET', `/api/v1/approvals?${query.toString()}`);
        print(flags, found, approvalTable);
      },
    );

  withCommonFlags(
    model
      .command('conversation <model> <version>')
      .description('a request with its gate, what was said, and what changed since'),
  )
    .option('--alias <name>')
    .action(async (name: string, version: string, flags: DecisionFlags) => {
      const newest = await newestOf(flags, name, version);
      const found = await call<ApprovalConversation>(flags, 'GET', `/api/v1/approvals/${newest.id}`);
      print(flags, found, describeConversation);
    });

  withCommonFlags(
    model
      .command('comment <model> <version> <text>')
      .description('say something about the newest request for a version'),
  )
    .option('--alias <name>')
    .action(async (name: string, version: string, text: string, flags: DecisionFlags) => {
      const { id } = await newestOf(flags, name, version);
      const made = await call<ApprovalComment>(flags, 'POST', `/api/v1/approvals/${id}/comments`, { text });
      print(flags, made, () => 'Said.');
    });

  withCommonFlags(
    model.command('approve <model> <version>').description('grant what waits, as a second person'),
  )
    .option('--alias <name>')
    .option('--reason <text>', 'needed where nobody else is in the team')
    .option(
      '--hash <hash>',
      'the hash that you looked at; what waits must still be that. What waits now, unless given',
    )
    .action(async (name: string, version: string, flags: DecisionFlags) => {
      const { alias, reason } = flags;
      const hash = flags.hash ?? (await waitingHash(flags, name, version));
      const granted = await call<Approval>(flags, 'POST', `${versionPath(name, version)}/approve`, {
        alias,
        reason,
        hash,
      });
      print(
        flags,
        granted,
        (each) =>
          `Version ${each.version} of ${each.model} is approved as ${each.alias}${each.isSingleEye ? ' (by one person alone, which stays on record)' : ''}.`,
      );
    });

  withCommonFlags(model.command('reject <model> <version>').description('refuse what waits'))
    .option('--alias <name>')
    .requiredOption('--reason <text>')
    .action(async (name: string, version: string, flags: DecisionFlags) => {
      const { alias, reason } = flags;
      const refused = await call<Approval>(flags, 'POST', `${versionPath(name, version)}/reject`, {
        alias,
        reason,
      });
      print(flags, refused, (each) => `Version ${each.version} of ${each.model} was refused: ${each.reason}`);
    });

  withCommonFlags(model.command('withdraw <model> <version>').description('take back what you asked for'))
    .option('--alias <name>')
    .option('--reason <text>')
    .action(async (name: string, version: string, flags: DecisionFlags) => {
      const { alias, reason } = flags;
      const ended = await call<Approval>(flags, 'POST', `${versionPath(name, version)}/withdraw`, {
        alias,
        reason,
      });
      print(flags, ended, (each) => `The request for version ${each.version} of ${each.model} is withdrawn.`);
    });
}

const approvalsOf = (
  flags: DecisionFlags,
  model: string,
  version: string,
  state?: string,
): Promise<Approval[]> => {
  const query = new URLSearchParams({ model, version, ...(state === undefined ? {} : { state }) });
  return call<Approval[]>(flags, 'GET', `/api/v1/approvals?${query.toString()}`).then((found) =>
    found.filter((each) => flags.alias === undefined || each.alias === flags.alias),
  );
};

/** What waits at this moment; a change before the decision arrives is refused by the server. */
const waitingHash = async (
  flags: DecisionFlags,
  model: string,
  version: string,
): Promise<string | undefined> => (await approvalsOf(flags, model, version, 'waiting'))[0]?.bundleHash;

async function newestOf(flags: DecisionFlags, model: string, version: string): Promise<Approval> {
  const [newest] = await approvalsOf(flags, model, version);
  if (newest === undefined)
    throw usage(
      `Nobody asked for version ${version} of ${model} yet.`,
      `Ask: tilth model request ${model} ${version}`,
    );
  return newest;
}

/** An approval in one line: where it stands, who, why, and what is not as it was. */
export const approvalLine = (each: Approval): string =>
  [
    `approval as ${each.alias}: ${each.state}, asked by ${each.requestedBy}`,
    ...(each.by === null ? [] : [`decided by ${each.by}${each.isSingleEye ? ' alone' : ''}`]),
    ...(each.reason === null ? [] : [`“${each.reason}”`]),
    ...(each.changed.length === 0 ? [] : [`changed since: ${each.changed.join(', ')}`]),
    ...(each.expiresAt === null
      ? []
      : [`${each.state === 'expired' ? 'expired' : 'valid until'} ${at(each.expiresAt)}`]),
  ].join(', ');

const approvalTable = (found: readonly Approval[]): string =>
  found.length === 0
    ? 'Nothing waits for a decision.'
    : table(
        ['model', 'version', 'alias', 'state', 'asked by', 'at', 'decided by', 'changed since', 'hash'],
        found.map((each) => [
          each.model,
          String(each.version),
          each.alias,
          each.state,
          each.requestedBy,
          at(each.requestedAt),
          `${each.by ?? ''}${each.isSingleEye ? ' (alone)' : ''}`,
          each.changed.join(', '),
          each.bundleHash.slice(0, 12),
        ]),
      );

function describeConversation(found: ApprovalConversation): string[] {
  const { ingredients } = found;
  const shownHash = (hash: string | null): string => hash?.slice(0, 12) ?? '–';
  return [
    `${found.model} version ${found.version}: ${approvalLine(found)}`,
    `  ${at(found.requestedAt)} ${found.requestedBy} asked${found.message === null ? '' : `: ${found.message}`}`,
    ...found.comments.map((each) => `  ${at(each.at)} ${each.by}: ${each.text}`),
    ...(found.at === null
      ? []
      : [
          `  ${at(found.at)} ${found.by ?? ''} ${found.state}${found.reason === null ? '' : `: ${found.reason}`}`,
        ]),
    ...describeGate(found.gate).map((line) => `  ${line}`),
    `  bound to ${found.bundleHash}: model ${shownHash(ingredients.onnxDigest ?? ingredients.workerDigest ?? ingredients.artifactDigest)}, data ${shownHash(ingredients.dataVersion)}, gate ${shownHash(ingredients.gateHash)}, card ${shownHash(ingredients.cardHash)}`,
    ...(found.state === 'waiting'
      ? [
          `  Decide on exactly this: tilth model approve ${found.model} ${found.version} --hash ${found.bundleHash}`,
        ]
      : []),
  ];
}
