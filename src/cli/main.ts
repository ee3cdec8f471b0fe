import { enableCompileCache } from 'node:module';

enableCompileCache();
// the ONNX runtime sends usage to its maker unless it is told not to before it is loaded
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
// the supervisor that started us was killed: nobody would restart or stop us any more
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();

// no `await` of its own: the built form is in the old module format, which has none
void import('./program.ts').then(async ({ runProgram }) => {
  process.exitCode = await runProgram(process.argv);
});
