import { enableCompileCache } from 'node:module';

enableCompileCache();
// the ONNX runtime sends usage to its maker unless it is told not to before it is loaded
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

const { version } = await import('../platform/package-root.ts');
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
