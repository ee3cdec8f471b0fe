import { Link } from '@tanstack/react-router';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { count } from '../platform/format.ts';
import { Badge, Empty, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Table, figure, unseen } from '../parts/table.tsx';
import { AliasBadge } from './version-badges.tsx';
import { VersionLink } from './version-link.tsx';

export function ModelsPage() {
  const models = useApi<RegisteredModel[]>('/api/v1/models');
  return (
    <ListPage
      title="Models"
      lead="Registered models, their versions and which of them is the champion."
      cli="tilth model list"
      query={models}
      filter="Filter models"
      wordsOf={(model) => model.name}
      empty={
        <Empty title="No model is registered yet" command="tilth model register NAME --run RUN_ID">
          A run that logged a model can be registered. The MLflow client’s <code>register_model</code> does
          the same.
        </Empty>
      }
    >
      {(list) => (
        <Table heads={['Model', 'Aliases', figure('Versions'), 'Gate', 'Changed', unseen('More')]}>
          {list.map((model) => (
            <tr key={model.name}>
              <td>
                <Link to={`/deploy/models/${segment(model.name)}`} className="link">
                  {model.name}
                </Link>
                {model.description === null || model.description === '' ? null : (
                  <span className="block max-w-[60ch] text-sm text-ink-2">{model.description}</span>
                )}
              </td>
              <td>
                <Aliases model={model} />
              </td>
              <td className="num">{count(model.versionCount)}</td>
              <td className="whitespace-nowrap">
                {model.isDeclared ? <Badge tone="accent">declared</Badge> : <Badge>none</Badge>}
              </td>
              <td>
                <When at={model.updatedAt} />
              </td>
              <td className="whitespace-nowrap">
                <Link to={`/monitor/${segment(model.name)}`} className="link">
                  history
                </Link>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </ListPage>
  );
}

const Aliases = ({ model }: { model: RegisteredModel }) => {
  const aliases = Object.entries(model.aliases);
  if (aliases.length === 0) return <span className="text-ink-3">none</span>;
  return (
    <ul className="flex flex-col gap-1">
      {aliases.map(([alias, version]) => (
        <li key={alias} className="flex items-center gap-2 whitespace-nowrap">
          <AliasBadge alias={alias} />
          <VersionLink model={model.name} version={version} />
        </li>
      ))}
    </ul>
  );
};
