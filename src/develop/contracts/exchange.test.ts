import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import { TilthError } from '../../platform/errors.ts';
import { checkDatasets } from './check-datasets.ts';
import { exportContract } from './export.ts';
import { importContract } from './import.ts';
import { inferContract } from './infer.ts';
import { needsContractsPython, runContractsPython } from './test-contracts-python.ts';

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tilth exchange '));
  folders.push(root);
  mkdirSync(join(root, 'data'));
});
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

const kinds = ['red', 'green', 'blue'];
function writeCustomers(): void {
  const rows = Array.from({ length: 60 }, (_, at) => {
    const day = String((at % 28) + 1).padStart(2, '0');
    const comment = at % 6 === 0 ? '' : `note ${at}`;
    return `${at + 1},Ann ${at},ann${at}@example.org,0049 30 12345${at % 10}${at % 7},${kinds[at % 3]},${(at * 7.3).toFixed(2)},2026-01-${day},0${1000 + at},${comment}`;
  });
  const header = 'customer_id,last_name,contact,call,colour,amount,day,area_code,comment';
  writeFileSync(join(root, 'data/customers.csv'), `${header}\n${rows.join('\n')}\n`);
}

interface Written {
  readonly schema: {
    name: string;
    properties: ({ name: string; classification?: string } & Record<string, unknown>)[];
  }[];
}
const written = (): Written =>
  parse(readFileSync(join(root, 'data/customers.csv.odcs.yaml'), 'utf8')) as Written;

const officialModel = `
import sys, json, jsonschema, yaml
from open_data_contract_standard.model import OpenDataContractStandard as C
text = open(sys.argv[1]).read()
C.from_string(text)
jsonschema.validate(yaml.safe_load(text), json.loads(C.json_schema()))
print('valid')
`;

describe('a first contract, inferred from the data', () => {
  test('says what types, ranges, lists and gaps there are, and marks what may be personal without showing any of it', async () => {
    writeCustomers();
    const inferred = await inferContract(root, 'data/customers.csv', false);
    assert.equal(inferred.rowCount, 60);
    const [table] = written().schema;
    const shown = Object.fromEntries(
      (table?.properties ?? []).map(
        ({ name, logicalType, classification, primaryKey, logicalTypeOptions, quality, required }) => [
          name,
          { logicalType, classification, primaryKey, logicalTypeOptions, quality, required },
        ],
      ),
    );
    assert.deepEqual(shown['customer_id'], {
      logicalType: 'integer',
      classification: undefined,
      primaryKey: true,
      logicalTypeOptions: undefined,
      quality: undefined,
      required: true,
    });
    assert.deepEqual(
      ['last_name', 'contact', 'call', 'colour', 'area_code'].map((name) => shown[name]?.classification),
      ['pii', 'pii', 'pii', undefined, undefined],
    );
    assert.deepEqual(shown['colour']?.quality, [
      {
        type: 'library',
        metric: 'invalidValues',
        arguments: { validValues: ['blue', 'green', 'red'] },
        mustBe: 0,
      },
    ]);
    assert.deepEqual(shown['amount']?.logicalTypeOptions, { minimum: 0, maximum: 440 });
    assert.deepEqual([shown['day']?.logicalType, shown['area_code']?.logicalType], ['date', 'string']);
    assert.deepEqual(shown['comment']?.quality, [
      { type: 'library', metric: 'nullValues', mustBeLessOrEqualTo: 22, unit: 'percent' },
    ]);
    const text = readFileSync(inferred.file, 'utf8');
    assert.doesNotMatch(text, /Ann|example\.org|12345/);
    const [report] = await checkDatasets(root, 'data/customers.csv');
    assert.equal(report?.state, 'passed');
  });

  test('is not written over one that a person may have changed', async () => {
    writeCustomers();
    await inferContract(root, 'data/customers.csv', false);
    await assert.rejects(
      inferContract(root, 'data/customers.csv', false),
      (error) => error instanceof TilthError && error.code === 'DATA_CONTRACT_EXISTS',
    );
    await inferContract(root, 'data/customers.csv', true);
  });

  test('is taken by the standard’s own model and schema', needsContractsPython, async () => {
    writeCustomers();
    const { file } = await inferContract(root, 'data/customers.csv', false);
    assert.match(await runContractsPython(officialModel, [file]), /valid/);
  });
});

describe('a contract in another language', () => {
  test(
    'is a Croissant 1.1 document that its own validator takes and reads the rows by',
    needsContractsPython,
    async () => {
      writeCustomers();
      await inferContract(root, 'data/customers.csv', false);
      writeFileSync(
        join(root, 'data/croissant.json'),
        await exportContract(root, 'data/customers.csv', 'croissant'),
      );
      const output = await runContractsPython(
        `
import mlcroissant as mlc, sys, json
dataset = mlc.Dataset(jsonld=sys.argv[1])
issues = dataset.metadata.ctx.issues
rows = list(dataset.records(record_set='customers'))
print(json.dumps({'errors': list(issues.errors), 'warnings': list(issues.warnings), 'rows': len(rows), 'first': sorted(rows[0]), 'conforms': dataset.metadata.ctx.conforms_to.value}))
`,
        ['croissant.json'],
        join(root, 'data'),
      );
      const found = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
      assert.deepEqual(
        [found['errors'], found['rows'], found['conforms']],
        [[], 60, 'http://mlcommons.org/croissant/1.1'],
      );
      assert.equal((found['first'] as string[]).length, 9);
    },
  );

  test(
    'names every file of a folder by its checksum, and their rows together',
    needsContractsPython,
    async () => {
      mkdirSync(join(root, 'data/months'));
      for (const month of [1, 2])
        writeFileSync(join(root, `data/months/m-${month}.csv`), `id,n\n${month},1.5\n${month + 10},2.5\n`);
      await inferContract(root, 'data/months', false);
      writeFileSync(
        join(root, 'data/croissant.json'),
        await exportContract(root, 'data/months', 'croissant'),
      );
      const program = `
import mlcroissant as mlc
dataset = mlc.Dataset(jsonld='croissant.json')
assert not dataset.metadata.ctx.issues.errors, dataset.metadata.ctx.issues.errors
print(sorted(row['months/id'] for row in dataset.records(record_set='months')))
`;
      assert.match(await runContractsPython(program, [], join(root, 'data')), /\[1, 2, 11, 12\]/);
    },
  );

  test(
    'is a Frictionless package that frictionless checks the data by, to the same verdict',
    needsContractsPython,
    async () => {
      writeCustomers();
      await inferContract(root, 'data/customers.csv', false);
      const validate = async (): Promise<unknown> =>
        JSON.parse(
          await runContractsPython(
            `
import frictionless, sys, json
package = frictionless.Package(sys.argv[1])
report = package.validate()
print(json.dumps({'valid': report.valid, 'errors': sorted({(e.row_number, e.field_name) for t in report.tasks for e in t.errors if hasattr(e, 'field_name')})}))
`,
            ['datapackage.json'],
            join(root, 'data'),
          ),
        );
      writeFileSync(
        join(root, 'data/datapackage.json'),
        await exportContract(root, 'data/customers.csv', 'frictionless'),
      );
      assert.deepEqual(await validate(), { valid: true, errors: [] });
      const rows = readFileSync(join(root, 'data/customers.csv'), 'utf8')
        .replace('3,Ann 2', 'three,Ann 2')
        .replace(',blue,', ',pink,');
      writeFileSync(join(root, 'data/customers.csv'), rows);
      assert.deepEqual(await validate(), {
        valid: false,
        errors: [
          [4, 'colour'],
          [4, 'customer_id'],
        ],
      });
      const [report] = await checkDatasets(root, 'data/customers.csv');
      const own = report?.violations.flatMap(({ examples }) =>
        examples.map(({ row, column }) => [Number(row) + 1, column]),
      );
      assert.deepEqual(own, [
        [4, 'customer_id'],
        [4, 'colour'],
      ]);
    },
  );

  test('is a card for people, and the standard itself', async () => {
    writeCustomers();
    await inferContract(root, 'data/customers.csv', false);
    const card = await exportContract(root, 'data/customers.csv', 'card');
    assert.match(card, /^# customers\n/);
    assert.match(card, /- `colour\.invalidValues`: colour: values other than blue, green, red must be 0/);
    assert.match(card, /## Personal data\n\n- customers\.last_name \(pii\)/);
    assert.deepEqual(parse(await exportContract(root, 'data/customers.csv', 'odcs')), written());
  });
});

describe('a contract from another tool', () => {
  const data = 'id,kind,amount\n1,a,0.5\n2,b,11\n3,c,3\n3,a,4\n5,aa,\n';
  const broken = async (): Promise<string[]> => {
    const [report] = await checkDatasets(root, 'data/x.csv');
    return (report?.violations ?? []).map(({ rule }) => rule).sort();
  };

  test('takes a suite of Great Expectations and finds what it finds', needsContractsPython, async () => {
    writeFileSync(join(root, 'data/x.csv'), data);
    const output = await runContractsPython(
      `
import json, sys, pandas as pd, great_expectations as gx
context = gx.get_context(mode='ephemeral')
E = gx.expectations
suite = context.suites.add(gx.ExpectationSuite(name='s'))
for e in [E.ExpectColumnValuesToNotBeNull(column='amount', mostly=0.7), E.ExpectColumnValuesToBeUnique(column='id'),
          E.ExpectColumnValuesToBeBetween(column='amount', min_value=0.5, max_value=10, strict_min=True),
          E.ExpectColumnValuesToBeBetween(column='id', min_value=2, max_value=10, mostly=0.8),
          E.ExpectColumnValuesToBeInSet(column='kind', value_set=['a', 'b', 'aa']),
          E.ExpectColumnValuesToMatchRegex(column='kind', regex='a', mostly=0.5),
          E.ExpectColumnValueLengthsToBeBetween(column='kind', min_value=1, max_value=1),
          E.ExpectTableRowCountToBeBetween(min_value=1, max_value=4),
          E.ExpectCompoundColumnsToBeUnique(column_list=['id', 'kind']),
          E.ExpectColumnMeanToBeBetween(column='amount', min_value=0, max_value=3)]:
    suite.add_expectation(e)
frame = pd.read_csv('x.csv')
batch = context.data_sources.add_pandas('p').add_dataframe_asset('a').add_batch_definition_whole_dataframe('b')
result = gx.ValidationDefinition(name='v', data=batch, suite=suite)
result = context.validation_definitions.add(result).run(batch_parameters={'dataframe': frame})
open('suite.json', 'w').write(json.dumps(suite.to_json_dict()))
print(json.dumps({f"{r.expectation_config.type[7:]} {r.expectation_config.kwargs.get('column', '')}".strip(): r.success for r in result.results}))
`,
      [],
      join(root, 'data'),
    );
    const theirs = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Record<string, boolean>;
    assert.deepEqual(
      Object.keys(theirs)
        .filter((each) => !theirs[each])
        .sort(),
      [
        'column_mean_to_be_between amount',
        'column_value_lengths_to_be_between kind',
        'column_values_to_be_between amount',
        'column_values_to_be_in_set kind',
        'column_values_to_be_unique id',
        'table_row_count_to_be_between',
      ],
    );
    assert.equal(Object.keys(theirs).length, 10);
    const imported = await importContract(root, 'data/suite.json', 'data/x.csv', false);
    assert.equal(imported.from, 'Great Expectations');
    assert.deepEqual(
      imported.notChecked.map((one) => /expect_\w+/.exec(one)?.[0]),
      ['expect_column_mean_to_be_between'],
    );
    assert.deepEqual(await broken(), [
      'amount.exclusiveMinimum',
      'amount.maximum',
      'id.unique',
      'kind.invalidValues',
      'kind.maxLength',
      'table.rowCount',
    ]);
    assert.match(await runContractsPython(officialModel, [imported.file]), /valid/);
  });

  test('takes a schema that pandera wrote and finds what it finds', needsContractsPython, async () => {
    writeFileSync(join(root, 'data/x.csv'), data);
    const output = await runContractsPython(
      `
import json, pandas as pd, pandera.pandas as pa
schema = pa.DataFrameSchema({'id': pa.Column(int, unique=True), 'kind': pa.Column(str, [pa.Check.isin(['a', 'b', 'aa']), pa.Check.str_length(1, 1), pa.Check.str_matches('[a-c]')]),
  'amount': pa.Column(float, [pa.Check.gt(0.5), pa.Check.in_range(0, 10)], nullable=False)})
open('schema.yaml', 'w').write(schema.to_yaml())
try:
    schema.validate(pd.read_csv('x.csv'), lazy=True); print('[]')
except pa.errors.SchemaErrors as e:
    print(json.dumps(sorted({f"{r.column} {r.check}" for r in e.failure_cases.itertuples()})))
`,
      [],
      join(root, 'data'),
    );
    assert.equal((JSON.parse(output.trim().split('\n').at(-1) ?? '') as string[]).length, 6, output);
    const imported = await importContract(root, 'data/schema.yaml', 'data/x.csv', false);
    assert.deepEqual([imported.from, imported.notChecked], ['pandera', []]);
    assert.deepEqual(await broken(), [
      'amount.exclusiveMinimum',
      'amount.maximum',
      'amount.required',
      'id.unique',
      'kind.invalidValues',
      'kind.maxLength',
    ]);
    assert.match(await runContractsPython(officialModel, [imported.file]), /valid/);
  });

  test('takes a Frictionless schema, and refuses what is none', async () => {
    writeFileSync(join(root, 'data/x.csv'), data);
    const schema = {
      fields: [
        { name: 'id', type: 'integer', constraints: { unique: true } },
        { name: 'kind', type: 'string', constraints: { pattern: '[ab]+', required: true } },
        { name: 'amount', type: 'number', constraints: { minimum: 1 } },
      ],
    };
    writeFileSync(join(root, 'schema.json'), JSON.stringify(schema));
    assert.equal((await importContract(root, 'schema.json', 'data/x.csv', false)).from, 'Frictionless');
    assert.deepEqual(await broken(), ['amount.minimum', 'id.unique', 'kind.pattern']);
    writeFileSync(join(root, 'other.json'), '{"a": 1}');
    await assert.rejects(
      importContract(root, 'other.json', 'data/x.csv', true),
      (error) => error instanceof TilthError && error.code === 'DATA_CONTRACT_NOT_IMPORTABLE',
    );
  });
});
