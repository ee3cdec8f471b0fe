import { enableCompileCache } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

enableCompileCache();
// the ONNX runtime sends usage to its maker unless it is told not to before it is loaded
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

const packageFile = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'package.json');
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
const [first] = process.argv.slice(2);

// answered before anything is loaded: scripts ask for it often
if (first === '--version' || first === '-V') {
  process.stdout.write(`${version}\n`);
} else {
  const { runProgram } = await import('./program.ts');
  // the supervisor that started us was killed: nobody would restart or stop us any more
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref();
  process.exitCode = await runProgram(version, process.argv);
}
