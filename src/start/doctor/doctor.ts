import type { Changes, ProjectFiles } from './project-files.ts';

/** `error`: does not work today. `warning`: will break, or misleads. `info`: worth knowing. */
export type Severity = 'error' | 'warning' | 'info';

export type Practice = 'start' | 'develop' | 'deploy' | 'monitor' | 'maintain';

/** One fault of a project, in the words of who meets it. */
export interface Finding {
  /** permanent name, such as `hydra/yml-ignored` */
  readonly id: string;
  readonly severity: Severity;
  /** relative to the project */
  readonly file?: string | undefined;
  /** from 1 */
  readonly line?: number | undefined;
  /** what somebody sees */
  readonly message: string;
  readonly why: string;
  /** what to do, in words */
  readonly remedy: string;
  /** does it, where that is safe: nothing of the user's is lost and nothing that works stops working */
  readonly fix?: ((files: ProjectFiles) => void) | undefined;
}

/** One subject that a doctor looks at. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly practice: Practice;
  find(files: ProjectFiles): readonly Finding[] | Promise<readonly Finding[]>;
}

const order: readonly Severity[] = ['error', 'warning', 'info'];

/** Everything the checks find, the worst first, then by file and line. */
export async function examine(files: ProjectFiles, checks: readonly Check[]): Promise<Finding[]> {
  const findings = (await Promise.all(checks.map(async (check) => check.find(files)))).flat();
  return findings.toSorted(
    (one, other) =>
      order.indexOf(one.severity) - order.indexOf(other.severity) ||
      (one.file ?? '').localeCompare(other.file ?? '') ||
      (one.line ?? 0) - (other.line ?? 0),
  );
}

/** A fix made in memory, with what it would change. */
export interface ProposedFix {
  readonly finding: Finding;
  /** the files before it; compare with `ProjectFiles.changedFiles` */
  readonly before: Changes;
}

/**
 * Makes one fix after the other in memory. The project is looked at anew after each, since one fix may move
 * another's lines, heal it too, or make it possible.
 *
 * @param agree says whether a fix stays; asked once for each
 */
export async function repair(
  files: ProjectFiles,
  checks: readonly Check[],
  agree: (proposed: ProposedFix) => boolean | Promise<boolean>,
): Promise<Finding[]> {
  const fixed: Finding[] = [];
  const settled = new Set<string>();
  let findings = await examine(files, checks);
  for (;;) {
    const finding = findings.find((found) => found.fix !== undefined && !settled.has(identity(found)));
    if (finding?.fix === undefined) return fixed;
    const before = files.changes();
    finding.fix(files);
    if (!(await agree({ finding, before }))) {
      files.restore(before);
      settled.add(identity(finding));
      continue;
    }
    fixed.push(finding);
    const left = await examine(files, checks);
    const alike = (each: Finding): boolean => identity(each) === identity(finding);
    // a fix that heals nothing is not made again
    if (left.filter(alike).length >= findings.filter(alike).length) settled.add(identity(finding));
    findings = left;
  }
}

/** The same fault before and after its lines moved. */
const identity = ({ id, file, message }: Finding): string => `${id} ${file ?? ''} ${message}`;
