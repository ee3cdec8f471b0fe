import { writeFileSync } from 'node:fs';
import { withCommonFlags, type AddCommands, type CommonFlags } from '../../platform/command.ts';
import { call } from '../../platform/client.ts';
import type { AuditEventView } from '../../platform/event-api.ts';
import { exitCodes, print } from '../../platform/terminal.ts';
import type { VerdictView } from './audit-api.ts';

const exportPage = 10_000;

export const addAuditCommands: AddCommands = (program) => {
  const audit = program.command('audit').description('who did what, and proof that nobody changed the record');

  withCommonFlags(audit.command('verify').description('walk the hash chain over every event')).action(async (flags: CommonFlags) => {
    const found = await call<VerdictView>(flags, 'GET', '/api/v1/audit/verify');
    print(flags, found, (verdict) =>
      verdict.fault === null
        ? `The log of ${verdict.eventCount} events is whole. Head: ${verdict.head}`
        : `Event ${verdict.fault.seq} is not sound: ${verdict.fault.reason}.`,
    );
    if (!found.isSound) process.exitCode = exitCodes.no;
  });

  withCommonFlags(audit.command('export <file>').description('every event as one JSON line each, oldest first')).action(
    async (file: string, flags: CommonFlags) => {
      const lines: string[] = [];
      for (let afterSeq = 0; ; ) {
        const page = await call<AuditEventView[]>(flags, 'GET', `/api/v1/events?afterSeq=${afterSeq}&limit=${exportPage}`);
        lines.push(...page.map((event) => JSON.stringify(event)));
        const last = page.at(-1);
        if (last === undefined) break;
        afterSeq = last.seq;
      }
      writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
      print(flags, { file, eventCount: lines.length }, (done) => `${done.eventCount} events are in ${done.file}`);
    },
  );
};
