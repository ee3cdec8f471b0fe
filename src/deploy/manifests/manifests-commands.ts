import { createHash } from 'node:crypto';
import { call, serverAddress } from '../../platform/client.ts';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { exitCodes, note, print, usage } from '../../platform/terminal.ts';
import type { SealedDeployment } from './deployment-api.ts';
import { kubernetesName, planOf, type DeploymentWishes } from './deployment-plan.ts';
import type { FolderDifference } from './manifest-folder.ts';
import { targets, type Target } from './target.ts';
import { modelFileWrong } from './manifests-errors.ts';

interface ManifestFlags extends CommonFlags {
  readonly target: string;
  readonly out: string;
  readonly base: string;
  readonly image?: string;
  readonly registry?: string;
  readonly namespace?: string;
  readonly replicas: string;
  readonly maxReplicas: string;
  readonly cpu: string;
  readonly memory: string;
  readonly logClaim?: string;
  readonly gateway?: string;
  readonly hostname?: string;
  readonly beside?: string;
  readonly check?: boolean;
  readonly force?: boolean;
}

export const addDeployCommands: AddCommands = (program) => {
  const deploy = program.command('deploy').description('endpoints in a cluster');
  withCommonFlags(
    deploy
      .command('manifests <endpoint>')
      .description('write what runs an endpoint in a cluster into a folder for git'),
  )
    .requiredOption('--target <what>', targets.join(' or '))
    .requiredOption('--out <folder>', 'where the files go')
    .requiredOption('--base <image>', 'the image with tilth in it, with its digest: REGISTRY/NAME@sha256:…')
    .option(
      '--image <image>',
      'of the endpoint: NAME@sha256:…, or without tag, which is then made of the content',
    )
    .option('--registry <registry>', 'instead of --image: the image is REGISTRY/ENDPOINT')
    .option('--namespace <name>', 'of the objects')
    .option('--replicas <n>', 'at least', '2')
    .option('--max-replicas <n>', 'at most', '10')
    .option('--cpu <quantity>', 'that each replica asks for', '250m')
    .option('--memory <quantity>', 'that each replica gets', '512Mi')
    .option(
      '--log-claim <claim>',
      'a volume claim for the prediction log; without it the log ends with its pod',
    )
    .option('--gateway <gateway>', 'NAME or NAMESPACE/NAME of a gateway: also an HTTPRoute')
    .option('--hostname <name>', 'of the HTTPRoute')
    .option('--beside <service:percent>', 'another Service that gets this share of the HTTPRoute’s requests')
    .option('--check', 'write nothing; exit 1 when the folder differs')
    .option('--force', 'write over files that tilth did not write, or that were changed since')
    .action(async (endpoint: string, flags: ManifestFlags) => {
      const target = targetOf(flags.target);
      const [{ manifestFiles }, { compareFolder, writeFolder }] = await Promise.all([
        import('./manifests.ts'),
        import('./manifest-folder.ts'),
      ]);
      const wishes = wishesOf(endpoint, flags);
      const deployment = await call<SealedDeployment>(
        flags,
        'GET',
        `/api/v1/endpoints/${encodeURIComponent(endpoint)}/deployment`,
      );
      const plan = planOf(deployment, wishes);
      const files = manifestFiles(plan, target);
      const versions = deployment.versions.map(({ version, variant, approval }) => ({
        version,
        variant,
        approval: approval.id,
      }));
      if (flags.check === true) {
        const difference = compareFolder(flags.out, files);
        if (!isSame(difference)) process.exitCode = exitCodes.no;
        print(flags, { ...difference, isSame: isSame(difference), versions }, () =>
          linesOf(flags.out, difference),
        );
        return;
      }
      const fetchModel = (digest: string): Promise<Buffer> => modelFile(flags, digest);
      const difference = await writeFolder(flags.out, files, { isForced: flags.force === true, fetchModel });
      print(flags, { ...difference, isSame: isSame(difference), image: plan.image, versions }, () => [
        ...linesOf(flags.out, difference),
        ...versions.map(
          ({ version, variant, approval }) => `version ${version} (${variant}), approval ${approval}`,
        ),
        `→ docker build --tag ${plan.image.replace(/@sha256:.*/, '')} ${flags.out}/image, push it, commit ${flags.out}`,
      ]);
    });
};

function targetOf(text: string): Target {
  const target = targets.find((one) => one === text);
  if (target === undefined) throw usage(`--target is ${targets.join(' or ')}, not ${text}.`);
  return target;
}

function wishesOf(endpoint: string, flags: ManifestFlags): DeploymentWishes {
  const { base, namespace, cpu, memory, logClaim, hostname, registry } = flags;
  const image =
    flags.image ??
    (registry === undefined ? undefined : `${registry.replace(/\/$/, '')}/${kubernetesName(endpoint)}`);
  if (image === undefined)
    throw usage('The image of the endpoint needs a name.', 'Give --image NAME or --registry REGISTRY.');
  for (const [flag, quantity] of [
    ['--cpu', cpu],
    ['--memory', memory],
  ] as const)
    if (!/^\d+(\.\d+)?(m|[kMGTPE]i?)?$/.test(quantity))
      throw usage(`${flag} ${quantity} is no quantity of Kubernetes.`, 'For example 250m, 512Mi.');
  const replicas = countOf('--replicas', flags.replicas);
  const maxReplicas = countOf('--max-replicas', flags.maxReplicas);
  if (maxReplicas < replicas)
    throw usage(`--max-replicas ${maxReplicas} is less than --replicas ${replicas}.`);
  return {
    image,
    base,
    namespace,
    replicas,
    maxReplicas,
    cpu,
    memory,
    logClaim,
    hostname,
    gateway: gatewayOf(flags.gateway),
    beside: besideOf(flags.beside),
  };
}

function countOf(flag: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw usage(`${flag} ${text} is no number of replicas.`);
  return count;
}

function gatewayOf(text: string | undefined): DeploymentWishes['gateway'] {
  if (text === undefined) return undefined;
  const [first = '', second] = text.split('/');
  return second === undefined ? { name: first } : { namespace: first, name: second };
}

function besideOf(text: string | undefined): DeploymentWishes['beside'] {
  if (text === undefined) return undefined;
  const [, service = '', percent = ''] = /^([a-z0-9-]+):(\d+)$/.exec(text) ?? [];
  if (service === '' || Number(percent) > 100)
    throw usage(`--beside ${text} is no share.`, 'For example late-before:90.');
  return { service, percent: Number(percent) };
}

/** @throws MANIFESTS_MODEL_FILE */
async function modelFile(flags: CommonFlags, digest: string): Promise<Buffer> {
  note(`Fetching the model ${digest.slice(0, 12)} …`);
  const token = process.env['TILTH_TOKEN'];
  const headers: Record<string, string> =
    token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${serverAddress(flags)}/api/v1/blobs/${digest}`, { headers });
  if (!response.ok) throw modelFileWrong(digest, `was answered with ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const arrived = createHash('sha256').update(bytes).digest('hex');
  if (arrived !== digest) throw modelFileWrong(digest, `arrived with the digest ${arrived}`);
  return bytes;
}

const isSame = ({ missing, changed, superfluous }: FolderDifference): boolean =>
  missing.length + changed.length + superfluous.length === 0;

function linesOf(folder: string, difference: FolderDifference): string[] {
  if (isSame(difference)) return [`${folder} is as it should be.`];
  const marks = [
    ['+', difference.missing],
    ['~', difference.changed],
    ['-', difference.superfluous],
  ] as const;
  return marks.flatMap(([mark, paths]) => paths.map((path) => `${mark} ${folder}/${path}`));
}
