import type { Reader } from '../../platform/database/database.ts';
import type { World } from '../../platform/world.ts';
import { getEndpointRow } from '../endpoints/endpoint-store.ts';
import { servingSigner } from '../endpoints/serving-key.ts';
import { servingConfigOf } from '../endpoints/serving-state.ts';
import { standingApproval } from '../registry/approvals/approval-state.ts';
import { challenger, champion } from '../registry/registry.ts';
import { gateReport } from '../registry/registry-api.ts';
import { signatureHeaders } from '../serving/config/config-signature.ts';
import type { RouteTarget, ServedVersion } from '../serving/serving-api.ts';
import type { DeployedVersion, SealedDeployment } from './deployment-api.ts';
import { needsPythonImage, notApproved, nothingToDeploy } from './manifests-errors.ts';

/**
 * An endpoint as it is now, signed, with the evidence of each version that answers. Shadows are left out: they answer
 * nobody, and may have no approval.
 *
 * @throws ENDPOINT_UNKNOWN, MANIFESTS_NOTHING_SERVED, MANIFESTS_NOT_APPROVED, MANIFESTS_NEED_ONNX
 */
export async function sealDeployment(world: World, name: string): Promise<SealedDeployment> {
  const { read } = world.database;
  await getEndpointRow(read, name);
  const config = await servingConfigOf(read);
  const endpoint = config.endpoints.find((one) => one.name === name);
  if (endpoint === undefined) throw nothingToDeploy(name);
  const targets = endpoint.targets.filter((target) => target.variant !== 'shadow');
  const served = targets.map((target) => ({
    target,
    version: versionOf(config.versions, endpoint.model, target.version),
  }));
  const versions: DeployedVersion[] = [];
  for (const { target, version } of served) {
    if (version.engine === 'python') throw needsPythonImage(version.model, version.version);
    versions.push({ ...(await evidenceOf(world, read, name, target, version)) });
  }
  // its own revision, so that changes of other endpoints change nothing here
  const { revision } = endpoint;
  const body = JSON.stringify({
    revision,
    endpoints: [{ ...endpoint, targets }],
    versions: served.map((one) => one.version),
  });
  const signer = servingSigner(world);
  const signature = signer.sign(body)[signatureHeaders.signature] ?? '';
  const { key, links } = signer;
  return {
    endpoint: name,
    model: endpoint.model,
    revision,
    config: { body, key, signature, links: [...links] },
    versions,
  };
}

function versionOf(versions: readonly ServedVersion[], model: string, version: number): ServedVersion {
  const found = versions.find((one) => one.model === model && one.version === version);
  if (found === undefined) throw new Error(`the configuration lacks ${model}/${version}`);
  return found;
}

async function evidenceOf(
  world: World,
  read: Reader,
  endpoint: string,
  target: RouteTarget,
  served: ServedVersion,
): Promise<DeployedVersion> {
  const { model, version, digest, byteCount } = served;
  const aliases = target.variant === 'champion' ? [champion] : [champion, challenger];
  const approval = await standingApproval(read, model, version, aliases, world.clock.now());
  if (approval === undefined) throw notApproved(endpoint, model, version);
  return {
    version,
    variant: target.variant,
    weight: target.weight,
    digest,
    byteCount,
    approval: {
      id: approval.id,
      alias: approval.alias,
      requestedBy: approval.requested_by,
      approvedBy: approval.decided_by ?? '',
      approvedAt: approval.decided_at ?? 0,
      bundleHash: approval.bundle_hash,
    },
    gate: gateReport.parse(JSON.parse(approval.gate_report)),
  };
}
