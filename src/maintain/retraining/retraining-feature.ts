import type { Feature } from '../../platform/feature.ts';
import { messageOf } from '../../platform/errors.ts';
import { followEvaluations } from '../../monitor/evaluation/evaluation.ts';
import { retrainingMigrations } from './retraining-store.ts';
import { retrainingRoutes } from './retraining-routes.ts';
import { followDecision, followEvaluation, retrainingJobKind, workOn } from './retrainings.ts';

/** Retraining on the server: its routes, its job, and what it listens to. */
export const retrainingFeature: Feature = {
  name: 'retraining',
  migrations: retrainingMigrations,
  routes: retrainingRoutes,
  start: (world) => {
    world.jobs.handle(retrainingJobKind, (input: Parameters<typeof workOn>[1], job) => workOn(world, input, job));
    const stopFollowing = followEvaluations(followEvaluation);
    const stopListening = world.events.subscribe((event) => {
      const isGranted = event.verb === 'model.approve' || event.verb === 'model.approve-alone';
      if (!isGranted && event.verb !== 'model.reject') return;
      void followDecision(world, event.thing, isGranted, event.actor).catch((error: unknown) =>
        world.log.error({ error: messageOf(error) }, 'a decision about a candidate was not followed'),
      );
    });
    return () => {
      stopFollowing();
      stopListening();
    };
  },
};
