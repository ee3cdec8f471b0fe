import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { TilthError } from '../../platform/errors.ts';
import { initRepository } from '../dvc-files/repository.ts';
import { allowReading, checkPolicies } from './policy-check.ts';

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tilth policies '));
  folders.push(root);
  execFileSync('git', ['init', '-q', root]);
  initRepository(root);
  mkdirSync(join(root, 'data'));
  writeFileSync(join(root, 'data/people.csv'), 'id,mail\n1,a@b.org\n');
  writeFileSync(
    join(root, 'data/people.csv.odcs.yaml'),
    `apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
schema:
- name: people
  properties:
  - {name: id, logicalType: integer, required: true}
  - {name: mail, logicalType: string, classification: pii}
`,
  );
});
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const declare = (policies: string): void =>
  writeFileSync(
    join(root, 'tilth.yaml'),
    `project: p
datasets:
  people: {path: data/people.csv, owner: ada, licence: CC-BY-4.0}
models:
  churn: {dataset: people, task: binary-classification, target: t, owner: ada, experiment: e, endpoint: e, audience: public}
policies: ${policies}
`,
  );

const refused =
  (code: string, pattern: RegExp) =>
  (thrown: unknown): boolean => {
    assert.ok(thrown instanceof TilthError && thrown.code === code, String(thrown));
    assert.match(thrown.message, pattern);
    return true;
  };

describe('the policies of a project', () => {
  test('say of the working tree what they would say of data and models', async () => {
    declare(
      '[{id: no-pii, kind: no-classification-into-public-model}, {id: licences, kind: licence-in-list, licences: [CC0-1.0], outcome: warn}, {id: checked, kind: contract-passed-on-exact-hash}, {id: owned, kind: dataset-has-owner}]',
    );
    const report = await checkPolicies(join(root, 'data'));
    const said = report?.results
      .filter(({ verdict }) => verdict !== 'holds')
      .map(({ policy, verdict, model, faults }) => [policy, verdict, model, faults[0]]);
    assert.deepEqual(said, [
      ['licences', 'warned', null, 'people has the licence CC-BY-4.0; allowed: CC0-1.0'],
      ['no-pii', 'refused', 'churn', 'people has mail (pii), and churn is public'],
      ['licences', 'warned', 'churn', 'people has the licence CC-BY-4.0; allowed: CC0-1.0'],
    ]);
    assert.match(report?.results[0]?.inputs[0]?.md5 ?? '', /^[0-9a-f]{32}$/);
  });

  test('are asked before a stage reads governed data, and so is the contract', async () => {
    declare('[{id: licences, kind: licence-in-list, licences: [CC0-1.0]}]');
    await assert.rejects(
      allowReading(root, 'train', [join(root, 'data/people.csv')]),
      refused('POLICY_REFUSED', /The stage train is refused.*\n {2}licences: people/),
    );
    declare('[{id: owned, kind: dataset-has-owner}]');
    assert.deepEqual(
      (await allowReading(root, 'train', [join(root, 'data')]))?.results.map(({ verdict }) => verdict),
      ['holds'],
    );
    assert.equal(await allowReading(root, 'train', [join(root, 'src')]), undefined);
    writeFileSync(join(root, 'data/people.csv'), 'id,mail\none,a@b.org\n');
    await assert.rejects(
      allowReading(root, 'train', [join(root, 'data')]),
      refused('DATA_CONTRACT_BROKEN', /id must be an integer/),
    );
  });

  test('are none outside a project', async () => {
    assert.equal(await allowReading(root, 'train', [join(root, 'data')]), undefined);
    assert.equal(await checkPolicies(root), undefined);
  });
});
