import { graphKeyOf } from './version-conversion.ts';

/** Where the file of a digest lies that an engine runs. */
export const fileKeyOf = (_engine: 'onnx' | 'python', digest: string): string => graphKeyOf(digest);
