import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import type { ArtifactTable } from '../../../src/develop/tracking/tracking-api.ts';
import { ApiError, authorization, segment, useApi, withParams } from '../platform/api.ts';
import { bytes, count } from '../platform/format.ts';
import { useUrlState } from '../platform/url.ts';
import { Answer, Failure } from '../parts/answer.tsx';
import { Markdown } from '../parts/markdown.tsx';
import { delimited, gridOfJson, type Grid } from './delimited.ts';
import { useArtifacts } from './tracking.ts';

/** A longer text is shown up to here. */
const textLimit = 256 * 1024;
/** A larger image is only downloaded. */
const imageLimit = 20 * 1024 * 1024;
const rowLimit = 200;
const columnLimit = 60;

type Kind = 'image' | 'table' | 'json' | 'markdown' | 'html' | 'text' | 'parquet' | 'other';

const endings: Readonly<Record<Exclude<Kind, 'other'>, readonly string[]>> = {
  image: ['png', 'jpg', 'jpeg', 'gif', 'webp', 'svg'],
  table: ['csv', 'tsv'],
  json: ['json', 'geojson'],
  markdown: ['md'],
  html: ['html', 'htm'],
  parquet: ['parquet'],
  text: ['txt', 'log', 'yaml', 'yml', 'py', 'toml', 'cfg', 'ini', 'sh', 'sql', 'xml', 'js', 'ts', 'r', 'dvc', 'lock', 'jsonl', 'diff', 'patch'],
};

function kindOf(path: string): Kind {
  const name = path.split('/').at(-1) ?? path;
  if (/^(MLmodel|Dockerfile|Makefile|LICENSE|README)$/.test(name)) return 'text';
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return (Object.keys(endings) as Exclude<Kind, 'other'>[]).find((kind) => endings[kind].includes(ending)) ?? 'other';
}

const addressOf = (id: string, path: string): string => withParams(`/api/v1/runs/${segment(id)}/artifact`, { path });

/** A file of a run, with the token that the page has; a link alone would have none. */
async function fileOf(id: string, path: string, last: number | undefined, signal?: AbortSignal): Promise<{ blob: Blob; byteCount: number }> {
  const response = await fetch(addressOf(id, path), {
    headers: { ...authorization(), ...(last === undefined ? {} : { range: `bytes=0-${last}` }) },
    ...(signal === undefined ? {} : { signal }),
  });
  if (!response.ok) {
    const answer = (await response.json().catch(() => null)) as { error?: { code: string; message: string; hint?: string } } | null;
    throw new ApiError(response.status, answer?.error?.code ?? `HTTP_${response.status}`, answer?.error?.message ?? response.statusText, answer?.error?.hint);
  }
  const blob = await response.blob();
  const whole = Number(/\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ?? blob.size);
  return { blob, byteCount: whole };
}

/** The files of a run: its folders, and the one that is open. */
export function RunArtifacts({ id }: { id: string }) {
  const [folder, setFolder] = useUrlState('artifacts');
  const [open, setOpen] = useUrlState('file');
  const query = useArtifacts(id, folder);
  const parts = folder === '' ? [] : folder.split('/');
  return (
    <div className="grid min-w-0 text-sm md:grid-cols-[minmax(220px,300px)_1fr]">
      <div className="min-w-0 border-line md:border-r">
        <nav aria-label="Folder" className="flex flex-wrap items-center gap-x-1 border-b border-line px-4 py-2 text-xs text-ink-2">
          <button type="button" className="hover:text-accent hover:underline" onClick={() => setFolder('')}>
            artifacts
          </button>
          {parts.map((part, index) => (
            <span key={parts.slice(0, index + 1).join('/')} className="flex items-center gap-x-1">
              /
              <button type="button" className="hover:text-accent hover:underline" onClick={() => setFolder(parts.slice(0, index + 1).join('/'))}>
                {part}
              </button>
            </span>
          ))}
        </nav>
        <div className="max-h-[480px] overflow-auto" tabIndex={0}>
          <Answer query={query} empty={<p className="px-4 py-4 text-ink-2">{folder === '' ? 'No artifact was logged.' : 'This folder is empty.'}</p>}>
            {(files) => (
              <ul className="divide-y divide-line">
                {files.map((file) => {
                  const name = file.path.split('/').at(-1) ?? file.path;
                  return (
                    <li key={file.path} className={`flex items-center gap-2 pr-2 ${file.path === open ? 'bg-accent-soft' : ''}`}>
                      <button
                        type="button"
                        className="link min-w-0 flex-1 truncate px-4 py-1.5 text-left"
                        title={name}
                        aria-current={file.path === open}
                        onClick={() => (file.isFolder ? setFolder(file.path) : setOpen(file.path === open ? '' : file.path))}
                      >
                        {file.isFolder ? `${name}/` : name}
                      </button>
                      <span className="shrink-0 text-xs text-ink-3">{file.byteCount === undefined ? '' : bytes(file.byteCount)}</span>
                    </li>
                  );
                })}
              </ul>
            )}
          </Answer>
        </div>
      </div>
      <div className="min-w-0">
        {open === '' ? (
          <p className="px-4 py-6 text-ink-2">Choose a file to look at it here.</p>
        ) : (
          <OpenFile key={open} id={id} path={open} />
        )}
      </div>
    </div>
  );
}

function OpenFile({ id, path }: { id: string; path: string }) {
  const [error, setError] = useState<unknown>(null);
  const kind = kindOf(path);
  const name = path.split('/').at(-1) ?? path;
  const download = async (): Promise<void> => {
    try {
      const { blob } = await fileOf(id, path, undefined);
      const address = URL.createObjectURL(blob);
      Object.assign(document.createElement('a'), { href: address, download: name }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1_000);
    } catch (thrown) {
      setError(thrown);
    }
  };
  return (
    <section aria-label={name} className="flex min-w-0 flex-col">
      <header className="flex items-center justify-between gap-3 border-b border-line px-4 py-1">
        <code className="min-w-0 truncate text-xs text-ink-2" title={path}>
          {path}
        </code>
        <button type="button" className="button h-6 px-2 text-xs" onClick={() => void download()}>
          Download
        </button>
      </header>
      {error === null ? null : <Failure error={error} />}
      <div className="max-h-[640px] min-w-0 overflow-auto">
        {kind === 'image' ? (
          <ImageFile id={id} path={path} />
        ) : kind === 'parquet' ? (
          <ParquetFile id={id} path={path} />
        ) : kind === 'other' ? (
          <p className="px-4 py-6 text-ink-2">A file of this kind is not shown here.</p>
        ) : (
          <TextFile id={id} path={path} kind={kind} />
        )}
      </div>
    </section>
  );
}

const useFile = (id: string, path: string, last: number | undefined) =>
  useQuery<{ blob: Blob; byteCount: number }, ApiError>({
    queryKey: ['artifact', id, path, last],
    staleTime: 30_000,
    queryFn: ({ signal }) => fileOf(id, path, last, signal),
  });

function ImageFile({ id, path }: { id: string; path: string }) {
  const query = useFile(id, path, imageLimit - 1);
  const [address, setAddress] = useState('');
  const blob = query.data?.blob;
  useEffect(() => {
    if (blob === undefined) return;
    // an SVG in an image has no scripts and loads nothing
    const made = URL.createObjectURL(path.toLowerCase().endsWith('.svg') ? new Blob([blob], { type: 'image/svg+xml' }) : blob);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [blob, path]);
  return (
    <Answer query={query}>
      {(file) =>
        file.byteCount > imageLimit ? (
          <p className="px-4 py-6 text-ink-2">This image of {bytes(file.byteCount)} is too large to be shown.</p>
        ) : address === '' ? null : (
          <img src={address} alt={path} className="mx-auto max-h-[600px] max-w-full object-contain p-4" />
        )
      }
    </Answer>
  );
}

function TextFile({ id, path, kind }: { id: string; path: string; kind: Kind }) {
  const query = useFile(id, path, textLimit - 1);
  const blob = query.data?.blob;
  const text = useQuery({
    queryKey: ['artifact-text', id, path, query.dataUpdatedAt],
    enabled: blob !== undefined,
    queryFn: () => (blob as Blob).text(),
  }).data;
  return (
    <Answer query={query}>
      {(file) =>
        text === undefined ? null : (
          <>
            <Shown text={text} kind={kind} path={path} isWhole={file.blob.size >= file.byteCount} />
            {file.blob.size >= file.byteCount ? null : (
              <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
                The first {bytes(file.blob.size)} of {bytes(file.byteCount)}.
              </p>
            )}
          </>
        )
      }
    </Answer>
  );
}

function Shown({ text, kind, path, isWhole }: { text: string; kind: Kind; path: string; isWhole: boolean }) {
  const json = useMemo(() => (kind === 'json' ? parsed(text) : undefined), [kind, text]);
  if (kind === 'html') return <HtmlFile text={text} name={path} />;
  if (kind === 'markdown')
    return (
      <div className="p-4">
        <Markdown text={text} />
      </div>
    );
  if (kind === 'table') return <GridView grid={delimited(text, path.toLowerCase().endsWith('.tsv') ? '\t' : ',', rowLimit, isWhole)} />;
  const grid = json === undefined ? undefined : gridOfJson(json, rowLimit);
  if (grid !== undefined) return <GridView grid={grid} />;
  return <pre className="p-4 text-xs whitespace-pre-wrap break-words">{json === undefined ? text : JSON.stringify(json, null, 2)}</pre>;
}

/** Undefined where it is none, or breaks off. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Someone else's page: no scripts, no forms, no way to this one; what it would load from elsewhere stays away. */
const HtmlFile = ({ text, name }: { text: string; name: string }) => (
  <>
    <iframe title={name} sandbox="" srcDoc={text} referrerPolicy="no-referrer" className="h-[520px] w-full bg-white" />
    <p className="border-t border-line px-4 py-2 text-xs text-ink-3">Shown without its scripts, and cut off from this page.</p>
  </>
);

function ParquetFile({ id, path }: { id: string; path: string }) {
  const query = useApi<ArtifactTable>(`/api/v1/runs/${segment(id)}/artifact-table`, { path });
  return (
    <Answer query={query}>
      {(table) => (
        <>
          <GridView grid={{ columns: table.columns.map((column) => column.name), rows: table.rows.map((row) => row.map((cell) => cell ?? '')) }} />
          <p className="border-t border-line px-4 py-2 text-xs text-ink-3">
            {count(table.rowCount)} rows, {table.columns.length} columns: {table.columns.map((column) => `${column.name} ${column.type}`).join(', ').slice(0, 400)}
          </p>
        </>
      )}
    </Answer>
  );
}

function GridView({ grid }: { grid: Grid }) {
  const columns = grid.columns.slice(0, columnLimit);
  return (
    <>
      <table className="data-table">
        <thead>
          <tr>
            {columns.map((column, index) => (
              <th key={index}>{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {grid.rows.map((row, index) => (
            <tr key={index}>
              {columns.map((_column, place) => (
                <td key={place} className="max-w-80 truncate !py-1" title={row[place]}>
                  {row[place] ?? ''}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {grid.rows.length < rowLimit && grid.columns.length <= columnLimit ? null : (
        <p className="px-4 py-2 text-xs text-ink-3">
          The first {grid.rows.length} rows{grid.columns.length > columnLimit ? ` and ${columnLimit} of ${grid.columns.length} columns` : ''}.
        </p>
      )}
    </>
  );
}
