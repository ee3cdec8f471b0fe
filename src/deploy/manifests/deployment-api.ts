import { z } from 'zod';
import { gateReport } from '../registry/registry-api.ts';
import { signedConfig } from '../serving/config/kept-config.ts';
import { variant } from '../serving/serving-api.ts';

/** Why a version may answer: the approval that stands, and the gate report that it was given on. */
export const deployedVersion = z.object({
  version: z.number().int(),
  variant,
  /** share of requests, 0..1 */
  weight: z.number(),
  /** sha256 of the file that is served */
  digest: z.string(),
  byteCount: z.number().int(),
  approval: z.object({
    id: z.string(),
    alias: z.string(),
    requestedBy: z.string(),
    approvedBy: z.string(),
    /** ms since the epoch */
    approvedAt: z.number(),
    /** of model, data, gate report and card together */
    bundleHash: z.string(),
  }),
  gate: gateReport,
});
export type DeployedVersion = z.infer<typeof deployedVersion>;

/** All that a data plane needs to serve one endpoint alone, for ever as it is now. */
export const sealedDeployment = z.object({
  endpoint: z.string(),
  model: z.string(),
  /** grows with each change of the route */
  revision: z.number().int(),
  config: signedConfig,
  versions: z.array(deployedVersion),
});
export type SealedDeployment = z.infer<typeof sealedDeployment>;
