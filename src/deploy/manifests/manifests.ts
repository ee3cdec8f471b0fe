import { stringify } from 'yaml';
import type { DeploymentPlan } from './deployment-plan.ts';
import type { Target } from './target.ts';
import { dockerfile } from './dockerfile.ts';
import { inferenceService, servingRuntime } from './kserve.ts';
import { autoscaler, deployment, disruptionBudget, httpRoute, kustomization, service } from './kubernetes.ts';

/** A file of the folder by its path: its text, or the digest of a model whose bytes come from the control plane. */
export type ManifestFile = { readonly text: string } | { readonly digest: string };

/**
 * Everything that the folder is to hold. The same plan always gives the same bytes, so that a commit shows what changed
 * and nothing else.
 */
export function manifestFiles(plan: DeploymentPlan, target: Target): Map<string, ManifestFile> {
  const { config, versions } = plan.deployment;
  const files = new Map<string, ManifestFile>();
  const objects = target === 'kserve' ? kserveObjects(plan) : kubernetesObjects(plan);
  for (const [name, object] of Object.entries(objects))
    if (object !== undefined) files.set(`${name}.yaml`, { text: yamlOf(object) });
  const resources = [...files.keys()].toSorted();
  files.set('kustomization.yaml', { text: yamlOf(kustomization(plan, resources)) });
  files.set('evidence.json', { text: `${JSON.stringify(versions, null, 2)}\n` });
  files.set('image/Dockerfile', { text: `${headline}\n${dockerfile(plan)}` });
  files.set('image/models/config.json', { text: JSON.stringify(config) });
  files.set('image/models/server-key', { text: `${config.key}\n` });
  for (const { digest } of versions) files.set(`image/models/models/${digest}.onnx`, { digest });
  return files;
}

const kubernetesObjects = (plan: DeploymentPlan) => ({
  deployment: deployment(plan),
  service: service(plan),
  autoscaler: autoscaler(plan),
  'disruption-budget': disruptionBudget(plan),
  'http-route': httpRoute(plan),
});

const kserveObjects = (plan: DeploymentPlan) => ({
  'serving-runtime': servingRuntime(plan),
  'inference-service': inferenceService(plan),
});

const headline =
  '# Written by tilth deploy manifests: change the endpoint and write it anew, instead of this file.';

const yamlOf = (object: object): string =>
  `${headline}\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`;
