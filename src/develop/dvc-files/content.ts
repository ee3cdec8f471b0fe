/** Identity and extent of a file or folder, as `.dvc` files and `dvc.lock` keep it. */
export interface Content {
  /** of a folder it ends with `.dir` */
  readonly md5: string;
  /** bytes, of a folder the sum */
  readonly size: number;
  /** only of a folder */
  readonly nfiles?: number;
  /** only of a file that its owner may run; dvc keeps that beside the hash */
  readonly isExec?: true;
}
