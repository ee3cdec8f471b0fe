import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { fingerprint, isKey, isSignedBy, leadsTo, succession } from './config-signature.ts';
import { servingConfig, type ServingConfig } from '../serving-api.ts';
import { configUntrusted } from '../serving-errors.ts';

/** A configuration as it came: its own bytes, who signed them, and how the signer came after older keys. */
export const signedConfig = z.object({
  body: z.string(),
  key: z.string(),
  signature: z.string(),
  links: succession,
});
export type SignedConfig = z.infer<typeof signedConfig>;

/**
 * What a data plane keeps on disk to go on alone: the last configuration with its signature, and the key that it trusts.
 * The key is the one that was given to it, else the one that it met first.
 */
export class KeptConfig {
  readonly #configFile: string;
  readonly #wholeFile: string;
  readonly #keyFile: string;
  #isNewestWhole: boolean;
  #trusted: string | undefined;

  /** @param serverKey as `tilth endpoint key` prints it; undefined trusts the first one that is met */
  constructor(folder: string, serverKey: string | undefined) {
    this.#configFile = join(folder, 'config.json');
    this.#wholeFile = join(folder, 'config-whole.json');
    this.#keyFile = join(folder, 'server-key');
    this.#isNewestWhole = !existsSync(this.#wholeFile);
    if (serverKey !== undefined && !isKey(serverKey))
      throw configUntrusted(`${JSON.stringify(serverKey)} is no key of a server.`);
    this.#trusted = serverKey ?? this.#knownKey();
  }

  #knownKey(): string | undefined {
    if (!existsSync(this.#keyFile)) return undefined;
    const key = readFileSync(this.#keyFile, 'utf8').trim();
    if (!isKey(key)) throw configUntrusted(`${this.#keyFile} holds no key.`);
    return key;
  }

  /**
   * The configurations of an earlier life of this plane: the last one that could be loaded whole, where the newest could not,
   * and the newest one.
   *
   * @throws SERVING_CONFIG_UNTRUSTED when one is not what the control plane signed
   */
  read(): ServingConfig[] {
    return [this.#wholeFile, this.#configFile]
      .filter((file) => existsSync(file))
      .map((file) => this.#readOne(file));
  }

  #readOne(file: string): ServingConfig {
    const kept = signedConfig.safeParse(jsonOf(readFileSync(file, 'utf8')));
    if (!kept.success) throw configUntrusted(`The kept configuration ${file} bears no signature.`);
    if (this.#trusted === undefined)
      throw configUntrusted(
        `The kept configuration ${file} can't be held against a key: ${this.#keyFile} is missing.`,
      );
    const { body, key, signature, links } = kept.data;
    if (!leadsTo(this.#trusted, key, links)) {
      throw configUntrusted(
        `The kept configuration ${file} was signed by the key ${fingerprint(key)}, and ${fingerprint(this.#trusted)} is trusted.`,
      );
    }
    if (!isSignedBy(key, body, signature))
      throw configUntrusted(`The kept configuration ${file} was changed after it was signed.`);
    this.#trusted = key;
    return servingConfig.parse(JSON.parse(body));
  }

  /**
   * Holds what came from the control plane against the trusted key; the first one that comes is trusted from then on.
   *
   * @returns whose word it is: the key known before, a key that is new here, or a successor of the known one
   * @throws SERVING_CONFIG_UNTRUSTED
   */
  accept({ body, key, signature, links }: SignedConfig): 'known' | 'first' | 'successor' {
    if (!isSignedBy(key, body, signature))
      throw configUntrusted('What the control plane sent does not fit its signature.');
    const before = this.#trusted;
    if (before === key) return 'known';
    if (before !== undefined && !leadsTo(before, key, links)) {
      throw configUntrusted(
        `The control plane signs with the key ${fingerprint(key)}, and this data plane trusts ${fingerprint(before)}.`,
      );
    }
    this.#trusted = key;
    replace(this.#keyFile, `${key}\n`);
    return before === undefined ? 'first' : 'successor';
  }

  /** @param isWhole all of its versions that answer are loaded; else the last one that was stays too, to fall back upon */
  keep(config: SignedConfig, isWhole: boolean): void {
    if (!isWhole && this.#isNewestWhole && existsSync(this.#configFile))
      renameSync(this.#configFile, this.#wholeFile);
    replace(this.#configFile, JSON.stringify(config));
    if (isWhole) rmSync(this.#wholeFile, { force: true });
    this.#isNewestWhole = isWhole;
  }

  /** Of the key that is trusted; undefined before the first contact. */
  get trusted(): string | undefined {
    return this.#trusted === undefined ? undefined : fingerprint(this.#trusted);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Old or new as a whole, also when the machine stops meanwhile. */
function replace(file: string, text: string): void {
  const partial = `${file}.partial`;
  writeFileSync(partial, text, { mode: 0o600, flush: true });
  renameSync(partial, file);
}
