import { TilthError } from '../../platform/errors.ts';

export const modelNotFound = (name: string): TilthError =>
  new TilthError(
    'MODEL_NOT_FOUND',
    404,
    `Registered Model with name=${name} not found.`,
    'See what there is: tilth model list',
  );

export const modelExists = (name: string): TilthError =>
  new TilthError(
    'MODEL_ALREADY_EXISTS',
    400,
    `Registered Model (name=${name}) already exists.`,
    `See it with: tilth model show ${name}`,
  );

export const versionNotFound = (model: string, version: number | string): TilthError =>
  new TilthError(
    'MODEL_VERSION_NOT_FOUND',
    404,
    `Model Version (name=${model}, version=${version}) not found.`,
    `See its versions: tilth model show ${model}`,
  );

export const aliasNotFound = (model: string, alias: string): TilthError =>
  new TilthError(
    'ALIAS_NOT_FOUND',
    404,
    `Registered model alias ${alias} not found: no version of ${model} has it.`,
    `Set it with: tilth model alias ${model} ${alias} VERSION`,
  );

export const nameRefused = (what: string, name: string, rule: string): TilthError =>
  new TilthError(
    'INVALID_PARAMETER_VALUE',
    400,
    `${JSON.stringify(name)} is no name for a ${what}: ${rule}.`,
  );

export const sourceRefused = (source: string, rule: string): TilthError =>
  new TilthError(
    'MODEL_SOURCE_REFUSED',
    400,
    `Invalid model version source: '${source}'. ${rule}`,
    'Name a run or a logged model of this server: runs:/RUN_ID/model or models:/MODEL_ID',
  );

/** The rule that no route, alias or stage goes round. */
export const approvalMissing = (model: string, version: number, alias: string): TilthError =>
  new TilthError(
    'APPROVAL_MISSING',
    403,
    `Version ${version} of ${model} may not become ${alias}: it has no granted approval for that.`,
    `Ask for one: tilth model request ${model} ${version} --alias ${alias}; a second person then grants it: tilth model approve ${model} ${version}`,
  );

export const aliasProtected = (model: string, alias: string, what: string): TilthError =>
  new TilthError(
    'ALIAS_PROTECTED',
    403,
    `${what} would take the alias ${alias} of ${model} away, and with it what is in production.`,
    'Route the endpoint to another version first, or stop it: tilth endpoint stop NAME',
  );

export const notGatedYet = (model: string, version: number): TilthError =>
  new TilthError(
    'GATE_NOT_EVALUATED',
    409,
    `The gate of version ${version} of ${model} was not evaluated yet.`,
    `Evaluate it: tilth model gate ${model} ${version}`,
  );

export const gateNotPassed = (model: string, version: number, failing: readonly string[]): TilthError =>
  new TilthError(
    'GATE_NOT_PASSED',
    409,
    `Version ${version} of ${model} does not pass its gate: ${failing.join('; ')}.`,
    `See the evidence: tilth model gate ${model} ${version}`,
    { details: failing },
  );

export const conversionPending = (model: string, version: number): TilthError =>
  new TilthError(
    'CONVERSION_PENDING',
    409,
    `Version ${version} of ${model} is still being converted.`,
    `Wait for it: tilth model show ${model} ${version} --wait`,
  );

export const ownRequest = (who: string, what: string, role: string): TilthError =>
  new TilthError(
    'FOUR_EYES',
    403,
    `${who} ${what}, and so can't approve it: approval takes a second person.`,
    `Ask someone else with the role ${role}; see who there is: tilth team list`,
  );

export const approverRole = (who: string, role: string, model: string): TilthError =>
  new TilthError(
    'APPROVER_ROLE_MISSING',
    403,
    `${who} may not approve versions of ${model}: its approval takes the role ${role}.`,
    `Give it with: tilth team add PERSON --role ${role}`,
  );

export const reasonMissing = (): TilthError =>
  new TilthError(
    'REASON_MISSING',
    400,
    'Nobody else is in the team, so you may approve alone, with a reason that stays in the audit log.',
    'Give it with: --reason "…"; or bring a second person: tilth team add ID --role reviewer',
  );

export const noRequest = (model: string, version: number): TilthError =>
  new TilthError(
    'APPROVAL_NOT_REQUESTED',
    409,
    `No approval of version ${version} of ${model} waits for a decision.`,
    `Ask for one: tilth model request ${model} ${version}`,
  );

export const alreadyApproved = (model: string, version: number, alias: string): TilthError =>
  new TilthError(
    'APPROVAL_ALREADY_EXISTS',
    409,
    `Version ${version} of ${model} is approved as ${alias} already.`,
    `Route it: tilth endpoint route ENDPOINT --${alias === 'champion' ? 'champion' : 'canary'} ${version}`,
  );

export const bundleChanged = (model: string, version: number, what: string): TilthError =>
  new TilthError(
    'APPROVAL_VOID',
    409,
    `What was asked to be approved of version ${version} of ${model} has changed since (${what}); the request is void.`,
    `Ask again: tilth model request ${model} ${version}`,
  );

export const seenOther = (model: string, version: number, seen: string, now: string): TilthError =>
  new TilthError(
    'APPROVAL_SEEN_OTHER',
    409,
    `What you looked at (${seen.slice(0, 12)}) is not what waits for a decision on version ${version} of ${model} now (${now.slice(0, 12)}).`,
    `Look again: tilth model show ${model} ${version}`,
  );

export const requestExpired = (model: string, version: number, at: number): TilthError =>
  new TilthError(
    'APPROVAL_EXPIRED',
    409,
    `The request to approve version ${version} of ${model} expired on ${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
    `Ask again: tilth model request ${model} ${version}`,
  );

export const approvalNotFound = (id: string): TilthError =>
  new TilthError(
    'APPROVAL_NOT_FOUND',
    404,
    `There is no approval ${JSON.stringify(id)}.`,
    'See what waits: tilth model approvals',
  );

export const notYourRequest = (who: string, model: string, version: number, by: string): TilthError =>
  new TilthError(
    'NOT_YOUR_REQUEST',
    403,
    `${who} can't withdraw what ${by} asked for.`,
    `A reviewer refuses it: tilth model reject ${model} ${version} --reason "…"`,
  );

export const versionHeld = (model: string, version: number, why: string, next: string): TilthError =>
  new TilthError(
    'MODEL_VERSION_IN_USE',
    403,
    `Version ${version} of ${model} can't be deleted: ${why}.`,
    next,
  );

export const versionInUse = (model: string, version: number): TilthError =>
  new TilthError(
    'MODEL_VERSION_IN_USE',
    403,
    `Version ${version} of ${model} was approved for production; it and its record are kept as they are.`,
    `Register a new version instead: tilth model register ${model} --run RUN_ID. Versions that were never approved can be changed and deleted.`,
  );

export const webhookNotFound = (id: string): TilthError =>
  new TilthError(
    'WEBHOOK_NOT_FOUND',
    404,
    `Webhook with ID ${id} not found.`,
    'See what there is: client.list_webhooks()',
  );

export const webhookRefused = (address: string, reason: string): TilthError =>
  new TilthError(
    'WEBHOOK_REFUSED',
    400,
    `The webhook can't be sent to ${JSON.stringify(address.slice(0, 200))}: ${reason}`,
    'Name a public https address; the owner of the server can vouch for another host with TILTH_FETCH_HOSTS.',
  );
