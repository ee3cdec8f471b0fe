import type { TemplateDescription } from '../../../src/start/new-project/new-project-api.ts';
import { many } from '../platform/format.ts';
import { Badge, Panel } from '../parts/basics.tsx';
import { Icon } from '../parts/icon.tsx';

/** The code that a template brings along, to be read before it is allowed to run. */
export function TemplateCodePanel(props: {
  description: TemplateDescription;
  isAllowed: boolean;
  mayAllow: boolean;
  onChange: (isAllowed: boolean) => void;
}) {
  // an empty file makes a folder a Python package and does nothing
  const code = props.description.code.filter((file) => file.text.trim() !== '');
  if (props.description.code.length === 0) return null;
  const extensions = code.filter((each) => each.kind === 'extension');
  return (
    <Panel
      title="Code of the template"
      aside={
        <Badge tone={props.isAllowed ? 'warn' : 'plain'}>
          {props.isAllowed ? 'will run' : 'will not run'}
        </Badge>
      }
    >
      <p className="max-w-prose text-sm">
        This template brings {many(code.length, 'file')} of code that want to run on the server’s machine,
        with all that the server may do there. Read them first.
      </p>
      <ul className="mt-3 divide-y divide-line overflow-hidden rounded-md border border-line">
        {code.map((file) => (
          <li key={file.file}>
            <details className="group">
              <summary className="flex items-center gap-2.5 px-3 py-2 hover:bg-sunken [&::-webkit-details-marker]:hidden">
                <Icon
                  name="arrow"
                  size={12}
                  className="text-ink-3 transition-transform group-open:rotate-90"
                />
                <code className="min-w-0 flex-1 text-xs break-all">{file.file}</code>
                <span className="text-xs text-ink-3">{many(file.text.split('\n').length - 1, 'line')}</span>
              </summary>
              <pre className="max-h-96 overflow-auto border-t border-line bg-sunken p-3 text-xs" tabIndex={0}>
                {file.text}
              </pre>
            </details>
          </li>
        ))}
      </ul>
      <label className="mt-4 flex items-start gap-2 text-sm">
        <input
          type="checkbox"
          className="mt-1 accent-(--accent)"
          checked={props.isAllowed}
          disabled={!props.mayAllow}
          onChange={(event) => props.onChange(event.target.checked)}
        />
        <span>
          <span className="font-medium">Run this code on the server’s machine</span>
          <span className="block text-ink-2">
            {props.mayAllow
              ? props.isAllowed
                ? 'Exactly the code shown here runs; if it changes in the meantime, nothing is started.'
                : extensions.length > 0
                  ? 'Without it this template can’t be rendered: it needs its own Python.'
                  : 'Without it the files are made and the hooks are left out. Some templates are not complete then.'
              : 'You may not allow this; it takes a maintainer or an admin.'}
          </span>
        </span>
      </label>
    </Panel>
  );
}
