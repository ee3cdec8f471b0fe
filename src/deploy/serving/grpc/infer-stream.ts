import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { ModelInferRequest, ModelInferResponse } from './messages.ts';

export interface StreamAnswer {
  readonly error_message: string;
  readonly infer_response: Pick<ModelInferResponse, 'model_name' | 'id'> | ModelInferResponse;
}

type Stream = ServerDuplexStream<ModelInferRequest, StreamAnswer>;

/** More requests of a stream are not read until one is answered. */
const longestQueue = 64;

/** Requests of one stream: scored at once, answered in their order. One that fails is said so, and the stream goes on. */
export class InferStream {
  readonly #stream: Stream;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();
  #isEnding = false;

  /** @param answer never throws: a failure is an answer too */
  constructor(stream: Stream, answer: (request: ModelInferRequest) => Promise<StreamAnswer>) {
    this.#stream = stream;
    stream.on('data', (request: ModelInferRequest) => {
      if (++this.#waiting >= longestQueue) stream.pause();
      const answered = answer(request);
      this.#last = this.#last.then(async () => this.#write(await answered));
    });
    stream.on('end', () => this.end());
    stream.on('error', () => (this.#isEnding = true));
  }

  async #write(answer: StreamAnswer): Promise<void> {
    if (this.#stream.cancelled || this.#stream.destroyed) return;
    const isTaken = this.#stream.write(answer);
    if (!isTaken)
      await new Promise<void>((resolve) => void this.#stream.once('drain', resolve).once('close', resolve));
    if (--this.#waiting < longestQueue) this.#stream.resume();
  }

  /** Answers what was read, then ends. */
  end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    void this.#last.then(() => this.#stream.end());
  }
}
