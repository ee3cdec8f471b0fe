import { Link } from '@tanstack/react-router';
import { useApi } from '../platform/api.ts';
import type { GlossaryWord } from '../../../src/team/glossary-api.ts';
import type { Person } from '../../../src/team/people-api.ts';
import { Answer } from '../parts/answer.tsx';
import { Badge, Empty, FilterBox, Page, Panel, When } from '../parts/basics.tsx';
import { Table, figure } from '../parts/table.tsx';
import { useUrlState } from '../platform/url.ts';

export function TeamPage() {
  const people = useApi<Person[]>('/api/v1/people');
  const glossary = useApi<GlossaryWord[]>('/api/v1/glossary');
  const [filter, setFilter] = useUrlState('filter');
  const isFound = (text: string): boolean => text.toLowerCase().includes(filter.toLowerCase());
  return (
    <Page
      title="Team"
      name="Team"
      lead="Who works here, what each may do, and the words that everyone uses."
      cli="tilth team list"
      actions={<FilterBox value={filter} onChange={setFilter} placeholder="Filter people and words" />}
    >
      <Panel title="People" flush>
        <Answer
          query={people}
          empty={
            <Empty
              title="Nobody is set up yet"
              command="tilth team add ana --name 'Ana Ruiz' --title 'data scientist' --role contributor"
            >
              Until then everything is done by the local user of this machine, who may do all but approve.
            </Empty>
          }
        >
          {(list) => (
            <Table heads={['Person', 'Title', 'May act as', figure('Live tokens'), 'Since']}>
              {list
                .filter((person) =>
                  isFound(`${person.id} ${person.name} ${person.title} ${person.roles.join(' ')}`),
                )
                .map((person) => (
                  <tr key={person.id} className={person.isActive ? '' : 'text-ink-3'}>
                    <td>
                      <span className="flex flex-wrap items-center gap-2">
                        <span className="font-medium">{person.name}</span>
                        <code className="text-xs text-ink-3">{person.id}</code>
                        {person.isSimulated ? <Badge tone="info">simulated</Badge> : null}
                        {person.isActive ? null : <Badge>has left</Badge>}
                      </span>
                    </td>
                    <td className="whitespace-nowrap">{person.title}</td>
                    <td>
                      <span className="flex flex-wrap gap-1">
                        {person.roles.map((role) => (
                          <Badge key={role} tone={role === 'reviewer' || role === 'pii' ? 'accent' : 'plain'}>
                            {role}
                          </Badge>
                        ))}
                      </span>
                    </td>
                    <td className="num">{person.tokenCount}</td>
                    <td>
                      <When at={person.createdAt} />
                    </td>
                  </tr>
                ))}
            </Table>
          )}
        </Answer>
      </Panel>
      <Panel title="The common language" aside="one word for one thing, in commands, routes, page and docs">
        <Answer query={glossary} empty={<p className="text-sm text-ink-2">This server tells no words.</p>}>
          {(words) => (
            <dl className="grid gap-x-8 gap-y-5 md:grid-cols-2 xl:grid-cols-3">
              {words
                .filter((each) =>
                  isFound(`${each.word} ${each.means} ${each.alsoCalled.join(' ')} ${each.practice}`),
                )
                .map((each) => (
                  <div key={each.word} id={each.word}>
                    <dt className="flex flex-wrap items-center gap-2 font-medium">
                      {each.page === null ? (
                        each.word
                      ) : (
                        <Link to={each.page} className="link">
                          {each.word}
                        </Link>
                      )}
                      <Badge>{each.practice}</Badge>
                    </dt>
                    <dd className="mt-1 text-sm text-ink-2">{each.means}</dd>
                    <dd className="mt-1 flex flex-wrap items-center gap-x-3 text-xs text-ink-3">
                      {each.alsoCalled.length === 0 ? null : (
                        <span>elsewhere: {each.alsoCalled.join(', ')}</span>
                      )}
                      {each.command === null ? null : <code>{each.command}</code>}
                    </dd>
                  </div>
                ))}
            </dl>
          )}
        </Answer>
      </Panel>
    </Page>
  );
}
