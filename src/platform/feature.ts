import type { Migrations } from './database/database.ts';
import type { DirectRoutes } from './direct-routes.ts';
import type { Api } from './http.ts';
import type { World } from './world.ts';

/** What a folder adds to the server. */
export interface Feature {
  readonly name: string;
  readonly migrations?: Migrations;
  /** its HTTP routes, with full paths */
  readonly routes?: (world: World) => Api;
  /** those of its routes that are answered without the framework */
  readonly directRoutes?: (world: World) => DirectRoutes;
  /**
   * Job handlers, subscriptions and timers, set up before the server answers.
   *
   * @returns what to do when the server stops
   */
  readonly start?: (world: World) => Promise<Stop | void> | Stop | void;
}

export type Stop = () => void | Promise<void>;
