import { Suspense, lazy } from 'react';
import type { Dataset } from '../../../src/develop/data/data-api.ts';
import type { RegisteredModel } from '../../../src/deploy/registry/registry-api.ts';
import type { LineageView } from '../../../src/server/lineage/lineage-view-api.ts';
import { useApi, withParams } from '../platform/api.ts';
import { many } from '../platform/format.ts';
import { useIsNarrow } from '../platform/narrow.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer } from '../parts/answer.tsx';
import { Empty, Page, Panel, Segmented } from '../parts/basics.tsx';
import { LineageList } from './lineage-list.tsx';
import { LineageSearch } from './lineage-search.tsx';
import { around, keyOf, type Way } from './lineage-shape.ts';
import { kindNames, nameOf } from './lineage-names.ts';

const LineageGraph = lazy(() => import('./lineage-graph.tsx'));

const ways = [
  { value: 'both', label: 'Both ways' },
  { value: 'ancestors', label: 'Came from' },
  { value: 'descendants', label: 'Led to' },
] as const;
const views = [
  { value: 'graph', label: 'Graph' },
  { value: 'list', label: 'List' },
] as const;
const depths = ['1', '2', '3', '5', '10', '50'];

/** What a look at lineage begins with when nothing was asked for: a champion, else the newest data. */
function useBeginning(isWanted: boolean): { readonly key: string; readonly isKnown: boolean } {
  const models = useApi<RegisteredModel[]>(isWanted ? '/api/v1/models' : null);
  const datasets = useApi<Dataset[]>(isWanted ? '/api/v1/datasets' : null);
  const champion = models.data?.flatMap((model) => {
    const version = model.aliases['champion'] ?? model.latestVersion;
    return version === null || version === undefined ? [] : [`model-version:${model.name}/${version}`];
  })[0];
  const newest = datasets.data?.flatMap(({ name, latest }) =>
    latest === null ? [] : [`dataset-version:${name}@${latest.md5}`],
  )[0];
  return { key: champion ?? newest ?? '', isKnown: models.data !== undefined && datasets.data !== undefined };
}

export function LineagePage() {
  const [asked, setOf] = useUrlState('of');
  const [way, setWay] = useUrlState('way', 'both');
  const [depth, setDepth] = useUrlState('depth', '10');
  const isNarrow = useIsNarrow();
  // a telephone shows a picture too small to read
  const [shownAs, setShownAs] = useUrlState('as', isNarrow ? 'list' : 'graph');
  const beginning = useBeginning(asked === '');
  const of = asked === '' ? beginning.key : asked;
  const [kind = '', id = ''] = splitOnce(of);
  const query = useApi<LineageView>(of === '' ? null : '/api/v1/lineage/view', { kind, id, depth });
  const focus = query.data?.nodes.find((node) => keyOf(node) === of);
  const empty = (
    <Empty title="Nothing is linked yet" command="tilth pipeline run">
      Links appear when a pipeline reads a dataset version, a run logs it, or a version is registered from a
      run.
    </Empty>
  );
  return (
    <Page
      title="Lineage"
      name="Lineage"
      lead="From data to run to model version to endpoint: what came from what."
      cli={
        of === ''
          ? 'tilth data list'
          : `curl -s '${location.origin}${withParams('/api/v1/lineage', { kind, id, depth })}'`
      }
      actions={<LineageSearch onChoose={setOf} />}
    >
      <Panel
        title={focus === undefined ? 'Lineage' : `Around ${nameOf(focus)}`}
        flush
        aside={
          of === '' ? null : (
            <>
              <Segmented label="Direction" value={way} options={ways} onChange={setWay} />
              <label className="flex items-center gap-2">
                <span className="sr-only sm:not-sr-only">Steps</span>
                <select
                  className="field"
                  aria-label="Steps away at most"
                  value={depth}
                  onChange={(event) => setDepth(event.target.value)}
                >
                  {depths.map((each) => (
                    <option key={each} value={each}>
                      {each === '50' ? 'all' : each}
                    </option>
                  ))}
                </select>
              </label>
              <Segmented label="Shown as" value={shownAs} options={views} onChange={setShownAs} />
            </>
          )
        }
      >
        {of === '' ? (
          empty
        ) : (
          <Answer query={query} isEmpty={(view) => view.edges.length === 0} empty={empty}>
            {(view) => (
              <Shown view={view} focus={of} way={wayOf(way)} isList={shownAs === 'list'} onFocus={setOf} />
            )}
          </Answer>
        )}
      </Panel>
      {focus === undefined ? null : (
        <p className="px-1 text-sm text-ink-2">
          {kindNames[focus.kind]} {focus.detail ?? ''}. Arrow keys go from one thing to the next, Enter looks
          around it.
        </p>
      )}
    </Page>
  );
}

const wayOf = (text: string): Way => ways.find(({ value }) => value === text)?.value ?? 'both';

function splitOnce(text: string): string[] {
  const at = text.indexOf(':');
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function Shown({
  view,
  focus,
  way,
  isList,
  onFocus,
}: {
  view: LineageView;
  focus: string;
  way: Way;
  isList: boolean;
  onFocus: (key: string) => void;
}) {
  const { placed, edges } = around(view, focus, way);
  return (
    <>
      {placed.length <= 1 ? (
        <p className="border-b border-line px-4 py-3 text-sm text-ink-2">
          {way === 'ancestors' ? 'It came from nothing that is known here.' : 'Nothing came of it yet.'}
        </p>
      ) : null}
      {isList ? (
        <LineageList placed={placed} edges={edges} onFocus={onFocus} />
      ) : (
        <Suspense fallback={<div className="h-[260px]" />}>
          <LineageGraph placed={placed} edges={edges} focus={focus} onFocus={onFocus} />
        </Suspense>
      )}
      {view.leftOut === 0 ? null : (
        <p className="border-t border-line px-4 py-3 text-sm text-ink-2">
          {many(view.leftOut, 'thing')} further away are left out: choose fewer steps, or look around another
          thing.
        </p>
      )}
    </>
  );
}
