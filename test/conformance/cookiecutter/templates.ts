import type { Answers } from './parity.ts';

/** A public template, and what it needs to be rendered without questions. */
export interface PublicTemplate {
  /** owner/name on GitHub */
  readonly repository: string;
  /** folder of the repository, given as `--directory` */
  readonly directory?: string;
  /** folder of the repository, given as the template itself */
  readonly folder?: string;
  /** answers that its own defaults leave out, or that its own hooks ask for; one set or several */
  readonly answers?: readonly Answers[];
}

const kedro = [
  { kedro_version: '1.0.0', tools: "['Linting', 'Testing']", example_pipeline: 'True' },
  { kedro_version: '0.19.9', tools: "['None']", example_pipeline: 'False' },
];

const fastApi = (isOn: boolean, given: Answers): Answers => ({
  project_name: 'demo_api',
  ci_type: 'github',
  ...Object.fromEntries(
    [
      'enable_redis enable_rmq enable_migrations enable_taskiq enable_routers enable_kafka enable_nats enable_loguru',
      'traefik_labels add_dummy self_hosted_swagger prometheus_enabled sentry_enabled otlp_enabled gunicorn add_users',
      'cookie_auth jwt_auth',
    ]
      .join(' ')
      .split(' ')
      .map((name) => [name, isOn ? 'True' : '']),
  ),
  ...given,
});

export const publicTemplates: readonly PublicTemplate[] = [
  { repository: 'Buuntu/fastapi-react' },
  {
    repository: 'MolSSI/cookiecutter-cms',
    answers: [{ author_email: 'ada@example.com', author_name: 'Ada' }],
  },
  { repository: 'Ouranosinc/cookiecutter-pypackage' },
  { repository: 'SkafteNicki/mlops_template' },
  { repository: 'agconti/cookiecutter-django-rest' },
  { repository: 'audreyfeldroy/cookiecutter-pypackage' },
  { repository: 'bird-house/cookiecutter-birdhouse' },
  { repository: 'cjolowicz/cookiecutter-hypermodern-python' },
  { repository: 'cookiecutter/cookiecutter-django' },
  {
    repository: 'cookiecutter-flask/cookiecutter-flask',
    answers: [
      {
        full_name: 'Ada Example',
        email: 'ada@example.com',
        github_username: 'ada',
        project_name: 'My Flask App',
        app_name: 'my_flask_app',
        project_short_description: 'A flasky app.',
        use_pipenv: 'no',
        python_version: '3.11',
        node_version: '20',
        use_heroku: 'no',
      },
    ],
  },
  { repository: 'crmne/cookiecutter-modern-datascience' },
  { repository: 'databricks/mlops-stacks' },
  { repository: 'drivendataorg/cookiecutter-data-science' },
  { repository: 'fmind/cookiecutter-mlops-package' },
  { repository: 'fpgmaas/cookiecutter-uv' },
  { repository: 'giswqs/pypackage' },
  { repository: 'ionelmc/cookiecutter-pylibrary' },
  { repository: 'jupyter-widgets/widget-ts-cookiecutter' },
  { repository: 'jupyterlab/extension-cookiecutter-ts' },
  { repository: 'kedro-org/kedro-starters', directory: 'astro-airflow-iris', answers: kedro },
  { repository: 'kedro-org/kedro-starters', directory: 'databricks-iris', answers: kedro },
  { repository: 'kedro-org/kedro-starters', directory: 'spaceflights-pandas', answers: kedro },
  { repository: 'kedro-org/kedro-starters', directory: 'spaceflights-pyspark', answers: kedro },
  { repository: 'kedro-org/kedro-starters', directory: 'support-agent-langgraph', answers: kedro },
  { repository: 'khuyentran1401/data-science-template' },
  { repository: 'kragniz/cookiecutter-pypackage-minimal' },
  { repository: 'lacion/cookiecutter-golang' },
  { repository: 'mdklatt/cookiecutter-python-app' },
  { repository: 'napari/cookiecutter-napari-plugin' },
  { repository: 'pydanny/cookiecutter-djangopackage' },
  { repository: 'pytest-dev/cookiecutter-pytest-plugin' },
  { repository: 'rgalindor/data-science-cookiecutter' },
  {
    repository: 's3rius/FastAPI-template',
    directory: 'fastapi_template/template',
    answers: [
      fastApi(true, {
        api_type: { name: 'rest' },
        orm: 'sqlalchemy',
        db_info: {
          name: 'postgresql',
          image: 'postgres:18.1-bookworm',
          driver: 'postgresql',
          async_driver: 'postgresql+asyncpg',
          port: 5432,
          driver_short: 'postgres',
        },
      }),
      fastApi(false, {
        api_type: 'graphql',
        orm: 'none',
        ci_type: 'none',
        db_info: {
          name: 'none',
          image: null,
          driver: null,
          async_driver: null,
          port: null,
          driver_short: null,
        },
      }),
    ],
  },
  { repository: 'scientific-python/cookie' },
  { repository: 'sourcery-ai/python-best-practices-cookiecutter' },
  { repository: 'timhughes/cookiecutter-poetry' },
  { repository: 'wemake-services/wemake-django-template' },
  { repository: 'wemake-services/wemake-python-package' },
  { repository: 'zillionare/python-project-wizard' },
  ...[
    'fake-nested-templates',
    'fake-nested-templates-old-style',
    'fake-repo-bad-json',
    'fake-repo-dict',
    'fake-repo-pre',
    'fake-repo-pre2',
    'fake-repo-replay',
    'fake-repo-tmpl',
    'fake-repo-tmpl-_cookiecutter',
    'test-extensions/custom-extension-post',
    'test-extensions/custom-extension-pre',
    'test-extensions/default',
    'test-extensions/local_extension',
    'test-extensions/unknown',
    'test-generate-files-line-end',
    'test-output-folder',
    'test-pyhooks',
    'test-pyshellhooks',
    'test-templates/extends',
    'test-templates/include',
    'test-templates/no-templates',
    'test-templates/super',
    'undefined-variable/file-name',
  ].map((name) => ({ repository: 'cookiecutter/cookiecutter', folder: `tests/${name}` })),
];
