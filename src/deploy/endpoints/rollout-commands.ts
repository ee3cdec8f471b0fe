import type { Command } from 'commander';
import { call } from '../../platform/client.ts';
import { withCommonFlags, type CommonFlags } from '../../platform/command.ts';
import { print, usage } from '../../platform/terminal.ts';
import type { Comparison } from './comparison-api.ts';
import type { ServingKey } from './endpoint-api.ts';
import type { Rollout, Steering } from './rollout-api.ts';

interface CanaryFlags extends CommonFlags {
  readonly steps?: string;
  readonly every?: string;
  readonly minRequests?: string;
  readonly watch?: string;
  readonly errorRate?: string;
  readonly p99Ratio?: string;
  readonly p99Ms?: string;
  readonly quality?: string;
  readonly effect?: string;
  readonly reason?: string;
}

interface CompareFlags extends CommonFlags {
  readonly metric: string;
  readonly version?: string;
  readonly effect?: string;
  readonly confidence?: string;
  readonly better?: string;
}

const pathOf = (name: string): string => `/api/v1/endpoints/${encodeURIComponent(name)}`;

/** `tilth endpoint canary | compare | key`. */
export function addRolloutCommands(endpoint: Command): void {
  withCommonFlags(
    endpoint
      .command('canary <name> [version]')
      .description('roll a version out by steps; or pause, resume, promote, stop; alone, tell how it stands')
      .usage('[options] <name> [version | pause | resume | promote | stop]'),
  )
    .option('--steps <percents>', 'growing, for example 1,5,25,50,100; else those of tilth.yaml')
    .option('--every <duration>', 'how long each step lasts at least: 10m, 1h, 30s')
    .option('--min-requests <n>', 'how many requests it must have answered in each step')
    .option('--watch <duration>', 'how long it is watched after it became champion')
    .option('--error-rate <share>', 'share of its requests that may fail, 0..1')
    .option('--p99-ratio <n>', 'how much slower than the champion’s its 99th percentile may be')
    .option('--p99-ms <n>', 'milliseconds that its 99th percentile may take')
    .option('--quality <metric>', 'what may not get worse: accuracy, brier, or an outcome that is told of')
    .option('--effect <n>', 'the smallest difference of it that matters')
    .option('--reason <text>')
    .action(async (name: string, what: string | undefined, flags: CanaryFlags) => {
      print(flags, await canary(name, what, flags), described);
    });

  withCommonFlags(
    endpoint
      .command('compare <name>')
      .description('canary and champion by what came of their answers; may be asked at any moment'),
  )
    .option(
      '--metric <name>',
      'accuracy or brier of the ground truth, or an outcome that is told of',
      'accuracy',
    )
    .option('--version <n>', 'the canary, or the newest one, unless given')
    .option('--effect <n>', 'the smallest difference that matters, in units of the metric (0.02)')
    .option('--confidence <share>', '0.95 unless given')
    .option('--better <which>', 'higher or lower')
    .action(async (name: string, flags: CompareFlags) => {
      const query = new URLSearchParams({ metric: flags.metric });
      for (const key of ['version', 'effect', 'confidence', 'better'] as const)
        if (flags[key] !== undefined) query.set(key, flags[key]);
      print(
        flags,
        await call<Comparison>(flags, 'GET', `${pathOf(name)}/compare?${query.toString()}`),
        (found) => [
          found.summary,
          ...(found.pValue === null
            ? []
            : [
                `p ${found.pValue.toPrecision(2)}, valid whenever it is read; confidence ${found.confidence}`,
              ]),
          ...found.assumptions.map((each) => `  it is taken that: ${each}`),
        ],
      );
    });

  withCommonFlags(
    endpoint
      .command('key')
      .description('the key that configurations are signed with, for tilth serve --server-key'),
  )
    .option(
      '--rotate',
      'sign with a new key from now on; data planes follow, since the old one vouches for it',
    )
    .action(async (flags: CommonFlags & { rotate?: boolean }) => {
      const key =
        flags.rotate === true
          ? await call<ServingKey>(flags, 'POST', '/api/v1/serving/key/rotate', {})
          : await call<ServingKey>(flags, 'GET', '/api/v1/serving/key');
      print(flags, key, (each) => `${each.key}  (fingerprint ${each.fingerprint})`);
    });
}

const hands: readonly Steering[] = ['pause', 'resume', 'promote', 'stop'];

async function canary(name: string, what: string | undefined, flags: CanaryFlags): Promise<Rollout> {
  if (what === undefined) return call<Rollout>(flags, 'GET', `${pathOf(name)}/rollout`);
  const hand = hands.find((each) => each === what);
  if (hand !== undefined)
    return call<Rollout>(flags, 'POST', `${pathOf(name)}/rollout/${hand}`, { reason: flags.reason });
  if (!/^\d+$/.test(what))
    throw usage(`${JSON.stringify(what)} is neither a version nor pause, resume, promote or stop.`);
  return call<Rollout>(flags, 'POST', `${pathOf(name)}/rollouts`, {
    version: Number(what),
    steps: flags.steps?.split(',').map((each) => numberIn('--steps', each)),
    everyMs: msIn('--every', flags.every),
    minRequests: numberIn('--min-requests', flags.minRequests),
    watchMs: msIn('--watch', flags.watch),
    stop: {
      errorRate: numberIn('--error-rate', flags.errorRate),
      p99Ratio: numberIn('--p99-ratio', flags.p99Ratio),
      p99Ms: numberIn('--p99-ms', flags.p99Ms),
      quality:
        flags.quality === undefined
          ? undefined
          : { metric: flags.quality, effect: numberIn('--effect', flags.effect) },
    },
    reason: flags.reason,
  });
}

function numberIn(flag: string, text: string): number;
function numberIn(flag: string, text: string | undefined): number | undefined;
function numberIn(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw usage(`${flag} ${text} is no number.`);
  return value;
}

const unitMs = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function msIn(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const found = /^(\d+)([smhd])$/.exec(text);
  if (found === null) throw usage(`${flag} ${text} is no duration; write 30s, 10m, 1h or 2d.`);
  return Number(found[1]) * unitMs[found[2] as keyof typeof unitMs];
}

function described(rollout: Rollout): string[] {
  const { version, endpoint, champion, state, step, plan } = rollout;
  const percents = plan.steps.map((each, index) =>
    index === step && state !== 'promoted' ? `[${each.percent}]` : String(each.percent),
  );
  return [
    `version ${version} beside champion ${champion} at ${endpoint}: ${state}; steps of ${percents.join(' ')} %`,
    ...rollout.decisions.map(
      (each) =>
        `  ${new Date(each.at).toISOString()} ${each.what} by ${each.by}${each.onBehalfOf === null ? '' : ` for ${each.onBehalfOf}`}: ${each.because}`,
    ),
    ...(rollout.now === null
      ? []
      : [
          `  now: ${rollout.now.verdict.decision}. ${rollout.now.verdict.because}`,
          ...rollout.now.verdict.checks.map((each) => `    ${each.outcome}: ${each.said}`),
        ]),
  ];
}
