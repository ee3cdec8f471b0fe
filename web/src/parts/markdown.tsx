import { Fragment, type ReactNode } from 'react';

/**
 * The Markdown of our own documents (cards, handovers) as React nodes: headings, paragraphs, lists, tables, quotes,
 * code, emphasis and links. Never HTML: what looks like it is shown as text.
 */
export const Markdown = ({ text }: { text: string }) => (
  <div className="flex max-w-[76ch] flex-col gap-3 break-words">{blocks(text)}</div>
);

function blocks(text: string): ReactNode[] {
  const lines = withoutFrontMatter(text.replaceAll('\r\n', '\n')).split('\n');
  const out: ReactNode[] = [];
  let at = 0;
  const take = (test: RegExp): string[] => {
    const from = at;
    while (at < lines.length && test.test(lines[at] ?? '')) at += 1;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at] ?? '';
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    if (line.trim() === '') at += 1;
    else if (line.startsWith('```')) {
      at += 1;
      const code = take(/^(?!```)/);
      at += 1;
      out.push(<Code key={at} lines={code} />);
    } else if (/^ {4}\S/.test(line)) {
      out.push(<Code key={at} lines={take(/^ {4}/).map((each) => each.slice(4))} />);
    } else if (heading !== null) {
      at += 1;
      out.push(<Heading key={at} level={heading[1]?.length ?? 1} text={heading[2] ?? ''} />);
    } else if (/^\s*\|/.test(line)) out.push(<Table key={at} rows={take(/^\s*\|/)} />);
    else if (/^\s*[-*+]\s/.test(line)) {
      out.push(
        <ul key={at} className="list-disc pl-5">
          {take(/^(\s*[-*+]\s|\s{2,}\S)/).map((item, index) => (
            <li key={index}>{inline(item.replace(/^\s*[-*+]\s+/, ''))}</li>
          ))}
        </ul>,
      );
    } else if (/^\s*\d+[.)]\s/.test(line)) {
      out.push(
        <ol key={at} className="list-decimal pl-5">
          {take(/^\s*\d+[.)]\s/).map((item, index) => (
            <li key={index}>{inline(item.replace(/^\s*\d+[.)]\s+/, ''))}</li>
          ))}
        </ol>,
      );
    } else if (line.startsWith('>')) {
      out.push(
        <blockquote key={at} className="border-l-2 border-line-strong pl-3 text-ink-2">
          {inline(
            take(/^>/)
              .map((each) => each.replace(/^>\s?/, ''))
              .join(' '),
          )}
        </blockquote>,
      );
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      at += 1;
      out.push(<hr key={at} className="border-line" />);
    } else {
      const paragraph = take(/^(?!\s*$|#{1,6}\s|```|\s*\||\s*[-*+]\s|\s*\d+[.)]\s|>)/);
      // a line that no rule takes is still shown
      if (paragraph.length === 0) at += 1;
      out.push(<p key={at}>{inline(paragraph.length === 0 ? line : paragraph.join(' '))}</p>);
    }
  }
  return out;
}

const Code = ({ lines }: { lines: readonly string[] }) => (
  <pre className="overflow-x-auto rounded-md bg-sunken p-3 text-xs">{lines.join('\n')}</pre>
);

const withoutFrontMatter = (text: string): string => text.replace(/^---\n[\s\S]*?\n---\n/, '');

function Heading({ level, text }: { level: number; text: string }) {
  if (level === 1) return <h2 className="text-xl">{inline(text)}</h2>;
  if (level === 2) return <h3 className="mt-3 text-lg">{inline(text)}</h3>;
  return <h4 className="mt-1 font-semibold">{inline(text)}</h4>;
}

const cells = (row: string): string[] =>
  row
    .trim()
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim());

function Table({ rows }: { rows: readonly string[] }) {
  const [head, ...body] = rows;
  const hasRule = /^\s*\|?\s*:?-+/.test(body[0] ?? '');
  return (
    <div className="overflow-x-auto">
      <table className="data-table">
        <thead>
          <tr>
            {cells(head ?? '').map((cell, index) => (
              <th key={index}>{inline(cell)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {(hasRule ? body.slice(1) : body).map((row, index) => (
            <tr key={index}>
              {cells(row).map((cell, column) => (
                <td key={column}>{inline(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const pattern =
  /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|_([^_\s][^_]*)_(?!\w)|\[([^\]]+)\]\(([^)\s]+)\)/g;

function inline(text: string): ReactNode[] {
  const out: ReactNode[] = [];
  let from = 0;
  for (const match of text.matchAll(pattern)) {
    out.push(text.slice(from, match.index));
    const [whole, code, strong, star, under, label, address] = match;
    out.push(
      <Fragment key={match.index}>
        {code !== undefined ? (
          <code className="rounded-sm bg-sunken px-1">{code}</code>
        ) : strong !== undefined ? (
          <strong>{strong}</strong>
        ) : label !== undefined && address !== undefined ? (
          isSafe(address) ? (
            <a className="link" href={address} rel="noreferrer">
              {label}
            </a>
          ) : (
            whole
          )
        ) : (
          <em>{star ?? under}</em>
        )}
      </Fragment>,
    );
    from = match.index + whole.length;
  }
  out.push(text.slice(from));
  return out;
}

/** Addresses of this page and of the web; never `javascript:`. */
const isSafe = (address: string): boolean => /^(https?:\/\/|\/(?!\/)|#)/i.test(address);
