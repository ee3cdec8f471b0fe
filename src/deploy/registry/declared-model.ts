import type { Reader } from '../../platform/database.ts';
import type { ModelDeclaration, ProjectDeclaration } from '../../start/project/declaration.ts';

/** What a project's tilth.yaml says about a model, and where the project is. */
export interface DeclaredModel {
  readonly root: string;
  readonly project: ProjectDeclaration;
  readonly model: ModelDeclaration;
}

export async function declaredModel(_read: Reader, _name: string): Promise<DeclaredModel | undefined> {
  return undefined;
}

export const isDeclared = async (read: Reader, name: string): Promise<boolean> => (await declaredModel(read, name)) !== undefined;
