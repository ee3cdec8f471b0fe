/** Pipelines whose `dvc.lock`, cache and run cache must come out the same, byte for byte. */
export interface Example {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  /** Stages to freeze before a second run, and files to change then. */
  readonly second?: {
    readonly freeze?: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
  };
}

const long = Array.from({ length: 24 }, (_, index) => `word${index}`).join(' ');

export const corpus: readonly Example[] = [
  {
    name: 'numbers of every kind',
    files: {
      'params.yaml':
        'f: 1.0\nsmall: 1e-5\nlarge: 1e16\nlarger: 1.5e300\ninfinite: .inf\nminus: -.inf\nbig: 12345678901234567890123\nnegative: -7\nzero: 0\nminus_zero: -0.0\noctal: 0o14\nhex: 0x1F\nunderscore: 1_000\nnothing: null\ntilde: ~\nyes: yes\ntruth: true\ntext_number: "2.0"\nversion: 1.10\nten: 10000000000.0\nlong: 0.1234567890123456789\nexp: 1E5\nplus: +3\n',
      'dvc.yaml':
        "stages:\n  all:\n    cmd: echo done > out.txt\n    params:\n    - f\n    - small\n    - large\n    - larger\n    - infinite\n    - minus\n    - big\n    - negative\n    - zero\n    - minus_zero\n    - octal\n    - hex\n    - underscore\n    - nothing\n    - tilde\n    - 'yes'\n    - truth\n    - text_number\n    - version\n    - ten\n    - long\n    - exp\n    - plus\n    outs:\n    - out.txt\n",
    },
  },
  {
    name: 'texts that need quotes',
    files: {
      'params.yaml':
        "colon: 'a: b #c'\nempty: ''\nspace: ' lead'\ntrail: 'trail '\nquote: \"it's\"\ndouble: 'say \"hi\"'\nbackslash: 'a\\b'\nstar: '*x'\nat: '@x'\ndash: '- x'\nquestion: '? x'\nunicode: 'naïve ☃ 😀'\nnewline: \"a\\nb\"\nblock: |\n  one\n  two\nfolded: >\n  one\n  two\ntab: \"a\\tb\"\nnull_text: 'null'\ntrue_text: 'true'\nno: 'no'\nbrace: '{a}'\nbracket: '[a]'\npercent: '%x'\nback: '`x`'\nhash: 'a #b'\nhash2: '#b'\nnumber: '0x1F'\nexp: '1e5'\ndots: '...'\ndashes: '---'\ncontrol: \"a\\u0007b\"\nnbsp: \"a\\u00a0b\"\nlong: '" +
        long +
        "'\n",
      'dvc.yaml':
        "stages:\n  all:\n    cmd: echo done > out.txt\n    params:\n    - colon\n    - empty\n    - space\n    - trail\n    - quote\n    - double\n    - backslash\n    - star\n    - at\n    - dash\n    - question\n    - unicode\n    - newline\n    - block\n    - folded\n    - tab\n    - null_text\n    - true_text\n    - 'no'\n    - brace\n    - bracket\n    - percent\n    - back\n    - hash\n    - hash2\n    - number\n    - exp\n    - dots\n    - dashes\n    - control\n    - nbsp\n    - long\n    outs:\n    - out.txt\n",
    },
  },
  {
    name: 'nested, empty and dotted parameters',
    files: {
      'params.yaml':
        'train:\n  epochs: 10\n  opt:\n    name: adam\n    betas:\n    - 0.9\n    - 0.999\n    - []\n    - {}\n    - - 1\n      - 2\n  zeta: 1\n  alpha: 2\nempty_list: []\nempty_map: {}\nlist:\n- a\n- b: 1\n  c: 2\n',
      'other.yaml': 'k: 1\nj:\n  m: 2\n',
      'whole.json': '{"b": 1, "a": [1, 2.50, null, "x"], "é": true}',
      'conf.toml': 'lr = 0.001\nname = "x"\n[net]\nsizes = [1, 2]\nbig = 1e3\n',
      'settings.py': 'RATE = 0.1\nNAME = "n"\nclass Net:\n    size = 3\n    deep = True\nLIST = [1, 2]\n',
      'dvc.yaml':
        'stages:\n  all:\n    cmd: echo done > out.txt\n    params:\n    - train.epochs\n    - train.opt\n    - train\n    - empty_list\n    - empty_map\n    - list\n    - other.yaml:\n      - j.m\n      - k\n    - whole.json:\n    - conf.toml:\n      - net\n      - lr\n    - settings.py:\n      - RATE\n      - Net.size\n      - LIST\n    outs:\n    - out.txt\n',
    },
  },
  {
    name: 'commands of every shape',
    files: {
      'dvc.yaml': `stages:\n  list:\n    cmd:\n    - echo one > a.txt\n    - echo two >> a.txt\n    outs:\n    - a.txt\n  lines:\n    cmd: |\n      echo first > b.txt\n      echo second >> b.txt\n    outs:\n    - b.txt\n  long:\n    cmd: echo ${long} > c.txt\n    outs:\n    - c.txt\n  longlist:\n    cmd:\n    - echo ${long} > d.txt\n    - |-\n      echo x >> d.txt\n      echo y >> d.txt\n    outs:\n    - d.txt\n  quoted:\n    cmd: "echo 'a: b' \\"c\\" '#d' > e.txt; echo é☃😀 >> e.txt; echo z #end"\n    outs:\n    - e.txt\n  nospace:\n    cmd: echo ${'x'.repeat(150)} > f.txt\n    outs:\n    - f.txt\n  folded:\n    cmd: >-\n      echo\n      folded\n      > g.txt\n    outs:\n    - g.txt\n  spaces:\n    cmd: "echo   many    spaces     between the words of a command that is longer than eighty   columns > h.txt"\n    outs:\n    - h.txt\n`,
    },
  },
  {
    name: 'templates, foreach and matrix',
    files: {
      'params.yaml':
        'langs:\n- en\n- de\nmodels:\n  big:\n    size: 10\n    lr: 1e-3\n  small:\n    size: 1\n    lr: 0.5\ntop:\n  list:\n  - 1\n  - 2.0\n  flag: true\n',
      'vars.json': '{"names": {"first": "ana", "list": ["x", "y"]}, "unused": 1}',
      'dvc.yaml':
        'vars:\n- vars.json:names\n- here: h e r e\n  n: 3\nstages:\n  plain:\n    cmd: echo ${names.first} ${names.list[1]} ${here} ${n} ${top.list[1]} ${top.flag} > plain.txt\n    outs:\n    - plain.txt\n  lang:\n    foreach: ${langs}\n    do:\n      cmd: echo ${item} > ${item}.txt\n      outs:\n      - ${item}.txt\n  model:\n    foreach: ${models}\n    do:\n      cmd: echo ${key} ${item.size} ${item.lr} > m-${key}.txt\n      outs:\n      - m-${key}.txt\n  grid:\n    matrix:\n      a: [1, 2.5]\n      b: [x, y]\n    cmd: echo ${item.a} ${item.b} ${key} > g-${item.a}-${item.b}.txt\n    outs:\n    - g-${item.a}-${item.b}.txt\n  deep:\n    matrix:\n      m:\n      - name: p\n        v: [1, 2]\n      - name: q\n        v: []\n      k: [z]\n    cmd: echo ${item.m.name} > d-${item.m.name}.txt\n    outs:\n    - d-${item.m.name}.txt\n  escaped:\n    cmd: echo \\${HOME} > /dev/null; echo e > esc.txt\n    outs:\n    - esc.txt\n  map:\n    cmd: echo ${models.small} > map.txt\n    outs:\n    - map.txt\n',
    },
  },
  {
    name: 'working folders, sub-pipelines and shared inputs',
    files: {
      'src/in.txt': 'in\n',
      'dvc.yaml':
        'stages:\n  up:\n    wdir: src\n    cmd: cp in.txt ../mid.txt\n    deps:\n    - in.txt\n    outs:\n    - ../mid.txt\n  side:\n    cmd: mkdir -p folder/deep && cp mid.txt folder/deep/x && cp mid.txt folder/y && touch folder/empty\n    deps:\n    - mid.txt\n    - src\n    outs:\n    - folder\n',
      'sub/dvc.yaml':
        'stages:\n  below:\n    cmd: cp ../mid.txt low.txt\n    deps:\n    - ../mid.txt\n    params:\n    - a\n    outs:\n    - low.txt\n  reads:\n    cmd: cat ../folder/y > r.txt\n    deps:\n    - ../folder\n    - ../folder/y\n    outs:\n    - r.txt\n',
      'sub/params.yaml': 'a: 1\n',
    },
  },
  {
    name: 'kinds of outputs',
    files: {
      'dvc.yaml':
        'stages:\n  kinds:\n    cmd: echo 1 > z.txt; echo 2 > uncached.txt; echo 3 > kept.txt; echo \'{"a":1}\' > m.json; printf "x,y\\n1,2\\n" > p.csv; mkdir -p plots; echo "[]" > plots/q.json; echo 5 > a.txt\n    outs:\n    - z.txt\n    - uncached.txt:\n        cache: false\n    - kept.txt:\n        persist: true\n        desc: stays\n    - a.txt:\n        push: false\n        meta:\n          by: ana\n    metrics:\n    - m.json:\n        cache: false\n    plots:\n    - p.csv:\n        x: x\n        y: y\n    - plots:\n        cache: true\n  no_outs:\n    cmd: "true"\n    deps:\n    - a.txt\n  only_deps:\n    cmd: cat z.txt > /dev/null\n    deps:\n    - z.txt\n    - kept.txt\n  no_deps:\n    cmd: echo n > n.txt\n    outs:\n    - n.txt\n  always:\n    cmd: echo w > w.txt\n    always_changed: true\n    deps:\n    - z.txt\n    outs:\n    - w.txt\n  described:\n    desc: what it does\n    cmd: echo t > t.txt\n    deps:\n    - n.txt\n    outs:\n    - t.txt\n    meta:\n      owner: ana\n      list: [1, 2]\n',
    },
    second: { freeze: ['described', 'no_deps'], files: { 'new.txt': 'x' } },
  },
  {
    name: 'names of files and stages',
    files: {
      'in put.txt': 'a\n',
      "it's.txt": 'b\n',
      'ünï/😀.txt': 'c\n',
      '-dash.txt': 'd\n',
      'a#b.txt': 'e\n',
      'colon: x.txt': 'f\n',
      'dvc.yaml':
        "stages:\n  with-dash_1:\n    cmd: mkdir -p out && cp 'in put.txt' out/ && cp \"it's.txt\" out/ && cp ünï/😀.txt out/ && cp ./-dash.txt out/ && cp 'a#b.txt' out/b\n    deps:\n    - in put.txt\n    - it's.txt\n    - ünï\n    - ./-dash.txt\n    - 'a#b.txt'\n    - 'colon: x.txt'\n    outs:\n    - out\n  '1':\n    cmd: echo 1 > 1.txt\n    outs:\n    - 1.txt\n  yes:\n    cmd: echo y > y.txt\n    outs:\n    - y.txt\n",
    },
  },
  {
    name: 'a lock that is run again after changes',
    files: {
      'in.txt': 'one\n',
      'params.yaml': 'p: 1\nq: 2.0\n',
      'dvc.yaml':
        'stages:\n  c:\n    cmd: cat b.txt > c.txt\n    deps:\n    - b.txt\n    outs:\n    - c.txt\n  b:\n    cmd: cat a.txt > b.txt; echo ${p} >> b.txt\n    deps:\n    - a.txt\n    params:\n    - p\n    outs:\n    - b.txt\n  a:\n    cmd: cat in.txt > a.txt\n    deps:\n    - in.txt\n    outs:\n    - a.txt\n  alone:\n    cmd: echo ${q} > alone.txt\n    params:\n    - q\n    outs:\n    - alone.txt\n',
    },
    second: { files: { 'params.yaml': 'p: 2\nq: 2\n', 'in.txt': 'two\n' } },
  },
];
