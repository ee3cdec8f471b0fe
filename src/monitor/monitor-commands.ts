import type { AddCommands } from '../platform/command.ts';
import { addDriftCommand } from './drift/drift-commands.ts';
import { addEstimateCommand } from './estimates/estimate-commands.ts';
import { addPerformanceCommands } from './performance/performance-commands.ts';
import { addReplayCommand } from './replay/replay-commands.ts';

export const addMonitorCommands: AddCommands = (program) => {
  const monitor = program.command('monitor').description('how models do on live traffic: performance, estimates, drift, replay');
  addPerformanceCommands(monitor);
  addDriftCommand(monitor);
  addEstimateCommand(monitor);
  addReplayCommand(monitor);
};
