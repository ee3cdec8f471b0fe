import { answers, createApi, createRoute, z, type Api } from '../../platform/http.ts';
import type { World } from '../../platform/world.ts';
import { requireRight } from '../../team/can.ts';
import { predictionLog } from '../predictions/predictions.ts';
import { instant } from '../windows/instant.ts';
import { monitoringPlan } from '../windows/monitoring-plan.ts';
import { watermarkOf } from '../windows/watermark-store.ts';
import { performanceHistory, versionComparison, windowPerformance, type PerformanceHistory } from './performance-api.ts';
import { listMarks } from './performance-marks.ts';
import { betterWhen, metricName } from './performance.ts';
import { listPoints, listWindows } from './performance-store.ts';
import { compareVersions } from './window-performance.ts';

const ofModel = z.object({ model: z.string() });
const range = z.object({ from: instant.optional(), to: instant.optional() });

export function performanceRoutes(world: World): Api {
  const { read } = world.database;
  const api = createApi();
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/performance',
      request: { params: ofModel, query: range.extend({ metric: z.string().default('auc') }) },
      responses: answers(performanceHistory, 'One metric of every version over time, with what happened meanwhile'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      const { metric, from, to } = context.req.valid('query');
      const { granularity } = await monitoringPlan(read, model);
      const name = metricName(metric);
      const points = await listPoints(read, model, { granularity, metric: name, from, to });
      const history: PerformanceHistory = {
        model,
        metric: name,
        granularity,
        betterWhen: betterWhen[name] ?? null,
        watermark: (await watermarkOf(read, model))?.at ?? null,
        series: [...Map.groupBy(points, (point) => `${point.version} ${point.variant}`).values()].map((group) => ({
          version: group[0]?.version ?? 0,
          variant: group[0]?.variant ?? '',
          runId: group[0]?.runId ?? null,
          points: group.map(({ windowStart, windowEnd, state, isPartial, value, low, high, rowCount, labelledCount }) => ({
            windowStart,
            windowEnd,
            state,
            isPartial,
            value,
            low,
            high,
            rowCount,
            labelledCount,
          })),
        })),
        marks: await listMarks(read, model),
      };
      return context.json(history, 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/performance/windows',
      request: { params: ofModel, query: range },
      responses: answers(z.array(windowPerformance), 'All metrics of all windows, oldest first, with calibration'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { model } = context.req.valid('param');
      const { granularity } = await monitoringPlan(read, model);
      return context.json(await listWindows(read, model, { granularity, ...context.req.valid('query') }), 200);
    },
  );
  api.openapi(
    createRoute({
      method: 'get',
      path: '/api/v1/models/{model}/compare',
      request: {
        params: ofModel,
        query: z.object({ candidate: z.coerce.number().int(), champion: z.coerce.number().int(), from: instant, to: instant }),
      },
      responses: answers(versionComparison, 'Two versions on the rows that both answered'),
    }),
    async (context) => {
      requireRight(context.var.actor, 'read');
      const { candidate, champion, from, to } = context.req.valid('query');
      const log = await predictionLog(world);
      return context.json(await compareVersions(log, context.req.valid('param').model, candidate, champion, from, to), 200);
    },
  );
  return api;
}
