import { z } from 'zod';

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type Scalar = z.infer<typeof scalar>;
const bound = z.union([z.number(), z.string()]);

/** Name and value of something that the standard has no key for. */
const customProperties = z.array(z.looseObject({ property: z.string().optional(), value: z.unknown() }));

const quality = z.looseObject({
  type: z.enum(['text', 'library', 'sql', 'custom']).optional(),
  metric: z.string().optional(),
  /** the name of `metric` in ODCS 3.0 */
  rule: z.string().optional(),
  id: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  severity: z.string().optional(),
  /** `rows` or `percent`; other words are allowed and mean rows */
  unit: z.string().optional(),
  arguments: z
    .looseObject({
      validValues: z.array(scalar).optional(),
      missingValues: z.array(scalar).optional(),
      pattern: z.string().optional(),
      properties: z.array(z.string()).optional(),
    })
    .nullish(),
  validValues: z.array(scalar).optional(),
  query: z.string().optional(),
  engine: z.string().optional(),
});
export type QualityText = z.infer<typeof quality>;

const property = z.looseObject({
  name: z.string(),
  physicalName: z.string().optional(),
  description: z.string().optional(),
  logicalType: z.string().optional(),
  required: z.boolean().optional(),
  unique: z.boolean().optional(),
  primaryKey: z.boolean().optional(),
  primaryKeyPosition: z.number().optional(),
  classification: z.string().optional(),
  examples: z.array(z.unknown()).optional(),
  logicalTypeOptions: z
    .looseObject({
      minimum: bound.optional(),
      maximum: bound.optional(),
      exclusiveMinimum: bound.optional(),
      exclusiveMaximum: bound.optional(),
      minLength: z.number().optional(),
      maxLength: z.number().optional(),
      multipleOf: z.number().positive().optional(),
      pattern: z.string().optional(),
      format: z.string().optional(),
      enum: z.array(scalar).optional(),
    })
    .optional(),
  /** of ODCS 3.2 */
  enum: z.array(z.looseObject({ value: scalar })).optional(),
  relationships: z.array(z.looseObject({ to: z.unknown() })).optional(),
  quality: z.array(quality).optional(),
});
export type PropertyText = z.infer<typeof property>;

const table = z.looseObject({
  name: z.string(),
  physicalName: z.string().optional(),
  description: z.string().optional(),
  properties: z.array(property).default([]),
  quality: z.array(quality).optional(),
  relationships: z.array(z.looseObject({ to: z.unknown() })).optional(),
});
export type TableText = z.infer<typeof table>;

const serviceLevel = z.looseObject({
  property: z.string(),
  value: scalar,
  unit: z.string().optional(),
  element: z.string().optional(),
  description: z.string().optional(),
  customProperties: customProperties.optional(),
});
export type ServiceLevelText = z.infer<typeof serviceLevel>;

const member = z.looseObject({
  username: z.string().optional(),
  name: z.string().optional(),
  role: z.string().optional(),
});

/**
 * What is read of an Open Data Contract Standard 3 document; other keys are left to their readers.
 *
 * @see https://bitol-io.github.io/open-data-contract-standard/
 */
export const contractText = z.looseObject({
  apiVersion: z.string().regex(/^v3\./, 'only ODCS 3 is known'),
  kind: z.literal('DataContract'),
  id: z.string(),
  version: z.string(),
  status: z.string(),
  name: z.string().optional(),
  description: z
    .union([
      z.string(),
      z.looseObject({
        purpose: z.string().optional(),
        usage: z.string().optional(),
        limitations: z.string().optional(),
      }),
    ])
    .optional(),
  team: z.union([z.array(member), z.looseObject({ members: z.array(member).optional() })]).optional(),
  customProperties: customProperties.optional(),
  slaProperties: z.array(serviceLevel).optional(),
  schema: z.array(table).min(1),
});
export type ContractText = z.infer<typeof contractText>;
