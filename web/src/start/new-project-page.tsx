import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Search } from '../platform/url.ts';
import { shellWord } from '../platform/format.ts';
import { Page } from '../parts/basics.tsx';
import { NewProjectForm, ownTemplate, type TemplateWish } from './new-project-form.tsx';
import { StartJob } from './start-job.tsx';

/** A screen of its own for the form: its address names the template, so that a link begins with it. */
export function NewProjectPage() {
  const wish = useWish();
  return (
    <Page
      name="New project"
      title="New project"
      lead="From our template, or any other in cookiecutter’s format. Nothing is made until you start it."
      cli={commandOf(wish)}
      actions={
        <Link to="/start" className="button">
          All projects
        </Link>
      }
    >
      <NewProject />
    </Page>
  );
}

export const commandOf = ({ template, checkout, directory }: TemplateWish): string =>
  [
    'tilth start',
    template === ownTemplate ? '' : shellWord(template),
    checkout === '' ? '' : `--checkout ${shellWord(checkout)}`,
    directory === '' ? '' : `--directory ${shellWord(directory)}`,
  ]
    .filter((part) => part !== '')
    .join(' ');

function useWish(): TemplateWish {
  const { template = ownTemplate, checkout = '', directory = '' } = useSearch({ strict: false }) as Search;
  return useMemo(() => ({ template, checkout, directory }), [template, checkout, directory]);
}

/** The form, and the job that it began; both are in the address. */
export function NewProject() {
  const wish = useWish();
  const { job } = useSearch({ strict: false }) as Search;
  const navigate = useNavigate();
  const go = (next: TemplateWish, begun?: string): void =>
    void navigate({
      to: '.',
      search: { ...inAddress(next), ...(begun === undefined ? {} : { job: begun }) } as never,
    });
  return (
    <>
      {job === undefined ? null : (
        <StartJob key={job} id={job} onAgain={() => go(wish)} onNew={() => go(ours)} />
      )}
      <NewProjectForm
        isHidden={job !== undefined}
        wish={wish}
        onWish={(next) => go(next)}
        onStarted={(id) => go(wish, id)}
      />
    </>
  );
}

const ours: TemplateWish = { template: ownTemplate, checkout: '', directory: '' };

/** What differs from our template as it is. */
const inAddress = (wish: TemplateWish): Search =>
  Object.fromEntries(
    Object.entries(wish).filter(([key, value]) => value !== ours[key as keyof TemplateWish]),
  );
