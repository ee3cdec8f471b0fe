import { z } from 'zod';

const templateAddress = {
  /** https address, abbreviation, or one of ours; folders and other addresses only by the local user */
  template: z.string().trim().min(1).max(2000).default('tilth:ml-project'),
  /** branch, tag or commit */
  checkout: z.string().trim().min(1).max(200).optional(),
  /** folder inside the repository that holds cookiecutter.json */
  directory: z
    .string()
    .trim()
    .min(1)
    .max(400)
    .refine(
      (path) => !path.startsWith('/') && !path.split(/[/\\]/).includes('..'),
      'give a folder inside the repository',
    )
    .optional(),
};

export const describeTemplate = z.object({
  ...templateAddress,
  /** what was fetched before (`opened` of an earlier answer): it is not fetched again */
  opened: z.string().optional(),
  /** by the name of the question, as far as they are given */
  answers: z.record(z.string(), z.unknown()).default({}),
});
export type DescribeTemplate = z.infer<typeof describeTemplate>;

export const question = z.object({
  name: z.string(),
  /** what the template asks; the name where it says nothing */
  question: z.string(),
  kind: z.enum(['text', 'choice', 'yes-no', 'json']),
  /** the answer given, else what the template proposes after the answers so far */
  value: z.unknown(),
  isGiven: z.boolean(),
  choices: z.array(z.object({ value: z.unknown(), label: z.string() })),
});
export type Question = z.infer<typeof question>;

export const templateProblem = z.object({
  /** of the question */
  name: z.string(),
  message: z.string(),
  hint: z.string().optional(),
});
export type TemplateProblem = z.infer<typeof templateProblem>;

export const templateCode = z.object({
  /** path in the template */
  file: z.string(),
  /** a hook runs before or after rendering; an extension takes part in it; hooks may use what lies beside them */
  kind: z.enum(['hook', 'extension', 'beside']),
  text: z.string(),
});

export const templateDescription = z.object({
  /** names what was fetched, for the next request; kept for half an hour */
  opened: z.string(),
  template: z.string(),
  commit: z.string().nullable(),
  checkout: z.string().nullable(),
  directory: z.string().nullable(),
  /** templates of this repository to choose from by `directory`; empty when this is one */
  templates: z.array(
    z.object({ directory: z.string(), title: z.string(), description: z.string().nullable() }),
  ),
  questions: z.array(question),
  /** answers that the template does not take */
  problems: z.array(templateProblem),
  /** what would run on the server's machine, to be read before it is allowed */
  code: z.array(templateCode),
  /** the local user let this code run before, or there is none */
  isTrusted: z.boolean(),
  /** stands for the code and the commit that were shown; goes with the start */
  digest: z.string(),
});
export type TemplateDescription = z.infer<typeof templateDescription>;

export const startPlace = z.object({
  /** where projects are made on the server's machine */
  folder: z.string(),
  /** a whole path may be given too */
  mayLeave: z.boolean(),
  /** may start projects */
  mayStart: z.boolean(),
  /** may let a template's own code run */
  mayRunCode: z.boolean(),
  /** may name folders of this machine and use its keys */
  isLocalUser: z.boolean(),
});
export type StartPlace = z.infer<typeof startPlace>;

export const startNewProject = z.object({
  ...templateAddress,
  opened: z.string().optional(),
  answers: z.record(z.string(), z.unknown()).default({}),
  /** below the server's folder for projects; a whole path by who may */
  folder: z.string().trim().max(1000).default(''),
  /** `digest` of the description: what runs and renders is what was shown */
  digest: z.string().optional(),
  /** hooks, extensions and the template's own build run on the machine of the server */
  runsCode: z.boolean().default(false),
  usesGit: z.boolean().default(true),
  installs: z.boolean().default(false),
});
export type StartNewProject = z.infer<typeof startNewProject>;

/** What a job of the kind `project.start` answers. */
export const newProject = z.object({
  folder: z.string(),
  /** its name on the server; null when the template has no tilth.yaml */
  project: z.string().nullable(),
  fileCount: z.number(),
  template: z.string(),
  templateCommit: z.string().nullable(),
  commit: z.string().nullable(),
  /** code of the template that did not run */
  leftOut: z.array(z.string()),
  /** what did not come about though the project is there: its environment, its registration */
  warnings: z.array(z.object({ message: z.string(), hint: z.string().optional() })),
});
export type NewProject = z.infer<typeof newProject>;

export const jobStarted = z.object({ jobId: z.string() });
export type JobStarted = z.infer<typeof jobStarted>;
