/** One name in a folder of a tree. */
export interface TreeName {
  readonly name: string;
  readonly isFolder: boolean;
  readonly isExecutable: boolean;
  /** bytes; of a folder only what the disk says */
  readonly size: number | undefined;
}
