import { createHash } from 'node:crypto';
import type { SealedDeployment } from './deployment-api.ts';
import { imageNotPinned } from './manifests-errors.ts';

/** What the user chose; everything else follows from the endpoint. */
export interface DeploymentWishes {
  /** of the image that is built from the Dockerfile: with a digest, or without tag */
  readonly image: string;
  /** the image with tilth in it, with its digest */
  readonly base: string;
  readonly namespace?: string | undefined;
  readonly replicas: number;
  readonly maxReplicas: number;
  /** Kubernetes quantities */
  readonly cpu: string;
  readonly memory: string;
  /** a claim for the prediction log, for all replicas; without it the log ends with its pod */
  readonly logClaim?: string | undefined;
  /** of the Gateway API; undefined: no HTTPRoute */
  readonly gateway?: { readonly namespace?: string | undefined; readonly name: string } | undefined;
  readonly hostname?: string | undefined;
  /** another Service that gets a share of the requests of the HTTPRoute */
  readonly beside?: { readonly service: string; readonly percent: number } | undefined;
}

export interface DeploymentPlan extends DeploymentWishes {
  readonly deployment: SealedDeployment;
  /** of the Kubernetes objects */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** what runs, and who let it */
  readonly annotations: Readonly<Record<string, string>>;
}

export const ports = { http: 8080, grpc: 8081 } as const;
/** Where the image has the signed configuration and the models; KServe mounts an image's `/models` there. */
export const bakedFolder = '/models';
export const homeFolder = '/var/lib/tilth';
/** The user of the image; no name is needed for it. */
export const userId = 10001;

/** ms; the pod's grace period is longer than all of them together */
export const drain = { preStopSeconds: 5, delayMs: 500, gracePeriodSeconds: 30 } as const;

const digestForm = /@sha256:[0-9a-f]{64}$/;

/**
 * @throws MANIFESTS_IMAGE_NOT_PINNED for a base without its digest
 */
export function planOf(deployment: SealedDeployment, wishes: DeploymentWishes): DeploymentPlan {
  if (!digestForm.test(wishes.base)) throw imageNotPinned(wishes.base);
  const { endpoint, model, config, revision, versions } = deployment;
  const [champion] = versions;
  const list = (of: (version: (typeof versions)[number]) => string): string => versions.map(of).join(',');
  return {
    ...wishes,
    image: pinned(wishes.image, deployment),
    deployment,
    name: kubernetesName(endpoint),
    labels: {
      'app.kubernetes.io/name': kubernetesName(endpoint),
      'app.kubernetes.io/component': 'model-server',
      'app.kubernetes.io/managed-by': 'tilth',
      'app.kubernetes.io/version': String(champion?.version ?? 0),
    },
    annotations: {
      'tilth/endpoint': endpoint,
      'tilth/model': model,
      'tilth/route-revision': String(revision),
      'tilth/versions': list(({ version, variant, weight }) => `${version}:${variant}:${weight}`),
      'tilth/model-digests': list(({ digest }) => `sha256:${digest}`),
      'tilth/approvals': list(({ approval }) => approval.id),
      'tilth/approved-by': list(({ approval }) => approval.approvedBy),
      'tilth/gate-reports': list(({ gate }) => `sha256:${gate.hash}`),
      'tilth/server-key': config.key,
    },
  };
}

/** Without a digest the tag is made of the content, so that another content is another image. */
function pinned(image: string, { endpoint, config }: SealedDeployment): string {
  if (digestForm.test(image)) return image;
  if (/:[^/]*$/.test(image)) throw imageNotPinned(image);
  return `${image}:${kubernetesName(endpoint)}-${createHash('sha256').update(config.body).digest('hex').slice(0, 16)}`;
}

/** A DNS label that begins with a letter, as Services need it (RFC 1035). */
export const kubernetesName = (endpoint: string): string =>
  endpoint
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]/g, '-')
    .replace(/^(?=\d)/, 'model-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '');

/** Each of the image's own start, of Kubernetes' and of KServe's: serve this folder, and drain as the pod's end allows. */
export const serveArguments = (folder: string, serverKey: string): string[] => [
  'serve',
  `--sealed=${folder}`,
  `--server-key=${serverKey}`,
  '--host=0.0.0.0',
  `--port=${ports.http}`,
  `--grpc-port=${ports.grpc}`,
  `--drain-delay-ms=${drain.delayMs}`,
];
