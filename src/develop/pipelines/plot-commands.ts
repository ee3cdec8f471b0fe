import type { Command } from 'commander';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { note } from '../../platform/terminal.ts';
import { asDvc, dvcGroup, dvcVerb } from '../dvc-files/dvc-dialect.ts';
import { git, openRepository } from '../dvc-files/repository.ts';
import type { YamlValue } from '../dvc-files/yaml-value.ts';
import type { Plot, PlotDefinition } from './plot-data.ts';

interface PlotFlags extends CommonFlags {
  readonly out?: string;
  readonly targets?: readonly string[];
  readonly x?: string;
  readonly y?: string;
  readonly title?: string;
  readonly quiet?: boolean;
}

type MakeVerb = (group: Command, usage: string, description: string) => Command;

const withPlotFlags = (command: Command): Command =>
  command
    .option('-o, --out <folder>', 'where the page goes; dvc_plots unless given')
    .option('-x <field>', 'the field of the horizontal axis')
    .option('-y <field>', 'the field that is drawn')
    .option('--title <text>', 'above the plot');

function addPlotVerbs(parent: Command, verb: MakeVerb): void {
  const plots =
    parent.commands.find((one) => one.name() === 'plots') ??
    parent.command('plots').description('files of points, drawn');
  withPlotFlags(verb(plots, 'show [targets...]', 'draw plots on a page that needs no network')).action(
    asDvc((targets, flags) => draw(['workspace'], targets, flags), 1),
  );
  withPlotFlags(
    verb(plots, 'diff [revisions...]', 'draw plots of revisions; HEAD and the working tree unless given'),
  )
    .option('--targets <paths...>', 'only these plots')
    .action(
      asDvc(
        (revisions: string[], flags: PlotFlags) => draw(revisionsOf(revisions), flags.targets ?? [], flags),
        1,
      ),
    );
}

export const addPipelinePlotCommands: AddCommands = (pipeline) =>
  addPlotVerbs(pipeline, (group, usage, description) =>
    withCommonFlags(group.command(usage).description(description)),
  );

export const addDvcPlotCommands: AddCommands = (program) => addPlotVerbs(dvcGroup(program), dvcVerb);

/** One revision is compared with the working tree; none means HEAD, where the tree is not as that. */
function revisionsOf(given: readonly string[]): readonly string[] {
  if (given.length > 1) return given;
  if (given.length === 1) return ['workspace', ...given];
  const { output } = git(process.cwd(), ['status', '--porcelain', '--untracked-files=no']);
  return output === '' ? ['workspace'] : ['workspace', 'HEAD'];
}

async function draw(names: readonly string[], targets: readonly string[], flags: PlotFlags): Promise<void> {
  const [{ openRevision }, { plotIn, plotsOf }] = await Promise.all([
    import('./value-files.ts'),
    import('./plot-data.ts'),
  ]);
  const repository = openRepository(process.cwd());
  const folder = process.cwd();
  const revisions = new Map(names.map((name) => [name, openRevision(repository, name)]));
  const known = new Map<string, PlotDefinition>();
  for (const revision of revisions.values())
    for (const one of plotsOf(revision, folder)) if (!known.has(one.id)) known.set(one.id, one);
  const wanted =
    targets.length === 0
      ? [...known.values()]
      : targets.map((target) => known.get(target) ?? plainPlot(target, folder));
  const plots = wanted
    .map((definition) => plotIn(changed(definition, flags), revisions))
    .filter(({ revisions: found }) => found.length > 0);
  for (const { definition, errors } of plots)
    for (const error of errors) note(`WARNING: ${definition.id}: ${error}`);
  const out = resolve(folder, flags.out ?? 'dvc_plots');
  if (flags.json === true) await printJson(plots, flags);
  else if (plots.length === 0) note('No plots were loaded, visualization file will not be created.');
  else await writePage(out, plots, flags);
}

const plainPlot = (target: string, folder: string): PlotDefinition => ({
  id: target,
  sources: new Map([[resolve(folder, target), []]]),
  x: undefined,
  title: target,
  xLabel: undefined,
  yLabel: undefined,
  hasHeader: true,
});

function changed(definition: PlotDefinition, { x, y, title }: PlotFlags): PlotDefinition {
  return {
    ...definition,
    x: x ?? definition.x,
    title: title ?? definition.title,
    sources:
      y === undefined
        ? definition.sources
        : new Map([...definition.sources.keys()].map((path) => [path, [y]])),
  };
}

async function printJson(plots: readonly Plot[], flags: PlotFlags): Promise<void> {
  const [{ vegaOf }, { imageOf }, { valueJson }] = await Promise.all([
    import('./plot-spec.ts'),
    import('./plot-data.ts'),
    import('../dvc-files/value-json.ts'),
  ]);
  const entry = (plot: Plot): YamlValue => {
    const shared: [string, YamlValue][] = [
      ['type', plot.isImage ? 'image' : 'vega'],
      ['revisions', [...plot.revisions]],
    ];
    return new Map<string, YamlValue>([
      ...shared,
      plot.isImage ? ['url', imageOf(plot.definition)] : ['content', vegaOf(plot)],
    ]);
  };
  const data = new Map<string, YamlValue>(plots.map((plot) => [plot.definition.id, [entry(plot)]]));
  if (flags.quiet !== true)
    process.stdout.write(`${valueJson(data.size === 0 ? new Map() : new Map([['data', data]]))}\n`);
}

async function writePage(out: string, plots: readonly Plot[], flags: PlotFlags): Promise<void> {
  const { plotPage } = await import('./plot-page.ts');
  mkdirSync(out, { recursive: true });
  const file = join(out, 'index.html');
  writeFileSync(file, plotPage(plots));
  if (flags.quiet !== true) process.stdout.write(`${pathToFileURL(file).href}\n`);
}
