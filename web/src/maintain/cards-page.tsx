import { Link, useParams } from '@tanstack/react-router';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, FilterBox, Page, Panel, When } from '../parts/basics.tsx';
import { Markdown } from '../parts/markdown.tsx';

export function CardsPage() {
  const query = useApi<RegisteredModel[]>('/api/v1/models');
  const [filter, setFilter] = useUrlState('filter');
  return (
    <Page
      title="Model cards"
      name="Model cards"
      lead="What each model is for, how it was made, how well it does and where it does not."
      cli="tilth model card MODEL"
      actions={<FilterBox value={filter} onChange={setFilter} placeholder="Filter models" />}
    >
      <section className="card min-w-0" aria-label="Model cards">
        <Answer query={query} empty={<Empty title="No model is registered yet" command="tilth quickstart">A card is made from what was measured, for every registered model.</Empty>}>
          {(models) => (
            <ul className="divide-y divide-line">
              {models
                .filter((model) => model.name.toLowerCase().includes(filter.toLowerCase()))
                .map((model) => (
                  <li key={model.name} className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-3">
                    <Link to={`/maintain/cards/${segment(model.name)}`} className="link">
                      {model.name}
                    </Link>
                    <span className="text-sm text-ink-2">{model.description ?? ''}</span>
                    <span className="ml-auto text-xs text-ink-3">
                      changed <When at={model.updatedAt} />
                    </span>
                  </li>
                ))}
            </ul>
          )}
        </Answer>
      </section>
    </Page>
  );
}

interface Card {
  readonly markdown: string;
}

export function CardPage() {
  const { model = '' } = useParams({ strict: false });
  const query = useApi<Card>(`/api/v1/models/${segment(model)}/card`);
  return (
    <Page
      title={model}
      name={`Card of ${model}`}
      lead="Model card"
      cli={`tilth model card ${shellWord(model)}`}
      actions={
        <Link to={`/deploy/models/${segment(model)}`} className="button">
          Versions
        </Link>
      }
    >
      <Panel title="Model card">
        <Answer query={query} empty={<Empty title="This model has no card yet" command={`tilth model card ${shellWord(model)}`} />}>
          {(card) => <Markdown text={card.markdown} />}
        </Answer>
      </Panel>
    </Page>
  );
}
