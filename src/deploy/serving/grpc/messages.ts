/** Messages of inference.proto as they come and go; a field that is absent has its type's empty value. */
export interface InferParameter {
  readonly bool_param?: boolean;
  readonly int64_param?: number;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: number;
  /** name of the one that is set */
  readonly parameter_choice?: Exclude<keyof InferParameter, 'parameter_choice'>;
}

export type Parameters = Readonly<Record<string, InferParameter>>;

export interface TensorContents {
  readonly bool_contents?: readonly boolean[];
  readonly int_contents?: readonly number[];
  readonly int64_contents?: readonly number[];
  readonly uint_contents?: readonly number[];
  readonly uint64_contents?: readonly number[];
  readonly fp32_contents?: readonly number[];
  readonly fp64_contents?: readonly number[];
  readonly bytes_contents?: readonly Buffer[];
}

export interface InputTensor {
  readonly name?: string;
  readonly datatype?: string;
  readonly shape?: readonly number[];
  readonly parameters?: Parameters;
  readonly contents?: TensorContents;
}

export interface ModelInferRequest {
  readonly model_name?: string;
  readonly model_version?: string;
  readonly id?: string;
  readonly parameters?: Parameters;
  readonly inputs?: readonly InputTensor[];
  readonly outputs?: readonly { readonly name?: string; readonly parameters?: Parameters }[];
  readonly raw_input_contents?: readonly Buffer[];
}

export interface OutputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters?: Parameters;
  readonly contents?: TensorContents;
}

export interface ModelInferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters?: Parameters;
  readonly outputs: readonly OutputTensor[];
  readonly raw_output_contents?: readonly Buffer[];
}

/** One model, or one version of it. */
export interface ModelRequest {
  readonly name?: string;
  readonly version?: string;
}

export interface RepositoryChangeRequest {
  readonly repository_name?: string;
  readonly model_name?: string;
  readonly parameters?: object;
}
