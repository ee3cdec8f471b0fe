import type { TemplateDescription } from './new-project-api.ts';
import type { UpdatePlan, UpdateResult } from '../update/update-api.ts';

/** A template on this machine: what `openTemplate` found, without its way to remove it. */
export interface OpenedSource {
  /** folder of what was asked for */
  readonly folder: string;
  readonly name: string;
  /** what a project remembers as its origin */
  readonly template: string;
  readonly commit: string | null;
  readonly repository: string | undefined;
}

export type Described = Pick<
  TemplateDescription,
  'templates' | 'questions' | 'problems' | 'code' | 'isTrusted' | 'digest'
>;

export interface StartWork {
  readonly source: OpenedSource;
  readonly checkout: string | undefined;
  readonly directory: string | undefined;
  readonly answers: Readonly<Record<string, unknown>>;
  readonly outputFolder: string;
  readonly runsCode: boolean;
  /** of the code and the commit that were shown */
  readonly digest: string | undefined;
  readonly usesGit: boolean;
  /** the settings of the server's owner give defaults too */
  readonly usesSettings: boolean;
}

export interface StartedWork {
  readonly folder: string;
  readonly fileCount: number;
  readonly commit: string | null;
  /** code of the template that did not run */
  readonly leftOut: string[];
}

/** What the worker can be asked; each in a process of its own. */
export interface WorkerRequests {
  open: {
    readonly template: string;
    readonly checkout: string | undefined;
    readonly directory: string | undefined;
    /** where a repository is cloned to, and an archive unpacked */
    readonly cloneFolder: string | undefined;
  };
  describe: {
    readonly source: OpenedSource;
    readonly directory: string | undefined;
    readonly answers: Readonly<Record<string, unknown>>;
    readonly usesSettings: boolean;
  };
  start: StartWork;
  install: { readonly folder: string; readonly home: string };
  plan: { readonly folder: string; readonly usesSettings: boolean };
  update: {
    readonly folder: string;
    readonly usesSettings: boolean;
    readonly branch: string;
    readonly withConflicts: boolean;
  };
}

export interface WorkerAnswers {
  open: OpenedSource;
  describe: Described;
  start: StartedWork;
  install: { readonly outcome: 'installed' | 'in-step' | 'no-lock'; readonly packageCount: number };
  plan: UpdatePlan;
  update: UpdateResult;
}
