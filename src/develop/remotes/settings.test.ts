import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { needsDvc } from '../dvc-files/test-python.ts';
import { meetColleagues } from './test-colleagues.ts';

const colleagues = meetColleagues();
after(() => colleagues.close());

/** Each after the other, by both, in folders of their own. */
const commands = [
  ['remote', 'add', '-d', 'Store', '../R'],
  ['remote', 'add', 'bucket', 's3://bucket/a prefix'],
  ['remote', 'add', 'bucket', 's3://other'],
  ['remote', 'add', '-f', 'bucket', 's3://other/'],
  ['remote', 'add', 'far', 'ssh://eva@host:22/abs/path', '--local'],
  ['remote', 'modify', 'bucket', 'endpointurl', 'http://127.0.0.1:9000'],
  ['remote', 'modify', '--local', 'bucket', 'secret_access_key', 'a,b#c "d"'],
  ['remote', 'modify', 'bucket', 'nothing', 'x'],
  ['remote', 'modify', 'store', 'jobs', 'many'],
  ['remote', 'modify', 'store', 'jobs', '4'],
  ['remote', 'modify', 'store', 'url', '/abs/olute'],
  ['remote', 'modify', 'far', 'user', 'u'],
  ['remote', 'list'],
  ['remote', 'list', '--project'],
  ['config', 'cache.type', 'reflink,copy'],
  ['config', 'cache.type', 'magic'],
  ['config', 'core.autostage', 'true'],
  ['config', 'core.autostage', 'perhaps'],
  ['config', 'Core.Check_Update', 'false'],
  ['config', '--global', 'core.analytics', 'false'],
  ['config', 'core.autostage'],
  ['config', 'core.analytics'],
  ['config', 'core.analytics', '--local'],
  ['config', 'core.nothing'],
  ['config', 'no.such'],
  ['config', 'remote.bucket.url'],
  ['config', '-l'],
  ['config', '-l', '--show-origin'],
  ['config', '-l', '--project'],
  ['config', '-u', 'core.autostage'],
  ['config', '-u', 'core.autostage'],
  ['config', '-u', 'remote.none.url'],
  ['cache', 'dir', '../the cache'],
  ['cache', 'dir', '--unset'],
  ['cache', 'dir', '--unset'],
  ['remote', 'default'],
  ['remote', 'default', 'bucket', '--local'],
  ['remote', 'default', 'none'],
  ['remote', 'modify', '--unset', 'bucket', 'endpointurl'],
  ['remote', 'rename', 'bucket', 'pail'],
  ['remote', 'rename', 'pail', 'store'],
  ['remote', 'rename', 'none', 'one'],
  ['remote', 'default'],
  ['remote', 'default', '-u', '--local'],
  ['remote', 'remove', 'store'],
  ['remote', 'remove', 'store'],
  ['remote', 'default'],
  ['remote', 'remove', 'pail'],
  ['remote', 'remove', 'far', '--local'],
];

test(
  'remote, config and cache dir leave the same bytes, print the same and end the same as with dvc',
  needsDvc,
  async () => {
    const places = { tilth: join(colleagues.root, 'tilth', 'x'), dvc: join(colleagues.root, 'dvc', 'x') };
    for (const place of Object.values(places)) {
      mkdirSync(place, { recursive: true });
      await colleagues.git(place, 'init', '-q');
      await colleagues.dvc(place, 'init', '-q');
    }
    const shared = colleagues.environment['DVC_GLOBAL_CONFIG_DIR'] ?? '';
    const differences: unknown[] = [];
    for (const command of commands) {
      const seen = [];
      for (const who of ['tilth', 'dvc'] as const) {
        colleagues.environment['DVC_GLOBAL_CONFIG_DIR'] = `${shared} ${who}`;
        const { status, stdout } = await colleagues.tries(who, places[who], ...command);
        const files = [
          join(places[who], '.dvc', 'config'),
          join(places[who], '.dvc', 'config.local'),
          join(`${shared} ${who}`, 'config'),
        ];
        const texts = files.map((file) =>
          (existsSync(file) ? readFileSync(file, 'utf8') : '').replace(/^\n$/, ''),
        );
        const plain = (text: string): string =>
          text.replaceAll(`${shared} ${who}`, 'GLOBAL').replaceAll(join(colleagues.root, who), 'ROOT');
        seen.push({ status, stdout: plain(stdout), texts: texts.map(plain) });
      }
      if (!isDeepStrictEqual(seen[0], seen[1]))
        differences.push({ command: command.join(' '), tilth: seen[0], dvc: seen[1] });
    }
    assert.deepEqual(differences, []);
  },
);
