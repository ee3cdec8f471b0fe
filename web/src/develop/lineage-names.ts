import type { LineageKind } from '../../../src/develop/lineage/lineage-api.ts';
import type { NamedNode } from '../../../src/server/lineage/lineage-view-api.ts';
import { segment } from '../platform/api.ts';
import { shortId } from '../platform/format.ts';
import type { Tone } from '../parts/basics.tsx';

export const kindNames: Readonly<Record<LineageKind, string>> = {
  'dataset-version': 'dataset version',
  run: 'run',
  'pipeline-execution': 'stage run',
  job: 'job',
  'model-version': 'model version',
  endpoint: 'endpoint',
  'external-dataset': 'dataset elsewhere',
  'external-run': 'run elsewhere',
};

/** A name that fits a box: ids without a name of their own are cut. */
export const nameOf = ({ name, id }: NamedNode): string =>
  name === id && id.length > 24 ? shortId(id) : name;

export interface Address {
  readonly to: string;
  readonly search?: Readonly<Record<string, string>>;
}

/** Where a thing is shown in full. */
export function addressOf(node: NamedNode): Address | undefined {
  switch (node.kind) {
    case 'run':
      return { to: `/develop/runs/${segment(node.id)}` };
    case 'endpoint':
      return { to: `/deploy/endpoints/${segment(node.id)}` };
    case 'model-version':
      return {
        to: `/deploy/models/${segment(node.name)}/${segment(node.id.slice(node.id.lastIndexOf('/') + 1))}`,
      };
    case 'dataset-version':
      return {
        to: `/develop/data/${segment(node.name)}`,
        search: { version: node.id.slice(node.id.lastIndexOf('@') + 1) },
      };
    case 'pipeline-execution':
      return {
        to: '/develop/pipelines',
        ...(node.detail === null
          ? {}
          : { search: { project: node.detail, stage: node.name, execution: node.id } }),
      };
    default:
      return undefined;
  }
}

export const toneOf = ({
  kind,
  state,
}: Pick<NamedNode, 'kind' | 'state'>): 'plain' | 'accent' | 'bad' | 'info' =>
  state === 'failed'
    ? 'bad'
    : kind === 'dataset-version' || kind === 'external-dataset'
      ? 'plain'
      : kind === 'model-version' || kind === 'endpoint'
        ? 'accent'
        : 'info';

export const stateTone: Readonly<Record<string, Tone>> = {
  finished: 'good',
  succeeded: 'good',
  running: 'info',
  failed: 'bad',
};
