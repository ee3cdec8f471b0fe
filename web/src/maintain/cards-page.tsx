import { Link, useParams } from '@tanstack/react-router';
import type { ModelVersion, RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import type { CardEvidence, ModelCard } from '../../../src/maintain/cards/card-api.ts';
import { segment, useApi } from '../platform/api.ts';
import { readable, shellWord } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Copy, Empty, Id, Page, Panel, Segmented, When } from '../parts/basics.tsx';
import { ListPage } from '../parts/list-page.tsx';
import { Icon } from '../parts/icon.tsx';
import { Markdown } from '../parts/markdown.tsx';

export function CardsPage() {
  const query = useApi<RegisteredModel[]>('/api/v1/models');
  return (
    <ListPage
      title="Model cards"
      lead="What each model is for, how it was made, how well it does and where it does not."
      cli="tilth model card MODEL"
      query={query}
      filter="Filter models"
      wordsOf={(model) => model.name}
      empty={
        <Empty title="No model is registered yet" command="tilth quickstart">
          A card is made from what was measured, for every registered model.
        </Empty>
      }
    >
      {(models) => (
        <ul className="divide-y divide-line">
          {models.map((model) => (
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
    </ListPage>
  );
}

export function CardPage() {
  const { model = '' } = useParams({ strict: false });
  const [asked, setVersion] = useUrlState('version');
  const [form, setForm] = useUrlState('form', 'parts');
  const versions = useApi<ModelVersion[]>(`/api/v1/models/${segment(model)}/versions`);
  const known = versions.data ?? [];
  const usual = known.find((each) => each.aliases.includes('champion')) ?? known[0];
  const version = asked === '' ? usual?.version : Number(asked);
  const query = useApi<ModelCard>(
    version === undefined ? null : `/api/v1/models/${segment(model)}/versions/${version}/card`,
  );
  const empty = (
    <div className="card">
      <Empty
        title="This model has no version to make a card of"
        command={`tilth model register ${shellWord(model)} --run RUN_ID`}
      />
    </div>
  );
  return (
    <Page
      name={`Card of ${model}`}
      title={
        <>
          {model}
          {version === undefined ? null : <span className="text-ink-3">version {version}</span>}
        </>
      }
      lead="Model card: computed from what was measured; what only a person can say is asked for."
      cli={`tilth model card ${shellWord(model)}${version === undefined ? '' : ` ${version}`}`}
      actions={
        <>
          {known.length < 2 ? null : (
            <select
              className="field"
              aria-label="Version"
              value={version}
              onChange={(event) => setVersion(event.target.value)}
            >
              {known.map((each) => (
                <option key={each.version} value={each.version}>
                  version {each.version}
                  {each.aliases.length === 0 ? '' : ` (${each.aliases.join(', ')})`}
                </option>
              ))}
            </select>
          )}
          <Segmented
            label="Form"
            value={form}
            options={[
              { value: 'parts', label: 'With evidence' },
              { value: 'document', label: 'Document' },
            ]}
            onChange={setForm}
          />
        </>
      }
    >
      {version === undefined ? (
        <Answer query={versions} empty={empty}>
          {() => empty}
        </Answer>
      ) : (
        <Answer query={query} empty={empty}>
          {(card) => <Card card={card} isDocument={form === 'document'} />}
        </Answer>
      )}
    </Page>
  );
}

function Card({ card, isDocument }: { card: ModelCard; isDocument: boolean }) {
  return (
    <>
      {card.isStale ? (
        <p className="flex gap-2 rounded-md bg-warn-soft px-4 py-3 text-sm">
          <Icon name="attention" className="mt-0.5 text-warn" />
          <span>
            This card is older than what is happening
            {card.staleBecause === null ? '' : `: ${card.staleBecause}`}.
          </span>
        </p>
      ) : null}
      {card.missing.length === 0 ? null : (
        <div className="card px-4 py-3 text-sm">
          <p className="font-medium">Only a person can say, and nobody has yet:</p>
          <ul className="mt-1 list-disc pl-5 text-ink-2">
            {card.missing.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
          <p className="mt-1 text-ink-2">
            Write it into <code>MODEL_CARD.md</code> of the project.
          </p>
        </div>
      )}
      {isDocument ? (
        <Panel title="Document" aside={<Copy text={card.markdown} label="Copy Markdown" />}>
          <Markdown text={card.markdown} />
        </Panel>
      ) : (
        <div className="gap-5 xl:columns-2">
          {card.parts.map((part) => (
            <Panel key={part.title} title={part.title} flush className="mb-5 break-inside-avoid">
              {part.facts.length === 0 ? (
                <p className="px-4 py-4 text-sm text-ink-2">Nothing is known.</p>
              ) : (
                <ul className="divide-y divide-line text-sm">
                  {part.facts.map((fact, index) => (
                    <li key={index} className="px-4 py-2.5">
                      {fact.label === null ? null : (
                        <span className="block text-xs text-ink-3">{fact.label}</span>
                      )}
                      <span
                        className={`break-words ${fact.evidence === null ? 'block whitespace-pre-line' : 'line-clamp-3'}`}
                        title={fact.text}
                      >
                        {readable(fact.text)}
                      </span>
                      {fact.evidence === null ? null : (
                        <EvidenceLine model={card.model} evidence={fact.evidence} />
                      )}
                    </li>
                  ))}
                </ul>
              )}
            </Panel>
          ))}
        </div>
      )}
      <p className="text-xs text-ink-3">
        digest <Id text={card.digest} letters={16} />
      </p>
    </>
  );
}

function EvidenceLine({ model, evidence }: { model: string; evidence: CardEvidence }) {
  const path =
    evidence.kind === 'run'
      ? `/develop/runs/${segment(evidence.id)}`
      : evidence.kind === 'performance' || evidence.kind === 'drift' || evidence.kind === 'alert'
        ? `/monitor/${segment(model)}`
        : undefined;
  return (
    <span className="mt-0.5 flex flex-wrap items-center gap-x-2 text-xs text-ink-3">
      {path === undefined ? (
        evidence.kind
      ) : (
        <Link to={path} className="link">
          {evidence.kind}
        </Link>
      )}
      <Id text={evidence.id} letters={24} />
      {evidence.by === null ? null : <span>by {evidence.by}</span>}
      {evidence.at === null ? null : <When at={evidence.at} />}
    </span>
  );
}
