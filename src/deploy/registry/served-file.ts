/** Where the file of a digest lies that an engine runs; data planes ask for it by digest. */
export const fileKeyOf = (engine: 'onnx' | 'python', digest: string): string => `models/${digest}.${engine === 'onnx' ? 'onnx' : 'bundle'}`;
